"""Intervals that were reported more than once with different values, as the superseded versions show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.lake.keys import match
from metrify.panel import Panel

__all__ = ["Repeats"]

_KEY = ["meter_id", "timestamp"]


@dataclass(frozen=True)
class Repeats:
    """The reports of which an earlier one said something else."""

    reports: pd.DataFrame
    """meter_id, timestamp [UTC], known_at (when both could be known, s since 1970; 0: when the interval ended)"""

    @classmethod
    def of(cls, readings: pa.Table, superseded: pa.Table, column: str) -> Repeats | None:
        """From READING and READING_HISTORY rows with meter_id, timestamp, available_at and `column`; None: no repeat.

        A report without a value in `column` is no report of it.
        """
        mine = readings.select([*_KEY, column, "available_at"])
        older = superseded.select(mine.column_names).cast(mine.schema)
        place = match(older, mine, _KEY)
        current = mine.take(pa.array(np.unique(place[place >= 0])))
        reports = pa.concat_tables([older, current]).to_pandas().dropna(subset=[column])
        reports["meter_id"] = reports["meter_id"].astype(str)
        reports["known_at"] = _seconds(reports.pop("available_at"))
        reports = reports.sort_values([*_KEY, "known_at"], kind="stable")
        other = reports[column] != reports.groupby(_KEY, sort=False)[column].transform("first")
        return cls(reports.loc[other, [*_KEY, "known_at"]].reset_index(drop=True)) if other.any() else None

    def on(self, panel: Panel) -> NDArray[np.int64] | None:
        """When a second value could be known [s since 1970; 0: there is none], shape [M, T]; None: nowhere."""
        meter = pd.Index(panel.meter_ids).get_indexer(self.reports["meter_id"])
        ends = panel.times.astype(np.int64) + panel.step_minutes * 60
        start = panel.start.astype("datetime64[s]").astype(np.int64)
        interval = (_seconds(self.reports["timestamp"]) - start) // (panel.step_minutes * 60)
        inside = (meter >= 0) & (interval >= 0) & (interval < len(ends))
        if not inside.any():
            return None
        cells = meter[inside], interval[inside]
        never = np.iinfo(np.int64).max
        known_at = np.full(panel.values.shape, never)
        np.minimum.at(known_at, cells, np.maximum(self.reports["known_at"].to_numpy()[inside], ends[cells[1]]))
        return np.where(known_at < never, known_at, 0)


def _seconds(times: pd.Series) -> NDArray[np.int64]:
    """Times [UTC] in seconds since 1970; 0 where there is none."""
    seconds = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(seconds), 0, seconds.astype(np.int64))
