"""From long rows of the lake to panels: meters that share a clock and an interval length become one dense matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.intervals import grids
from metrify.panel import Panel
from metrify.schema import READING, SOLAR
from metrify.settings import SiteSettings

__all__ = ["MeterGroup", "aligned_panel", "meter_groups"]

Times = NDArray[np.datetime64]
_CALENDAR = ("zone", "country", "subdivision")
_AMOUNTS = {column.name for table in (READING, SOLAR) for column in table.columns if column.unit in {"kWh", "kvarh"}}
"""Columns that add up over time."""
_NET = 0.01
"""A meter of which nothing is said about generation exports if this share of its readings is below zero."""


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
    """when late values could be known [s since 1970; 0: when their interval ended], shape [M, T]; None: none is late"""
    column: str
    """of READING"""

    @property
    def signed(self) -> NDArray[np.bool_]:
        """Of which meters values below zero are right, shape [M]: generation behind them, or no amount of energy."""
        if self.column not in {"kwh", "kwh_export"}:
            return np.ones(len(self.meters), bool)
        rated = pd.to_numeric(self.meters["pv_kw"], errors="coerce").to_numpy(np.float64)
        negative = (self.panel.values < 0).mean(axis=1) if self.panel.values.shape[1] else np.zeros(len(rated))
        return np.where(np.isfinite(rated), rated > 0, negative > _NET)


def meter_groups(
    readings: pa.Table, column: str, meters: pd.DataFrame, site: SiteSettings, *, step_minutes: int | None = None
) -> Iterator[MeterGroup]:
    """Lay one column of READING rows (meter_id, timestamp, available_at, `column`) out as panels, in any row order.

    `meters` are METER rows in force; what they do not say of a meter, `site` does. `step_minutes` overrules the
    interval length that METER states or the readings show.
    """
    meter_ids, rows = _coded(readings["meter_id"])
    times = readings["timestamp"].to_numpy().astype("datetime64[s]")
    attributes = meters.set_index("meter_id").reindex(meter_ids)
    stated = attributes["interval_minutes"] if step_minutes is None else pd.Series(step_minutes, attributes.index)
    keys = pd.DataFrame({name: attributes[name].fillna(getattr(site, name)).to_numpy(str) for name in _CALENDAR})
    keys["minutes"], keys["phase"] = grids(rows, times, len(meter_ids), stated)
    long = _Long(rows, times, readings[column].to_numpy(), readings["available_at"].to_numpy(), column)
    for (zone, country, subdivision, step, phase), members in keys.groupby(list(keys.columns)).groups.items():
        group = np.sort(members.to_numpy())
        panel, available = long.panel(meter_ids, group, int(step), int(phase))
        yield MeterGroup(panel, attributes.iloc[group], zone, country, subdivision, available, column)


def aligned_panel(
    rows: pa.Table, column: str, meter_ids: NDArray[np.str_], step_minutes: int, phase_minutes: int
) -> tuple[Panel, NDArray[np.int64] | None] | None:
    """One column of long rows for just these meters (sorted), and when late values could be known, as in MeterGroup.

    None where there is no row of any of them.
    """
    if not rows.num_rows:
        return None
    names, place = _coded(rows["meter_id"])
    target = np.minimum(np.searchsorted(meter_ids, names), len(meter_ids) - 1)
    target = np.where(meter_ids[target] == names, target, -1)[place]
    mine = rows.filter(pa.array(target >= 0))
    if not mine.num_rows:
        return None
    times = mine["timestamp"].to_numpy().astype("datetime64[s]")
    long = _Long(target[target >= 0], times, mine[column].to_numpy(), mine["available_at"].to_numpy(), column)
    return long.panel(meter_ids, np.arange(len(meter_ids)), step_minutes, phase_minutes)


@dataclass(frozen=True)
class _Long:
    """Long rows: the meter of each, its time, its value and when it could be known."""

    rows: NDArray[np.int64]
    times: Times
    values: NDArray[np.float64]
    available_at: Times
    column: str

    def panel(
        self, meter_ids: NDArray[np.str_], group: NDArray[np.int64], step: int, phase: int
    ) -> tuple[Panel, NDArray[np.int64] | None]:
        """The panel of the meters in `group` (sorted), and when late values could be known."""
        place = np.full(len(meter_ids), -1)
        place[group] = np.arange(len(group))
        mine = slice(None) if len(group) == len(meter_ids) else place[self.rows] >= 0
        rows, times = place[self.rows[mine]], self.times[mine]
        amount = self.column in _AMOUNTS
        panel = Panel.from_long(
            meter_ids[group], rows, times, self.values[mine], step, phase_minutes=phase, add_up=amount
        )
        known_at = self.available_at[mine].astype("datetime64[s]")
        late = ~np.isnat(known_at) & (known_at > times + np.timedelta64(step * 60, "s"))
        if not late.any():
            return panel, None
        available = np.zeros(panel.values.shape, np.int64)
        column = (times - panel.start) // np.timedelta64(step * 60, "s")
        np.maximum.at(available, (rows[late], column[late]), known_at[late].astype(np.int64))
        return panel, available


def _coded(meter_id: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Sorted meter ids, and the place of each row's meter among them."""
    column = meter_id if pa.types.is_dictionary(meter_id.type) else pc.dictionary_encode(meter_id)
    encoded = pa.chunked_array(column.unify_dictionaries()).combine_chunks()
    names, place = np.unique(encoded.dictionary.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    return names, place[encoded.indices.to_numpy()]
