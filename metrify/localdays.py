"""The local days that a panel touches: from intervals to days, windows over the days behind each, slots of a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from metrify.localtime import Calendar, day_start, local_times
from metrify.panel import Panel

__all__ = ["DAY_TYPES", "Daily", "DaySlots", "LocalDays", "days_since", "ratio", "trailing_median", "trailing_sum"]

DAY_TYPES = ("working day", "Saturday", "Sunday", "public holiday")
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
        return self.reduced(np.add, values, np.float64)

    def counts(self, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many intervals of each day are marked, [M, T] to [M, D]."""
        return self.reduced(np.add, marks, np.int64)

    def rules(self, flags: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The rules that hold somewhere in each day, as masks of their bits, [M, T] to [M, D]."""
        return self.reduced(np.bitwise_or, flags, np.uint32)

    def reduced(self, by: np.ufunc, values: NDArray, dtype: DTypeLike) -> NDArray:
        """What a ufunc of two makes of each day, [M, T] to [M, D]; 0 for a day without intervals."""
        some = self.lengths > 0
        found = np.zeros((len(values), len(some)), dtype)
        found[:, some] = by.reduceat(values, self.edges[:-1][some], axis=1, dtype=dtype)
        return found

    def runs(self, marks: NDArray[np.bool_]) -> tuple[Daily, Daily]:
        """Intervals of the longest run of marks within each day, and of the run that ends with the day, [M, D]."""
        number = np.arange(marks.shape[1], dtype=np.int32)
        before = np.maximum.accumulate(np.where(marks, np.int32(-1), number), axis=1)
        length = number - np.maximum(before, self.spread(self.edges[:-1]).astype(np.int32) - 1)
        some = self.lengths > 0
        last = np.zeros((len(marks), len(some)))
        last[:, some] = length[:, self.edges[1:][some] - 1]
        return self.reduced(np.maximum, length, np.float64), last


@dataclass(frozen=True)
class DaySlots:
    """D local days of S slots over the T intervals of a panel. A slot is an interval of the clock."""

    day: NDArray[np.int64]
    """the local day of each interval, counted from that of the first, [T]"""
    slot: NDArray[np.int64]
    """the slot of each interval, [T]; the repeated hour of autumn has the slots of the hour before"""
    at: NDArray[np.int64]
    """the interval of each slot, its last where it is repeated, -1 where there is none, [D, S]"""
    kind: NDArray[np.int64]
    """place in DAY_TYPES of each day, [D]"""

    @classmethod
    def of(cls, panel: Panel, calendar: Calendar) -> DaySlots:
        """The days that a panel touches, by the clock and the holidays of its place."""
        clock = local_times(panel.times, calendar.zone)
        first = int(clock.day[0]) if len(clock.day) else 0
        day = clock.day.astype(np.int64) - first
        slot = clock.minute.astype(np.int64) // panel.step_minutes
        days = np.arange(first, first + (int(day[-1]) + 1 if len(day) else 0), dtype=np.int32)
        at = np.full((len(days), max(-(-1440 // panel.step_minutes), 1)), -1)
        at[day, slot] = np.arange(len(day))  # what is written last stays
        weekday = (days + 3) % 7
        kind = np.select([calendar.off_days(days), weekday == 6, weekday == 5], [3, 2, 1], 0)
        return cls(day, slot, at, kind.astype(np.int64))


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
