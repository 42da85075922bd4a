"""How far off an estimate may be: the errors that its rung makes of the same slots of the same meter on other days.

Each gap is held over readings that are known, as many days before and after as there are; what the rung answers there
is compared with what was read. The band is the estimate plus the 10 % and 90 % quantiles of these errors, of the slot
and its neighbours in the gap.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.selection import select
from metrify.vee.ladder.rungs import Ladder
from metrify.vee.ladder.segments import Floats, Ints, Segments

__all__ = ["LEVELS", "band"]

LEVELS = (0.1, 0.9)
_DAYS = 12
"""Days before, and days after, that the gap is held over."""
_LEAST = 9
"""Errors that a quantile of 10 % is taken of; below, the band is that of all readings of the meter."""
_AT_ONCE = 200_000
"""Intervals whose errors are held in memory at the same time."""


def band(ladder: Ladder, rung: str, segments: Segments, estimates: Floats) -> tuple[Floats, Floats]:
    """Lower and upper end [unit of the panel] about the `estimates` [N] of a rung; both contain the estimate."""
    low, high = np.empty_like(estimates), np.empty_like(estimates)
    for first, until in _slices(segments.offset):
        part = segments.part(first, until)
        cells = slice(segments.offset[first], segments.offset[until])
        errors = _errors(ladder, rung, part)
        quantiles = np.full((2, errors.shape[1]), np.nan, np.float32)
        _quantiles(errors, part.offset, _LEAST, np.array(LEVELS), quantiles)
        low[cells], high[cells] = estimates[cells] + quantiles
    return _wide(ladder.values, segments, estimates, low, high)


def _slices(offset: Ints) -> list[tuple[int, int]]:
    """Neighbouring segments that together have about as many intervals as are looked at together."""
    cuts = np.searchsorted(offset, np.arange(0, offset[-1], _AT_ONCE), side="left")
    ends = np.unique(np.append(cuts, len(offset) - 1)).tolist()
    return list(pairwise(ends))


def _errors(ladder: Ladder, rung: str, segments: Segments) -> NDArray[np.float32]:
    """Reading minus what the rung makes of it, by day that the gap is held over, [2 * _DAYS, N]; NaN: not known."""
    row, column = segments.cells
    lengths = np.diff(segments.offset)
    errors = np.full((2 * _DAYS, len(row)), np.nan, np.float32)
    for place, by in enumerate([*range(-_DAYS, 0), *range(1, _DAYS + 1)]):
        elsewhere = segments.moved(by, ladder.days)
        move = np.repeat(elsewhere.first - segments.first, lengths)
        there = np.repeat(elsewhere.first >= 0, lengths)
        read = ladder.values[row, np.where(there, column + move, column)]  # NaN where the gap itself is
        errors[place] = read - ladder.solve(rung, elsewhere)
    return errors


def _wide(values: Floats, segments: Segments, estimates: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The band where there is one, else that of all readings of the meter; in any case with the estimate inside."""
    row, _ = segments.cells
    missing = np.isnan(low) & np.isfinite(estimates)
    for meter in np.unique(row[missing]):
        own = values[meter][np.isfinite(values[meter])]
        mine = missing & (row == meter)
        low[mine], high[mine] = np.quantile(own, LEVELS) if len(own) else (-np.inf, np.inf)
    return np.minimum(low, estimates), np.maximum(high, estimates)


@njit(cache=True)
def _quantiles(errors, offset, least, levels, out):  # pragma: no cover - compiled
    """Quantiles of the errors of each interval and its neighbours in the segment: those of a sample, not of a census.

    The k-th of n errors stands for the level k / (n + 1) (Weibull 1939): as the next error would find it.
    """
    pool = np.empty(3 * errors.shape[0], np.float32)
    for k in range(len(offset) - 1):
        for c in range(offset[k], offset[k + 1]):
            count = 0
            for n in range(max(c - 1, offset[k]), min(c + 2, offset[k + 1])):
                for e in range(errors.shape[0]):
                    if np.isfinite(errors[e, n]):
                        pool[count] = errors[e, n]
                        count += 1
            if count < least:
                continue
            for q in range(len(levels)):
                place = min(max(levels[q] * (count + 1) - 1, 0.0), count - 1.0)
                low = min(int(place), count - 2)
                at, above = _ranked(pool, count, low)
                out[q, c] = at + (place - low) * (above - at)


@njit(cache=True)
def _ranked(pool, count, place):  # pragma: no cover - compiled
    """The value of that rank and the next one; the pool is reordered."""
    select(pool, count, place)
    return pool[place], pool[place + 1 : count].min()
