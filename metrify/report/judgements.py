"""What the lake's tables of judgements say of a stretch of local days, as frames that pages are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.lake.tables import Lake
from metrify.localtime import day_start
from metrify.schema import EDIT, FINDING, GRADE, METER, QUALITY, QUARANTINE, READING, Table
from metrify.vee.edits.inforce import HOLDS, columns_of, current_values, states

__all__ = ["Day", "Judgements", "in_force"]

Day = np.datetime64
"""a local date, datetime64[D]"""


def _none(table: Table, columns: Iterable[str] | None = None) -> pd.DataFrame:
    return _frame(table.schema.empty_table().select(list(columns or table.names)))


@dataclass(frozen=True)
class Judgements:
    """Rows of the tables, texts as categories, local dates as datetime64 without a zone, times in UTC."""

    grades: pd.DataFrame = field(default_factory=lambda: _none(GRADE))
    scores: pd.DataFrame = field(default_factory=lambda: _none(QUALITY))
    findings: pd.DataFrame = field(default_factory=lambda: _none(FINDING))
    edits: pd.DataFrame = field(default_factory=lambda: judged_edits(EDIT.schema.empty_table()))
    """with their `state` as `vee.inforce` has it; of the fleet, no edit is stale: that takes all readings to tell"""
    quarantined: pd.DataFrame = field(default_factory=lambda: _none(QUARANTINE, _QUARANTINE))
    readings: int = 0
    """rows of READING"""
    known: frozenset[str] = frozenset()
    """meters of METER"""

    @classmethod
    def read(
        cls, lake: Lake, since: Day | None = None, until: Day | None = None, *, meter_id: str = "", zone: str = "UTC"
    ) -> Judgements:
        """Local days from `since` on and before `until`, of all meters or of one.

        Times are cut at midnight of `zone`. A row in quarantine of which no time is known is in every stretch; so is
        every row of the fleet's quarantine of which no meter is known, but in no meter's.
        """
        meters = {"meter_ids": [meter_id]} if meter_id else {}
        days = {**meters, "since": since, "until": until}
        times = {**meters, "since": _midnight(since, zone), "until": _midnight(until, zone)}
        whole = not meters and since is None and until is None
        return cls(
            _frame(lake.read(GRADE, **days)),
            _frame(lake.read(QUALITY, **days)),
            _frame(lake.read(FINDING, **times)),
            _edits(lake, meter_id, times),
            _refused(lake, times["since"], times["until"], meter_id),
            lake.count(READING) if whole else lake.read(READING, columns=["timestamp"], **times).num_rows,
            frozenset(lake.read(METER, columns=["meter_id"])["meter_id"].to_pylist()),
        )


_QUARANTINE = ["table", "reason", "meter_id", "timestamp", "ingested_at"]


def in_force(edits: pd.DataFrame) -> pd.DataFrame:
    """Those of `Judgements.edits` that hold."""
    return edits[edits["state"] == HOLDS]


def judged_edits(edits: pa.Table, readings: pa.Table | None = None) -> pd.DataFrame:
    """EDIT rows with their `state`; of the READING rows given, one that changed since makes an edit stale."""
    before = edits["before"].to_numpy().astype(np.float64)
    found = states(edits, before if readings is None else current_values(edits, readings))
    return _frame(edits.drop_columns(["edit_id"])).assign(state=found)


def _edits(lake: Lake, meter_id: str, times: dict[str, Any]) -> pd.DataFrame:
    edits = lake.read(EDIT, **times)
    columns = ["meter_id", "timestamp", *columns_of(edits, READING.names)]
    return judged_edits(edits, lake.read(READING, columns=columns, **times) if meter_id else None)


def _refused(lake: Lake, since: Day | None, until: Day | None, meter_id: str) -> pd.DataFrame:
    rows = _frame(lake.read(QUARANTINE, columns=_QUARANTINE))
    times = rows["timestamp"]
    keep = pd.Series(True, rows.index)
    if since is not None:
        keep &= ~(times < pd.Timestamp(since, tz="UTC"))
    if until is not None:
        keep &= ~(times >= pd.Timestamp(until, tz="UTC"))
    if meter_id:
        keep &= rows["meter_id"] == meter_id
    return rows[keep].reset_index(drop=True)


def _midnight(day: Day | None, zone: str) -> np.datetime64 | None:
    return None if day is None else day_start(np.array([day], "datetime64[D]").astype(np.int32), zone)[0]


def _frame(rows: pa.Table) -> pd.DataFrame:
    texts = [column.name for column in rows.schema if pa.types.is_string(column.type)]
    found = rows.to_pandas(categories=texts, date_as_object=False)
    return found.assign(**{name: found[name].astype("datetime64[ns]") for name in found if name == "local_date"})
