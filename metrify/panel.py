"""A panel: one quantity of many meters on one regular grid of intervals, as a dense float32 matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Panel", "interval_minutes"]

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Panel:
    """`values[m, t]` is meter `meter_ids[m]` in the interval that starts at `times[t]`; NaN where nothing is known."""

    meter_ids: NDArray[np.str_]
    start: np.datetime64
    step_minutes: int
    values: NDArray[np.float32]

    @property
    def times(self) -> Times:
        """Starts of the intervals, datetime64[s] in UTC, shape [T]."""
        return self.start + np.arange(self.values.shape[1]) * np.timedelta64(self.step_minutes * 60, "s")

    @property
    def end(self) -> np.datetime64:
        """End of the last interval: the issue time that follows it."""
        return self.start + self.values.shape[1] * np.timedelta64(self.step_minutes * 60, "s")

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where a value is known, shape [M, T]."""
        return np.isfinite(self.values)

    def index(self, time: np.datetime64) -> int:
        """Column of the interval that contains `time`; below 0 or beyond T outside of the panel."""
        seconds = (np.datetime64(time, "s") - self.start) / np.timedelta64(1, "s")
        return int(np.floor(seconds / (self.step_minutes * 60)))

    def between(self, first: np.datetime64, until: np.datetime64) -> Self:
        """The intervals that start at or after `first` and end by `until`, clipped to the panel."""
        left = min(max(self.index(first), 0), self.values.shape[1])
        right = min(max(self.index(until), left), self.values.shape[1])
        start = self.start + left * np.timedelta64(self.step_minutes * 60, "s")
        return type(self)(self.meter_ids, start, self.step_minutes, self.values[:, left:right])

    def select(self, rows: NDArray[np.int_] | NDArray[np.bool_]) -> Self:
        """The meters at these rows."""
        return type(self)(self.meter_ids[rows], self.start, self.step_minutes, self.values[rows])

    def replace(self, values: NDArray[np.float32]) -> Self:
        """The same grid with other values."""
        return type(self)(self.meter_ids, self.start, self.step_minutes, values)

    def next_start(self, times: Times) -> Times:
        """The first interval start at or after each time."""
        step = np.timedelta64(self.step_minutes * 60, "s")
        return self.start - (self.start - times.astype("datetime64[s]")) // step * step

    @classmethod
    def from_long(
        cls,
        meter_ids: NDArray[np.str_],
        rows: NDArray[np.int_],
        times: Times,
        values: NDArray,
        step_minutes: int,
        *,
        phase_minutes: int = 0,
        add_up: bool = True,
    ) -> Self:
        """Scatter long rows onto the grid of intervals that start `phase_minutes` after multiples of the step.

        `rows[i]` is the index into `meter_ids` of the reading at `times[i]` [UTC]; it falls into the interval that
        contains its start. Readings of shorter intervals add up where all parts of the longer one are there (or are
        averaged, for what is no amount); where some are missing, so is the interval.
        """
        step, phase = step_minutes * 60, phase_minutes * 60
        seconds = times.astype("datetime64[s]").astype(np.int64) - phase
        if not len(seconds):
            empty = np.empty((len(meter_ids), 0), np.float32)
            return cls(meter_ids, np.datetime64(phase, "s"), step_minutes, empty)
        slots = seconds // step
        first = slots.min()
        cells = (rows, slots - first)
        grid = np.full((len(meter_ids), int(slots.max() - first) + 1), np.nan, np.float32)
        grid[cells] = values
        if np.count_nonzero(np.isfinite(grid)) < np.count_nonzero(np.isfinite(values)):
            grid = _gathered(cells, values, grid.shape, add_up)
        return cls(meter_ids, np.datetime64(int(first) * step + phase, "s"), step_minutes, grid)


def _gathered(
    cells: tuple[NDArray[np.int_], NDArray[np.int_]], values: NDArray, shape: tuple[int, ...], add_up: bool
) -> NDArray[np.float32]:
    """Sums (or means) of the readings that share a cell; a cell with fewer than the meter's usual number is unknown."""
    known = np.isfinite(values)
    places = (cells[0][known], cells[1][known])
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    np.add.at(total, places, values[known])
    np.add.at(count, places, 1)
    usual = [np.bincount(meter[meter > 0]).argmax() if meter.any() else 1 for meter in count]
    whole = (count >= np.asarray(usual)[:, None]) & (count > 0)
    return np.where(whole, total if add_up else total / np.maximum(count, 1), np.nan).astype(np.float32)


def interval_minutes(times: Times) -> int:
    """The interval length of one meter's readings in minutes: the most frequent distance between neighbours.

    A single reading, or none, says nothing: 60 is assumed.
    """
    distances = np.diff(np.unique(times.astype("datetime64[m]"))).astype(np.int64)
    distances = distances[(distances > 0) & (distances <= 1440)]
    if not len(distances):
        return 60
    lengths, counts = np.unique(distances, return_counts=True)
    return int(lengths[np.argmax(counts)])
