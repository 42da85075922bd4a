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

    @classmethod
    def from_long(
        cls, meter_ids: NDArray[np.str_], rows: NDArray[np.int_], times: Times, values: NDArray, step_minutes: int
    ) -> Self:
        """Scatter long rows onto the grid.

        `rows[i]` is the index into `meter_ids` of the reading at `times[i]` [UTC]. The grid starts at the first
        interval; a reading off the grid of `step_minutes` falls into the interval that contains it.
        """
        step = step_minutes * 60
        seconds = times.astype("datetime64[s]").astype(np.int64)
        if not len(seconds):
            empty = np.empty((len(meter_ids), 0), np.float32)
            return cls(meter_ids, np.datetime64(0, "s"), step_minutes, empty)
        slots = seconds // step
        first = slots.min()
        grid = np.full((len(meter_ids), int(slots.max() - first) + 1), np.nan, np.float32)
        grid[rows, slots - first] = values
        return cls(meter_ids, np.datetime64(int(first) * step, "s"), step_minutes, grid)


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
