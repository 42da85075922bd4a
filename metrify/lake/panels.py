"""From long rows of the lake to panels: meters that share a clock and an interval length become one dense matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.grid import Grid
from metrify.lake.intervals import grids
from metrify.panel import Panel
from metrify.settings import SiteSettings

__all__ = ["Layout", "MeterGroup", "aligned_panel", "layouts", "meter_groups"]

Times = NDArray[np.datetime64]
_CALENDAR = ("zone", "country", "subdivision")
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
        negative = (self.panel.values < 0).mean(axis=1) if self.panel.values.shape[1] else np.zeros(len(self.meters))
        return np.where(np.isfinite(self.pv_kw), self.pv_kw > 0, negative > _NET)

    @property
    def pv_kw(self) -> NDArray[np.float64]:
        """Rated solar power behind each meter [kW], NaN where METER does not say; shape [M]."""
        return pd.to_numeric(self.meters["pv_kw"], errors="coerce").to_numpy(np.float64)


@dataclass(frozen=True)
class Layout:
    """Where the long rows of meters of one clock, holiday calendar and interval length lie on their grid."""

    meters: pd.DataFrame
    """METER attributes indexed by meter_id, one row per meter, sorted"""
    zone: str
    country: str
    subdivision: str
    mine: slice | NDArray[np.int64]
    """which of the rows are of these meters"""
    grid: Grid

    def panel(self, column: str, values: NDArray[np.float64]) -> Panel:
        """One column of the rows (all of them, NaN where there is no value) on the grid, as `Grid.panel`."""
        return self.grid.panel(column, values[self.mine])

    def group(self, column: str, values: NDArray[np.float64], available_at: Times) -> MeterGroup:
        """One column of the rows, and when each could be known, as a group."""
        available = self.grid.available(available_at[self.mine])
        panel = self.panel(column, values)
        return MeterGroup(panel, self.meters, self.zone, self.country, self.subdivision, available, column)


def layouts(
    keys: pa.Table, meters: pd.DataFrame, site: SiteSettings, *, step_minutes: int | None = None
) -> Iterator[Layout]:
    """Where READING rows (meter_id, timestamp) lie, in any row order; further arguments as for `meter_groups`."""
    meter_ids, rows = _coded(keys["meter_id"])
    times = keys["timestamp"].to_numpy().astype("datetime64[s]")
    attributes = meters.set_index("meter_id").reindex(meter_ids)
    stated = attributes["interval_minutes"] if step_minutes is None else pd.Series(step_minutes, attributes.index)
    frame = pd.DataFrame({name: attributes[name].fillna(getattr(site, name)).to_numpy(str) for name in _CALENDAR})
    frame["minutes"], frame["phase"] = grids(rows, times, len(meter_ids), stated)
    for (zone, country, subdivision, step, phase), members in frame.groupby(list(frame.columns)).groups.items():
        group = np.sort(members.to_numpy())
        place = np.full(len(meter_ids), -1)
        place[group] = np.arange(len(group))
        mine = slice(None) if len(group) == len(meter_ids) else np.flatnonzero(place[rows] >= 0)
        grid = Grid(meter_ids[group], int(step), int(phase), place[rows[mine]], times[mine])
        yield Layout(attributes.iloc[group], zone, country, subdivision, mine, grid)


def meter_groups(
    readings: pa.Table, column: str, meters: pd.DataFrame, site: SiteSettings, *, step_minutes: int | None = None
) -> Iterator[MeterGroup]:
    """Lay one column of READING rows (meter_id, timestamp, available_at, `column`) out as panels, in any row order.

    `meters` are METER rows in force; what they do not say of a meter, `site` does. `step_minutes` overrules the
    interval length that METER states or the readings show.
    """
    values, available_at = readings[column].to_numpy(), readings["available_at"].to_numpy()
    for layout in layouts(readings, meters, site, step_minutes=step_minutes):
        yield layout.group(column, values, available_at)


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
    grid = Grid(meter_ids, step_minutes, phase_minutes, target[target >= 0], times)
    return grid.panel(column, mine[column].to_numpy()), grid.available(mine["available_at"].to_numpy())


def _coded(meter_id: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Sorted meter ids, and the place of each row's meter among them."""
    column = meter_id if pa.types.is_dictionary(meter_id.type) else pc.dictionary_encode(meter_id)
    encoded = pa.chunked_array(column.unify_dictionaries()).combine_chunks()
    names, place = np.unique(encoded.dictionary.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    return names, place[encoded.indices.to_numpy()]
