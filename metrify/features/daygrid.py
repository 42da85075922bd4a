"""A panel seen as local days times slots: what happened at this clock time on the days before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.features.rows import slots_per_day
from metrify.localtime import local_times
from metrify.panel import Panel

__all__ = ["DayGrid", "day_grid"]


@dataclass(frozen=True)
class DayGrid:
    """`values[m, d, s]`: meter m, local day `first_day + d`, slot s of the day; NaN where unknown."""

    first_day: int
    """days since 1970-01-01"""
    values: NDArray[np.float32]


def day_grid(panel: Panel, zone: str) -> DayGrid:
    """Lay a panel out by local days: the repeated hour of autumn is averaged, the hour that spring skips is empty."""
    slots = slots_per_day(panel.step_minutes)
    local = local_times(panel.times, zone)
    if not len(local.day):
        return DayGrid(0, np.empty((len(panel.meter_ids), 0, slots), np.float32))
    first = int(local.day[0])
    cell = (local.day - first).astype(np.int64) * slots + local.minute // panel.step_minutes
    values = np.full((len(panel.meter_ids), (int(local.day[-1]) - first + 1) * slots), np.nan, np.float32)
    values[:, cell] = panel.values
    _, where, counts = np.unique(cell, return_index=True, return_counts=True)
    for repeated in where[counts > 1]:
        columns = np.flatnonzero(cell == cell[repeated])
        known = np.isfinite(panel.values[:, columns])
        total = np.where(known, panel.values[:, columns], 0).sum(axis=1)
        count = known.sum(axis=1)
        values[:, cell[repeated]] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return DayGrid(first, values.reshape(len(panel.meter_ids), -1, slots))
