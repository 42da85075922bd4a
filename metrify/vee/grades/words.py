"""The figures behind a grade, in words that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metrify.vee.rules import RULES

__all__ = ["Tallies", "words"]

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Tallies:
    """What N meter-days are graded by, each [N] in intervals."""

    intervals: Counts
    """of the day, as far as the meter had begun and the lake's readings go"""
    measured: Counts
    """and valid"""
    estimated: Counts
    edited: Counts
    """by hand"""
    profiled: Counts
    """of the estimated: from the class's profile"""
    doubtful: Counts
    """of the measured: a rule of severity warning holds"""

    @property
    def empty(self) -> Counts:
        """Without any value."""
        return self.intervals - self.measured - self.estimated - self.edited


def words(
    day: Tallies,
    rules: NDArray[np.uint32],
    hours: NDArray[np.float64],
    methods: Mapping[int, Mapping[str, int]],
    told: NDArray[np.int64],
) -> NDArray[np.object_]:
    """Why each meter-day has its grade, [N]; those not `told` of are all measured.

    `rules` is the mask of those that hold in the day, `hours` the longest time without a valid measurement, `methods`
    how often which method stands in, by place.
    """
    sentences = np.empty(len(day.intervals), object)
    counts, place = np.unique(day.intervals, return_inverse=True)
    sentences[:] = np.array([f"all {count} intervals measured" for count in counts], object)[place]
    columns = (day.intervals, day.empty, day.estimated, day.edited, day.doubtful, rules, hours)
    for k, *figures in zip(told.tolist(), *(column[told].tolist() for column in columns), strict=True):
        sentences[k] = _sentence(*figures, methods.get(k, {}))
    return sentences


def _sentence(
    of: int,
    empty: int,
    estimated: int,
    edited: int,
    doubtful: int,
    rules: int,
    hours: float,
    methods: Mapping[str, int],
) -> str:
    parts = []
    if empty == of:
        parts.append(f"no value in any of {of} intervals")
    elif empty:
        parts.append(f"{empty} of {of} intervals without a value")
    if estimated:
        by = ", ".join(f"{count} by {name}" for name, count in methods.items())
        parts.append(f"{estimated} of {of} intervals estimated ({by})")
    if edited:
        parts.append(f"{edited} of {of} intervals edited by hand")
    if parts:
        parts.append(f"longest gap {hours:g} h")
    if doubtful:
        parts.append(f"{doubtful} of {of} intervals doubtful")
    found = _names(rules)
    return ", ".join(parts) + (f"; {found}" if found else "")


@lru_cache(maxsize=4096)
def _names(rules: int) -> str:
    return ", ".join(rule.name for rule in RULES if rules >> rule.bit & 1)
