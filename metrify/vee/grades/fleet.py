"""The grades of a fleet in a few figures: how many days of each grade, and where the worst are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from metrify.errors import EmptyTable, UnknownMeter
from metrify.lake.scan import Time
from metrify.lake.tables import Lake
from metrify.schema import EDIT, GRADE
from metrify.vee.grades.points import GRADES, bad, points

__all__ = ["FleetQuality", "fleet_quality"]


@dataclass(frozen=True)
class FleetQuality:
    """Meter-days by grade, the worst meters and days, and what to do next."""

    meters: int
    days: dict[str, int]
    """meter-days of each grade"""
    since: date
    until: date
    """local dates of the first and the last day"""
    measured: float
    estimated: float
    """shares of the intervals, averaged over the meter-days"""
    worst_meters: list[dict[str, Any]]
    """meter_id, days, bad_days (D to F), points (0 for a day of A, 5 for one of F), measured, estimated"""
    worst_days: list[dict[str, Any]]
    """meter_id, local_date, grade, measured, estimated, reason"""
    next_step: str


def fleet_quality(
    lake: Lake, *, worst: int = 10, since: Time | None = None, until: Time | None = None, meter_id: str | None = None
) -> FleetQuality:
    """What GRADE says of the local days from `since` on and before `until`, of one meter or all.

    Raises EmptyTable where no such day is graded, UnknownMeter.
    """
    if meter_id is not None and meter_id not in set(known := lake.meters()["meter_id"]):
        raise UnknownMeter([meter_id], len(known))
    meters = None if meter_id is None else [meter_id]
    rows = lake.read(GRADE, since=since, until=until, meter_ids=meters).to_pandas()
    if rows.empty:
        raise EmptyTable("GRADE", "Grade the days with `metrify vee`, or ask for other dates.")
    rows["points"] = points(rows["grade"])
    counts = rows["grade"].value_counts()
    ends = rows["local_date"].min(), rows["local_date"].max()
    means = float(rows["measured"].mean()), float(rows["estimated"].mean())
    days = {letter: int(counts.get(letter, 0)) for letter in GRADES}
    worst_of = _worst_meters(rows, worst), _worst_days(rows, worst)
    return FleetQuality(rows["meter_id"].nunique(), days, *ends, *means, *worst_of, _next_step(lake, rows))


def _worst_meters(rows: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    """Those with the most points, worse than A alone."""
    found = rows.assign(bad=bad(rows["points"].to_numpy())).groupby("meter_id").agg(
        days=("points", "size"),
        bad_days=("bad", "sum"),
        points=("points", "sum"),
        measured=("measured", "mean"),
        estimated=("estimated", "mean"),
    )  # fmt: skip
    found = found[found["points"] > 0].reset_index().sort_values(["points", "meter_id"], ascending=[False, True])
    return found.head(most).to_dict("records")


def _worst_days(rows: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    order = ["points", "measured", "meter_id", "local_date"]
    found = rows[rows["points"] > 0].sort_values(order, ascending=[False, True, True, True])
    return found[["meter_id", "local_date", "grade", "measured", "estimated", "reason"]].head(most).to_dict("records")


def _next_step(lake: Lake, rows: pd.DataFrame) -> str:
    """The verb that helps most."""
    empty = bool(np.any(rows["measured"] + rows["estimated"] < 1 - 1e-9))
    worst = rows.sort_values("points", ascending=False)["meter_id"].iloc[0]
    if empty and not _imputed(lake):
        return "Put estimates where readings are missing or wrong: `metrify impute`."
    if empty:
        return (
            "Some intervals have no value that could be estimated: load late readings with `metrify ingest readings`, "
            "or put values in by hand with `metrify edit apply FILE.csv`."
        )
    if rows["points"].any():
        return f"See what stands in for the worst meter: `metrify edit list --meter {worst}`."
    return "Nothing to mend: every interval has a valid measurement."


def _imputed(lake: Lake) -> bool:
    edits = lake.read(EDIT, columns=["method"])
    return bool(pc.any(pc.not_equal(edits["method"], "manual")).as_py()) if edits.num_rows else False
