"""What the graph answers about anomalies, quality and maintenance, as the tables of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metrify.lake.tables import Lake
from metrify.quickstart.graph import ask
from metrify.quickstart.log import Say
from metrify.schema import RISK
from metrify.settings import Workspace

__all__ = ["Served", "ask_the_others"]

SHOWN = 12
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Served:
    """One table a task, the most striking answers first; the columns' names are headings."""

    tables: dict[str, pd.DataFrame]
    requests: int


def ask_the_others(workspace: Workspace, url: str, say: Say, until: np.datetime64) -> Served:
    """Ask for a week of every meter, and for the equipment that the batch found the most at risk."""
    meters = Lake(workspace).meters()["meter_id"].tolist()
    period = {"since": f"{until - 7 * _DAY}Z", "until": f"{until}Z"}
    anomalies = ask(url, "/v1/anomalies", {"meter_ids": meters, **period}, say)["anomalies"]
    last = str((until - _DAY).astype("datetime64[D]"))
    first = str((until - 7 * _DAY).astype("datetime64[D]"))
    days = ask(url, "/v1/quality", {"meter_ids": meters, "first": first, "last": last}, say)["quality"]
    risky = Lake(workspace).read(RISK).to_pandas().dropna(subset=["probability"]).nlargest(SHOWN, "probability")
    body = {"asset_ids": risky["asset_id"].drop_duplicates().tolist(), "as_of": f"{until}Z"}
    risks = ask(url, "/v1/maintenance/risk", body, say)["risks"]
    return Served({"anomaly": _anomalies(anomalies), "quality": _quality(days), "maintenance": _risks(risks)}, 3)


def _columns(answers: list[dict[str, Any]], names: tuple[str, ...]) -> pd.DataFrame:
    """Columns of several subjects as one long table."""
    parts = [pd.DataFrame({"Meter": one["meter_id"], **{name: one[name] for name in names}}) for one in answers]
    return pd.concat(parts, ignore_index=True)


def _anomalies(answers: list[dict[str, Any]]) -> pd.DataFrame:
    rows = _columns(answers, ("timestamp", "score", "verdict", "reason"))
    rows = rows[rows["verdict"]].sort_values("score", ascending=False).drop_duplicates("Meter")
    return (
        rows[["Meter", "timestamp", "score", "reason"]]
        .rename(columns={"timestamp": "Interval [UTC]", "score": "Score", "reason": "Why"})
        .head(SHOWN)
    )


def _quality(answers: list[dict[str, Any]]) -> pd.DataFrame:
    rows = _columns(answers, ("local_date", "score", "estimation_risk", "reason")).sort_values("score")
    names = {"local_date": "Day", "score": "Score", "estimation_risk": "Estimation tomorrow", "reason": "Why"}
    return rows.rename(columns=names).head(SHOWN)


def _risks(answers: list[dict[str, Any]]) -> pd.DataFrame:
    rows = pd.DataFrame(answers)[["asset_id", "probability", "health", "reason"]]
    names = {"asset_id": "Equipment", "probability": "Chance", "health": "Health", "reason": "Why"}
    return rows.rename(columns=names)
