"""Estimates in the making: rung after rung, before they are scaled and judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.ladder.bands import band
from metrify.vee.ladder.classprofile import ClassProfiles
from metrify.vee.ladder.rungs import METHODS, RUNGS, Ladder
from metrify.vee.ladder.segments import Floats, Ints, Segments

__all__ = ["Draft", "Learned", "LearnedEstimates"]

_LEARNED = METHODS.index("learned")


@dataclass(frozen=True)
class LearnedEstimates:
    """What a learned imputer answers, [M, T]: NaN where the ladder's rung is no worse for gaps of that length."""

    values: Floats
    low: Floats
    high: Floats
    name: str
    """family and version, such as quality/imputer:3"""


Learned = Callable[[Evidence, Flags, Found, ClassProfiles], LearnedEstimates]
"""Called with the wanted intervals and the profiles of the classes, those that the rungs have."""


@dataclass
class Draft:
    """The N wanted intervals, by row and column in that order; all arrays have shape [N]."""

    row: Ints
    column: Ints
    signed: NDArray[np.bool_]
    """whether values below zero are right"""
    values: Floats
    low: Floats
    high: Floats
    method: NDArray[np.int8]
    """place in METHODS"""
    least: NDArray[np.int8]
    """the first step that may still answer: 0 is the learned one, then come the rungs"""
    free: NDArray[np.bool_]
    """a rule flags what the counter says of this interval: it is not asked"""

    @classmethod
    def of(cls, wanted: Found, signed: NDArray[np.bool_]) -> Draft:
        """Nothing estimated yet; `signed` [M] as of Evidence."""
        row, column = np.nonzero(wanted)
        values, low, high = (np.full(len(row), np.nan, np.float32) for _ in range(3))
        method, least = (np.zeros(len(row), np.int8) for _ in range(2))
        return cls(row, column, signed[row], values, low, high, method, least, np.zeros(len(row), bool))

    def climb(self, ladder: Ladder, taught: LearnedEstimates | None) -> None:
        """Fill what has no estimate, each interval from the first step that it may still ask and that answers."""
        if taught:
            answer, low, high = (array[self.row, self.column] for array in (taught.values, taught.low, taught.high))
            some = np.flatnonzero(np.isnan(self.values) & (self.least == 0) & np.isfinite(answer))
            self._put(some, answer[some], low[some], high[some], _LEARNED)
        for number, rung in enumerate(RUNGS, 1):
            asked = np.flatnonzero(np.isnan(self.values) & (self.least <= number))
            if len(asked):
                segments = Segments.of(ladder.values, self.row[asked], self.column[asked], ladder.days)
                answer = ladder.solve(rung, segments)
                low, high = band(ladder, rung, segments, answer)
                some = np.isfinite(answer)
                self._put(asked[some], answer[some], low[some], high[some], number)

    def refuse(self, found: NDArray[np.bool_]) -> None:
        """Take these estimates back; the next rung may be asked."""
        self.least[found] = np.where(self.method[found] == _LEARNED, 0, self.method[found]) + 1
        self.method[found] = 0
        self.values[found] = self.low[found] = self.high[found] = np.nan

    def place(self, row: Ints, column: Ints) -> Ints:
        """Place of the first wanted interval at or after each row and column."""
        width = int(self.column.max(initial=0)) + 2  # a column past the last one stays in its row
        return np.searchsorted(self.row * width + self.column, row * width + np.minimum(column, width - 1))

    def _put(self, where: Ints, values: Floats, low: Floats, high: Floats, method: int) -> None:
        least = np.where(self.signed[where], np.float32(-np.inf), np.float32(0))
        self.values[where] = np.maximum(values, least)
        self.low[where] = np.maximum(np.fmin(low, values), least)
        self.high[where] = np.maximum(np.fmax(high, values), least)
        self.method[where] = method
