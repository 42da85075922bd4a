"""The local days that the intervals of a panel lie in, and what is counted in each: days of 23, 24 or 25 hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.localtime import local_times
from metrify.vee.evidence import Flags, Found

__all__ = ["MeterDays"]

Counts = NDArray[np.int64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class MeterDays:
    """D local days over T intervals of M meters."""

    dates: NDArray[np.datetime64]
    """[D]"""
    edges: Places
    """the first interval of each day, [D]"""
    of_column: Places
    """the day of each interval, counted from the first, [T]"""

    @classmethod
    def of(cls, times: NDArray[np.datetime64], zone: str) -> MeterDays:
        """From the starts of the intervals [UTC], of which there is at least one."""
        clock = local_times(times, zone)
        dates, first, place = np.unique(clock.day, return_index=True, return_inverse=True)
        return cls(dates.astype("datetime64[D]"), first, place)

    def sums(self, marks: Found) -> Counts:
        """How many intervals of each day are marked, [M, D]."""
        return np.add.reduceat(marks, self.edges, axis=1, dtype=np.int64)

    def rules(self, flags: Flags) -> Flags:
        """The rules that hold somewhere in the day, [M, D]."""
        return np.bitwise_or.reduceat(flags, self.edges, axis=1)

    def counts(self, row: Places, column: Places, shape: tuple[int, ...]) -> Counts:
        """How many of these cells lie in each day, [M, D]."""
        found = np.zeros(shape, np.int64)
        np.add.at(found, (row, self.of_column[column]), 1)
        return found

    def longest(self, marks: Found, shape: tuple[int, ...]) -> Counts:
        """The longest run of marked intervals within each day, [M, D]."""
        found = np.zeros(shape, np.int64)
        row, column = np.nonzero(marks)
        if len(row):
            day = self.of_column[column]
            goes_on = (np.diff(row) == 0) & (np.diff(column) == 1) & (np.diff(day) == 0)
            start = np.flatnonzero(np.append(True, ~goes_on))
            np.maximum.at(found, (row[start], day[start]), np.diff(np.append(start, len(row))))
        return found
