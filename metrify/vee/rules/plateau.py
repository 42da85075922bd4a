"""Plateaus: a highest level that a series reaches on many days and never exceeds."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.vee.evidence import Found

__all__ = ["plateaus"]

_WIDTH = np.float32(0.005)
"""How far below the level a reading still is on it, as a share of the level."""
_ABOVE = 0.02
"""Share of days that may be higher than the level: single readings are wrong."""


def plateaus(values: NDArray[np.float32], edges: NDArray[np.int64], least_days: int) -> Found:
    """Readings at a level that is the highest on at least `least_days` days, held for two intervals or more, [M, T].

    A day counts only if it is also below half of the level at some time: what never falls has no plateau. `edges`
    are the first intervals of the D days, and T, [D + 1].
    """
    found = np.zeros(values.shape, bool)
    _plateaus(np.ascontiguousarray(values), edges, least_days, found)
    return found


@njit(cache=True)
def _plateaus(values, edges, least_days, found):  # pragma: no cover - compiled
    highest = np.empty(len(edges) - 1, np.float32)
    lowest = np.empty(len(edges) - 1, np.float32)
    for m in range(values.shape[0]):
        _extremes(values[m], edges, highest, lowest)
        level = _level(highest, lowest, least_days)
        if level > 0:
            for d in range(len(highest)):
                if lowest[d] < level / 2 and highest[d] >= level * (1 - _WIDTH):
                    _mark(values[m], edges[d], edges[d + 1], level, found[m])


@njit(cache=True)
def _extremes(row, edges, highest, lowest):  # pragma: no cover - compiled
    """The highest and the lowest reading of each day; 0 and infinity where there is none."""
    for d in range(len(highest)):
        high, low = np.float32(0), np.float32(np.inf)
        for t in range(edges[d], edges[d + 1]):
            high = row[t] if row[t] > high else high
            low = row[t] if row[t] < low else low
        highest[d], lowest[d] = high, low


@njit(cache=True)
def _level(highest, lowest, least_days):  # pragma: no cover - compiled
    """The highest level within whose width enough days reach their highest reading; 0: there is none."""
    falling = np.sort(highest[(lowest < highest / 2) & (highest > 0)])[::-1]
    most_above = int(_ABOVE * len(falling)) + 1
    for k in range(min(most_above, len(falling) - least_days) + 1 if len(falling) >= least_days else 0):
        if falling[k + least_days - 1] >= falling[k] * (1 - _WIDTH):
            return falling[k]
    return np.float32(0)


@njit(cache=True)
def _mark(row, first, until, level, found):  # pragma: no cover - compiled
    """Mark neighbours of a day that are both on the level."""
    low, high = level * (1 - _WIDTH), level * (1 + _WIDTH)
    for t in range(first + 1, until):
        if low <= row[t] <= high and low <= row[t - 1] <= high:
            found[t - 1] = found[t] = True
