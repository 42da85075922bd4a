"""The tables of the quality pages: rules, estimates, meters, quarantine and runs of edits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.report.grades import GradeMatrix, level
from metrify.report.judgements import in_force
from metrify.report.words import count
from metrify.vee.grades.points import GRADES

__all__ = ["by_method", "by_reason", "by_rule", "edit_runs", "latest_scores", "shares_of_intervals", "worst_days"]

_NAMED = 3
"""How many rules are named of a meter."""


def by_rule(findings: pd.DataFrame, meters: int) -> pd.DataFrame:
    """rule, severity, findings, intervals, share (of all intervals found), meters, meter_share; the most first."""
    found = findings.astype({"rule": object, "severity": object, "meter_id": object})
    rows = found.groupby(["rule", "severity"], as_index=False, sort=False).agg(
        findings=("timestamp", "size"), intervals=("intervals", "sum"), meters=("meter_id", "nunique")
    )
    rows["share"] = rows["intervals"] / max(rows["intervals"].sum(), 1)
    rows["meter_share"] = rows["meters"] / max(meters, 1)
    return rows.sort_values(["intervals", "rule"], ascending=[False, True], ignore_index=True)


def by_method(edits: pd.DataFrame) -> pd.DataFrame:
    """Edits that hold: column, method, values, share, meters and width of the band (mean); the most first."""
    held = in_force(edits).astype({"column": object, "method": object, "meter_id": object})
    rows = (
        held.assign(width=held["high"] - held["low"])
        .groupby(["column", "method"], as_index=False)
        .agg(values=("timestamp", "size"), meters=("meter_id", "nunique"), width=("width", "mean"))
    )
    rows["share"] = rows["values"] / max(rows["values"].sum(), 1)
    return rows.sort_values(["values", "method"], ascending=[False, True], ignore_index=True)


def by_reason(quarantined: pd.DataFrame) -> pd.DataFrame:
    """table, reason and rows; the most first."""
    found = quarantined.astype({"table": object, "reason": object})
    rows = found.groupby(["table", "reason"], as_index=False).size().rename(columns={"size": "rows"})
    return rows.sort_values(["rows", "reason"], ascending=[False, True], ignore_index=True)


def shares_of_intervals(grades: pd.DataFrame) -> tuple[float, float, float]:
    """Measured, estimated, and neither (missing, or wrong): means over the meter-days; NaN without any."""
    measured, estimated = float(grades["measured"].mean()), float(grades["estimated"].mean())
    return measured, estimated, float(np.clip(1 - measured - estimated, 0, 1))


def worst_days(grades: pd.DataFrame, findings: pd.DataFrame, found: GradeMatrix, most: int) -> pd.DataFrame:
    """The worst meters: meter_id, days (of A to F, [6]), bad_days, measured, estimated, missing, worst, why and rules.

    `worst` says grade and date of the worst day, the latest of several, `why` the reason of that grade; `rules` which
    rules found the most in these days.
    """
    names = [str(name) for name in found.meters[:most]]
    mine = grades[grades["meter_id"].isin(names)].astype({"meter_id": object, "reason": object})
    parts = {str(meter): rows for meter, rows in mine.assign(level=level(mine["grade"])).groupby("meter_id")}
    told = _rules(findings[findings["meter_id"].isin(names)])
    bad = found.bad_days
    return pd.DataFrame(
        [
            {"meter_id": name, "bad_days": int(bad[k]), **_of_meter(parts[name]), "rules": told.get(name, "")}
            for k, name in enumerate(names)
        ]
    )


def _of_meter(rows: pd.DataFrame) -> dict[str, object]:
    worst = rows.sort_values(["level", "measured", "local_date"], ascending=[True, False, True]).iloc[-1]
    measured, estimated, missing = shares_of_intervals(rows)
    bad = worst["level"] > 1
    return {
        "days": np.bincount(rows["level"], minlength=len(GRADES) + 1)[1:],
        "measured": measured,
        "estimated": estimated,
        "missing": missing,
        "worst": f"{GRADES[worst['level'] - 1]} on {worst['local_date']:%Y-%m-%d}" if bad else "",
        "why": str(worst["reason"] or "") if bad and pd.notna(worst["reason"]) else "",
    }


def _rules(findings: pd.DataFrame) -> dict[str, str]:
    """By meter, the rules that found the most intervals, with their number."""
    found = findings.astype({"meter_id": object, "rule": object}).groupby(["meter_id", "rule"])["intervals"].sum()
    told = {}
    for meter, sums in found.sort_values(ascending=False, kind="stable").groupby(level="meter_id", sort=False):
        named = [f"{rule} {count(number)}" for (_, rule), number in sums.head(_NAMED).items()]
        told[str(meter)] = ", ".join([*named, *(["..."] if len(sums) > _NAMED else [])])
    return told


def latest_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """By meter_id, of the model that judged last: mean score, and risk and its reason of the meter's last day."""
    if scores.empty:
        return pd.DataFrame(columns=["score", "estimation_risk", "reason", "local_date"])
    ordered = scores.astype({"meter_id": object, "model": object}).sort_values(["local_date", "model"])
    mine = ordered[ordered["model"] == ordered["model"].iloc[-1]].groupby("meter_id")
    return mine[["estimation_risk", "reason", "local_date"]].last().assign(score=mine["score"].mean())


def edit_runs(edits: pd.DataFrame, step: pd.Timedelta) -> pd.DataFrame:
    """Edits of one meter as runs of neighbouring intervals of the same method, reason, author, time and state.

    Columns timestamp, until, intervals, column, method, before and after (sums), width (mean), author, reason,
    edited_at, state, undone_at, undone_by; the latest first.
    """
    same = ["column", "method", "author", "reason", "edited_at", "state", "undone_at", "undone_by"]
    rows = edits.astype(dict.fromkeys([*same[:4], "undone_by"], object)).sort_values(
        [*same, "timestamp"], ignore_index=True
    )
    if rows.empty:
        return rows.assign(until=rows["timestamp"], intervals=0, width=np.nan)
    before = rows.shift()
    joined = (rows["timestamp"] - before["timestamp"]) == step
    for name in same:
        joined &= (rows[name] == before[name]) | (rows[name].isna() & before[name].isna())
    runs = rows.assign(width=rows["high"] - rows["low"]).groupby((~joined).cumsum().rename(None))
    found = rows.loc[~joined, ["timestamp", *same]].set_axis(runs.size().index)
    found["until"], found["intervals"] = runs["timestamp"].last() + step, runs.size()
    found["width"] = runs["width"].mean()
    for name in ("before", "after"):
        found[name] = runs[name].sum(min_count=1)
    return found.sort_values(["timestamp", "column"], ascending=[False, True], ignore_index=True)
