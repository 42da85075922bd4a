"""The league: who competed, who won, by how much."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.report.words import percent, plain

__all__ = ["COLUMNS", "champion", "headline", "standings"]

COLUMNS = ("family", "version", "role", "wape", "mae", "rmse", "mase", "r2", "pinball", "coverage_80", "seconds")


def standings(league: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS, the best WAPE first, with `gain`: by which share a row's WAPE is below that of the best baseline."""
    table = league.reindex(columns=list(COLUMNS)).sort_values("wape", na_position="last", ignore_index=True)
    naive = table.loc[table["role"] == "baseline", "wape"].min()
    return table.assign(gain=1 - table["wape"].astype(float) / (naive if naive else np.nan))


def champion(table: pd.DataFrame) -> pd.Series | None:
    """The row of the champion in `standings`, else the best one; None where nobody competed."""
    if table.empty:
        return None
    crowned = table[table["role"] == "champion"]
    return (table if crowned.empty else crowned).iloc[0]


def headline(table: pd.DataFrame) -> str:
    """What came of it, in a sentence or two."""
    best = champion(table)
    if best is None:
        return "No model has been compared yet."
    name = best["family"] if pd.isna(best["version"]) else f"{best['family']} version {plain(best['version'])}"
    text = f"{name} has a WAPE of {percent(best['wape'])}"
    rivals = table[table["role"] == "baseline"]
    if len(rivals) and not pd.isna(best["gain"]) and best["role"] != "baseline":
        side = "below" if best["gain"] >= 0 else "above"
        text += f", {percent(abs(best['gain']))} {side} that of the best baseline, {rivals.iloc[0]['family']}"
    if not pd.isna(best["coverage_80"]):
        text += f". Its 80\N{NO-BREAK SPACE}% band held {percent(best['coverage_80'])} of what came true"
    return f"{text}."
