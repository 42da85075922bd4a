"""What is to be estimated, cut at local midnights: the pieces that a rung of the ladder works on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.localdays import DaySlots
from metrify.panel import Panel
from metrify.vee.evidence import Found

__all__ = ["Segments", "without"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def without(trusted: Panel, wanted: Found) -> Floats:
    """The values of a panel without those that are to be estimated: nothing is made of itself, [M, T]."""
    values = np.ascontiguousarray(trusted.values, np.float32)
    return np.where(wanted, np.float32(np.nan), values) if np.isfinite(values[wanted]).any() else values


@dataclass(frozen=True)
class Segments:
    """S runs of wanted intervals of one meter and local day, with N intervals in all; the arrays have shape [S]."""

    row: Ints
    first: Ints
    """first column; -1: there is no such segment (see `moved`)"""
    until: Ints
    hole_first: Ints
    """first column of the run without a usable reading that the segment is part of: it can be longer"""
    hole_until: Ints
    offset: Ints
    """place of the first interval of each segment among the N, and N, [S + 1]"""

    @classmethod
    def of(cls, values: Floats, row: Ints, column: Ints, days: DaySlots) -> Segments:
        """The segments of the wanted intervals, by row and column in that order; `values` as of `without`."""
        new = np.ones(len(row), bool)
        same = (np.diff(row) == 0) & (np.diff(column) == 1) & (np.diff(days.day[column]) == 0)
        new[1:] = ~same
        begin = np.flatnonzero(new)
        offset = np.append(begin, len(row))
        first = column[begin]
        until = first + np.diff(offset)
        hole_first, hole_until = np.empty_like(first), np.empty_like(first)
        _extend(values, row[begin], first, until, hole_first, hole_until)
        return cls(row[begin], first, until, hole_first, hole_until, offset)

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
        """The fields in their order, as compiled functions take them."""
        return self.row, self.first, self.until, self.hole_first, self.hole_until, self.offset

    @property
    def cells(self) -> tuple[Ints, Ints]:
        """Row and column of each of the N intervals."""
        lengths = np.diff(self.offset)
        within = np.arange(self.offset[-1]) - np.repeat(self.offset[:-1], lengths)
        return np.repeat(self.row, lengths), np.repeat(self.first, lengths) + within

    def scatter(self, flat: Floats, shape: tuple[int, ...]) -> Floats:
        """Values of the N intervals laid out as a panel's, NaN elsewhere."""
        laid = np.full(shape, np.nan, np.float32)
        laid[self.cells] = flat
        return laid

    def part(self, first: int, until: int) -> Segments:
        """The segments from one to another."""
        some = slice(first, until)
        offset = self.offset[first : until + 1] - self.offset[first]
        return Segments(*(array[some] for array in self.arrays[:5]), offset)

    def moved(self, by: int, days: DaySlots) -> Segments:
        """The same slots of the day `by` days later, holes and all; `first` is -1 where that day lacks one of them."""
        width = len(days.day)
        day = days.day[self.first] + by
        inside = (day >= 0) & (day < len(days.kind))
        first = np.where(inside, days.at[np.where(inside, day, 0), days.slot[self.first]], -1)
        move = first - self.first
        until = self.until + move
        last = np.clip(until - 1, 0, width - 1)
        whole = (first >= 0) & (until <= width) & (days.slot[last] == days.slot[self.until - 1])
        return replace(
            self,
            first=np.where(whole, first, -1),
            until=np.where(whole, until, -1),
            hole_first=np.maximum(self.hole_first + move, 0),
            hole_until=np.minimum(self.hole_until + move, width),
        )


@njit(cache=True)
def _extend(values, row, first, until, hole_first, hole_until):  # pragma: no cover - compiled
    for k in range(len(row)):
        low, high = first[k], until[k]
        while low > 0 and not np.isfinite(values[row[k], low - 1]):
            low -= 1
        while high < values.shape[1] and not np.isfinite(values[row[k], high]):
            high += 1
        hole_first[k], hole_until[k] = low, high
