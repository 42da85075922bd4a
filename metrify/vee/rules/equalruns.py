"""Runs of equal readings: which are longer than chance makes them at this meter."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.vee.evidence import Found

__all__ = ["rare_runs"]

_LEVELS = 1 << 10
"""Sizes of readings by sign-less exponent and two bits: a quarter of an octave each."""
_WEIGHT = 20.0
"""How many pairs the whole meter counts for among those of one size."""


def rare_runs(values: NDArray[np.float32], least: int, chance: float, window: int, *, whole: bool) -> Found:
    """Members of runs of at least `least` equal readings, not zero, that come about by chance less often than `chance`.

    The probability of a run is that of each repetition, to the power of its repetitions; the former is the share of
    readings of about that size that equal the one before them: of the whole series if `whole`, else of the `window`
    intervals before. If not `whole`, a reading is marked only by what was known when it came. Shape [M, T].
    """
    found = np.zeros(values.shape, bool)
    _rare(np.ascontiguousarray(values), least, np.log(chance), window, whole, found)
    return found


@njit(cache=True)
def _rare(values, least, log_chance, window, whole, found):  # pragma: no cover - compiled
    length = values.shape[1]
    level = np.empty(length, np.int16)
    run = np.empty(length, np.int32)
    for m in range(values.shape[0]):
        longest = _runs(values[m], level, run)
        if longest < least:
            continue
        pairs, equal = np.zeros((2, _LEVELS + 1))  # the last entry is of all sizes
        for t in range(length if whole else 0):
            _count(t, 1.0, least, level, run, pairs, equal)
        for t in range(length):
            if not whole:
                _count(t, 1.0, least, level, run, pairs, equal)
                if t >= window:
                    _count(t - window, -1.0, least, level, run, pairs, equal)
            ends = t + 1 == length or run[t + 1] != run[t] + 1
            if run[t] < least or (whole and not ends):
                continue
            if (run[t] - 1) * _log_repeats(run[t], least, level[t], pairs, equal) < log_chance:
                found[m, (t - run[t] + 1 if whole else t) : t + 1] = True


@njit(cache=True)
def _runs(row, level, run):  # pragma: no cover - compiled
    """Size of each reading (-1: zero or none) and its place in its run of equal ones, from 1; the longest run."""
    bits = row.view(np.uint32)
    longest = 0
    for t in range(len(row)):
        some = np.isfinite(row[t]) and row[t] != 0
        level[t] = np.int16((bits[t] & np.uint32(0x7FFFFFFF)) >> 21) if some else -1
        run[t] = (run[t - 1] + 1 if t > 0 and row[t] == row[t - 1] else 1) if some else 0
        longest = max(longest, run[t])
    return longest


@njit(cache=True)
def _count(t, by, least, level, run, pairs, equal):  # pragma: no cover - compiled
    """Count the pair that ends with t; of a long run only as many repetitions as do not make it long."""
    if t == 0 or level[t] < 0 or level[t - 1] < 0 or run[t] > least:
        return
    for place in (np.int64(level[t]), np.int64(_LEVELS)):
        pairs[place] += by
        if run[t] > 1:
            equal[place] += by


@njit(cache=True)
def _log_repeats(run, least, level, pairs, equal):  # pragma: no cover - compiled
    """Logarithm of the share of readings of that size that repeat the one before, the run itself left out."""
    own = min(run, least) - 1
    overall = (max(equal[_LEVELS] - own, 0) + 1) / (max(pairs[_LEVELS] - own, 0) + 10)
    return np.log((max(equal[level] - own, 0) + _WEIGHT * overall) / (max(pairs[level] - own, 0) + _WEIGHT))
