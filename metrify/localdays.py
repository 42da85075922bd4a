"""The local days that a panel touches: from intervals to days, and windows over the days behind each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from metrify.localtime import day_start, local_times
from metrify.panel import Panel

__all__ = ["Daily", "LocalDays", "days_since", "ratio", "trailing_median", "trailing_sum"]

Daily = NDArray[np.float64]


@dataclass(frozen=True)
class LocalDays:
    """D days in a row of 23, 24 or 25 hours; an interval belongs to the day in which it starts."""

    dates: NDArray[np.int32]
    """days since 1970-01-01, [D]"""
    starts: NDArray[np.datetime64]
    """of each day and of the one after the last, datetime64[s] UTC, [D + 1]"""
    edges: NDArray[np.int64]
    """index of the first interval of each day; the last entry is T, [D + 1]"""

    @classmethod
    def of(cls, panel: Panel, zone: str) -> LocalDays:
        """Of a panel with at least one interval."""
        day = local_times(panel.times, zone).day
        dates = np.arange(day[0], day[-1] + 2, dtype=np.int32)
        return cls(dates[:-1], day_start(dates, zone), np.searchsorted(day, dates))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Intervals of each day that the panel has, [D]; 0 for a day that the place skipped."""
        return np.diff(self.edges)

    def spread(self, daily: NDArray) -> NDArray:
        """What each interval's day has, [D] to [T] or [M, D] to [M, T]."""
        return np.repeat(daily, self.lengths, axis=-1)

    def sums(self, values: NDArray) -> Daily:
        """Sums by day, [M, T] to [M, D]."""
        some = self.lengths > 0
        sums = np.zeros((len(values), len(some)))
        sums[:, some] = np.add.reduceat(values, self.edges[:-1][some], axis=1, dtype=np.float64)
        return sums

    def runs(self, marks: NDArray[np.bool_]) -> tuple[Daily, Daily]:
        """Intervals of the longest run of marks within each day, and of the run that ends with the day, [M, D]."""
        number = np.arange(marks.shape[1], dtype=np.int32)
        before = np.maximum.accumulate(np.where(marks, np.int32(-1), number), axis=1)
        length = number - np.maximum(before, self.spread(self.edges[:-1]).astype(np.int32) - 1)
        some = self.lengths > 0
        longest, last = np.zeros((2, len(marks), len(some)))
        longest[:, some] = np.maximum.reduceat(length, self.edges[:-1][some], axis=1)
        last[:, some] = length[:, self.edges[1:][some] - 1]
        return longest, last


def ratio(part: NDArray, whole: NDArray) -> Daily:
    """NaN where there is nothing to divide by."""
    some = np.isfinite(whole) & (np.abs(whole) > 1e-9)
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=some)


def trailing_sum(daily: NDArray, days: int) -> Daily:
    """Over each day and the `days - 1` before it, [M, D]."""
    running = np.zeros((len(daily), daily.shape[1] + 1))
    np.cumsum(daily, axis=1, out=running[:, 1:])
    last = np.arange(1, running.shape[1])
    return running[:, last] - running[:, np.maximum(last - days, 0)]


def trailing_median(daily: NDArray, days: int) -> NDArray[np.float32]:
    """Of what is known of each day and the `days - 1` before it, [M, D]; NaN where nothing is."""
    padded = np.pad(daily.astype(np.float32), ((0, 0), (days - 1, 0)), constant_values=np.nan)
    ordered = np.sort(sliding_window_view(padded, days, axis=1), axis=2)  # NaN comes last
    known = np.isfinite(ordered).sum(axis=2, keepdims=True)
    low, high = (
        np.take_along_axis(ordered, place, axis=2)[:, :, 0] for place in (np.maximum(known - 1, 0) // 2, known // 2)
    )
    return (low + high) / 2


def days_since(marks: NDArray[np.bool_], most: int) -> Daily:
    """Days since the last marked day, 0 on the day itself, [M, D]; NaN where it was `most` days ago or longer."""
    number = np.arange(marks.shape[1])
    last = np.maximum.accumulate(np.where(marks, number, -most), axis=1)
    return np.where(number - last < most, number - last, np.nan)
