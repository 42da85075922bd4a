"""From long rows of the lake to panels: meters that share a clock and an interval length become one dense matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.settings import SiteSettings

__all__ = ["MeterGroup", "aligned_panel", "meter_groups"]

Times = NDArray[np.datetime64]
_DAY = 1440


@dataclass(frozen=True)
class MeterGroup:
    """Meters of one clock, holiday calendar and interval length."""

    panel: Panel
    meters: pd.DataFrame
    """METER attributes indexed by meter_id, one row per meter of `panel`, in its order"""
    zone: str
    country: str
    subdivision: str
    available: NDArray[np.int64] | None
    """when each value could be known [s since 1970], shape [M, T]; None: all of them when their interval ended"""

    @property
    def exports(self) -> NDArray[np.bool_]:
        """Which meters have generation behind them and may give energy back, shape [M]."""
        return pd.to_numeric(self.meters["pv_kw"], errors="coerce").fillna(0).to_numpy() > 0


def meter_groups(readings: pa.Table, column: str, meters: pd.DataFrame, site: SiteSettings) -> Iterator[MeterGroup]:
    """Lay one column of READING rows (meter_id, timestamp, available_at, `column`) out as panels, in any row order.

    `meters` are METER rows in force; what they do not say of a meter, `site` does. The interval length is the one
    that METER states, else the most frequent distance between the meter's readings.
    """
    meter_ids, rows = _coded(readings["meter_id"])
    times = readings["timestamp"].to_numpy().astype("datetime64[s]")
    values = readings[column].to_numpy()
    known_at = readings["available_at"].to_numpy().astype("datetime64[s]").astype(np.int64)
    attributes = meters.set_index("meter_id").reindex(meter_ids)
    keys = pd.DataFrame(
        {
            name: attributes[name].fillna(getattr(site, name)).to_numpy(str)
            for name in ("zone", "country", "subdivision")
        }
    )
    keys["minutes"] = _interval_of_each(rows, times, len(meter_ids), attributes["interval_minutes"])
    for (zone, country, subdivision, step), members in keys.groupby(list(keys.columns), sort=True).groups.items():
        place = np.full(len(meter_ids), -1)
        group = np.sort(members.to_numpy())
        place[group] = np.arange(len(group))
        mine = slice(None) if len(group) == len(meter_ids) else place[rows] >= 0
        panel = Panel.from_long(meter_ids[group], place[rows[mine]], times[mine], values[mine], int(step))
        available = _available(panel, place[rows[mine]], times[mine], known_at[mine])
        yield MeterGroup(panel, attributes.iloc[group], zone, country, subdivision, available)


def aligned_panel(rows: pa.Table, column: str, meter_ids: NDArray[np.str_], step_minutes: int) -> Panel | None:
    """One column of long rows for just these meters (sorted); None where there is no row of any of them."""
    if not rows.num_rows:
        return None
    names, place = _coded(rows["meter_id"])
    target = np.minimum(np.searchsorted(meter_ids, names), len(meter_ids) - 1)
    target = np.where(meter_ids[target] == names, target, -1)[place]
    mine = target >= 0
    if not mine.any():
        return None
    times = rows["timestamp"].to_numpy().astype("datetime64[s]")[mine]
    return Panel.from_long(meter_ids, target[mine], times, rows[column].to_numpy()[mine], step_minutes)


def _coded(meter_id: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Sorted meter ids, and the place of each row's meter among them."""
    column = meter_id if pa.types.is_dictionary(meter_id.type) else pc.dictionary_encode(meter_id)
    encoded = pa.chunked_array(column.unify_dictionaries()).combine_chunks()
    names, place = np.unique(encoded.dictionary.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    return names, place[encoded.indices.to_numpy()]


def _interval_of_each(rows: NDArray[np.int64], times: Times, meters: int, stated: pd.Series) -> NDArray[np.int64]:
    minutes = times.astype(np.int64) // 60
    meter_step, time_step = np.diff(rows), np.diff(minutes)
    if not np.all((meter_step > 0) | ((meter_step == 0) & (time_step > 0))):
        order = np.lexsort((minutes, rows))
        rows, minutes = rows[order], minutes[order]
        meter_step, time_step = np.diff(rows), np.diff(minutes)
    usable = (meter_step == 0) & (time_step > 0) & (time_step <= _DAY)
    cells = rows[1:][usable] * (_DAY + 1) + time_step[usable]
    counts = np.bincount(cells, minlength=meters * (_DAY + 1)).reshape(meters, -1)
    seen = np.where(counts.any(axis=1), counts.argmax(axis=1), 60)  # one reading alone says nothing
    named = pd.to_numeric(stated, errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(named), named, seen).astype(np.int64)


def _available(panel: Panel, rows: NDArray, times: Times, known_at: NDArray[np.int64]) -> NDArray[np.int64] | None:
    step = panel.step_minutes * 60
    if not (known_at > times.astype(np.int64) + step).any():
        return None
    available = np.zeros(panel.values.shape, np.int64)
    available[rows, (times - panel.start) // np.timedelta64(step, "s")] = known_at
    return available
