"""The grid of intervals that long rows of some meters lie on; every column of the rows is laid out on the same one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.lake.intervals import grids
from metrify.panel import Panel
from metrify.schema import READING, SOLAR

__all__ = ["Grid"]

Times = NDArray[np.datetime64]
_ENERGY = {column.name for table in (READING, SOLAR) for column in table.columns if column.unit in {"kWh", "kvarh"}}
_COUNTERS = {name for name in _ENERGY if name.startswith("register_")}
_AMOUNTS = _ENERGY - _COUNTERS
"""Columns that add up over time."""


@dataclass(frozen=True)
class Grid:
    """Intervals that start `phase_minutes` after multiples of the step; `rows[i]` is the meter of row i, of N."""

    meter_ids: NDArray[np.str_]
    step_minutes: int
    phase_minutes: int
    rows: NDArray[np.int64]
    times: Times
    """start of each row's interval [UTC, s]"""

    @cached_property
    def start(self) -> np.datetime64:
        """Start of the first interval; 1970 without rows."""
        if not len(self.times):
            return np.datetime64(self.phase_minutes * 60, "s")
        first = (int(self.times.min().astype(np.int64)) - self.phase_minutes * 60) // self._step
        return np.datetime64(first * self._step + self.phase_minutes * 60, "s")

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Meters and intervals, from the first row's to the last one's."""
        if not len(self.times):
            return len(self.meter_ids), 0
        return len(self.meter_ids), int((self.times.max() - self.start).astype(np.int64)) // self._step + 1

    @cached_property
    def cells(self) -> NDArray[np.int64]:
        """Place of each row in the flat matrix [M * T]: the interval that contains its start."""
        return self.rows * self.shape[1] + (self.times - self.start).astype(np.int64) // self._step

    @cached_property
    def _shared(self) -> bool:
        """Whether two rows lie in one interval."""
        if (np.diff(self.cells) > 0).all():
            return False
        taken = np.zeros(self.shape[0] * self.shape[1], bool)
        taken[self.cells] = True
        return np.count_nonzero(taken) < len(self.cells)

    @property
    def _step(self) -> int:
        return self.step_minutes * 60

    def panel(self, column: str, values: NDArray[np.float64]) -> Panel:
        """A column [N] on the grid. Rows that share an interval add up, or are averaged for what is no amount.

        Of a counter the last one holds, in float64: float32 loses the watt-hours of a counter that has run far.
        """
        if column in _COUNTERS:
            return self._on(self._filled(*self._in_time(values), np.float64))
        if self._shared:
            amount, step = column in _AMOUNTS, self.step_minutes
            phase = self.phase_minutes
            return Panel.from_long(
                self.meter_ids, self.rows, self.times, values, step, phase_minutes=phase, add_up=amount
            )
        return self._on(self._filled(self.cells, values, np.float32))

    def available(self, known_at: Times) -> NDArray[np.int64] | None:
        """When late rows could be known [s since 1970; 0: when their interval ended], [M, T]; None: none is late."""
        seconds = known_at.astype("datetime64[s]")
        late = np.flatnonzero(seconds > self.times + np.timedelta64(self._step, "s"))  # never true of NaT
        if not len(late):
            return None
        available = np.zeros(self.shape[0] * self.shape[1], np.int64)
        np.maximum.at(available, self.cells[late], seconds[late].astype(np.int64))
        return available.reshape(self.shape)

    def off(self) -> NDArray[np.bool_] | None:
        """Intervals into which a row's stamp falls that is beside the grid of its meter, [M, T]; None: none does.

        A meter that reports more often than the step has its own, finer grid.
        """
        beside = (self.times - self.start).astype(np.int64) % self._step != 0
        if not beside.any():
            return None
        finer, _ = grids(self.rows, self.times, len(self.meter_ids), pd.Series(np.nan, self.meter_ids))
        finer = np.minimum(finer, self.step_minutes) * 60
        offset = (self.times[beside] - self.start).astype(np.int64)
        found = np.zeros(self.shape[0] * self.shape[1], bool)
        found[self.cells[beside][offset % finer[self.rows[beside]] != 0]] = True
        return found.reshape(self.shape) if found.any() else None

    def _in_time(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Cells and values in the order of time, without those that say nothing, where rows share an interval."""
        if not self._shared:
            return self.cells, values
        order = np.argsort(self.times, kind="stable")
        order = order[np.isfinite(values[order])]
        return self.cells[order], values[order]

    def _filled(self, cells: NDArray[np.int64], values: NDArray[np.float64], kind: type[np.floating]) -> NDArray:
        flat = np.full(self.shape[0] * self.shape[1], np.nan, kind)
        flat[cells] = values
        return flat.reshape(self.shape)

    def _on(self, values: NDArray) -> Panel:
        return Panel(self.meter_ids, self.start, self.step_minutes, values)
