"""Runs of zeros at times of day when the meter is not usually zero."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.vee.evidence import Found

__all__ = ["unusual_zeros"]

_MEMORY = 28
"""Days whose weight falls to 1/e: how fast a share of zeros follows the meter."""
_KNOWN = 14
"""Readings of a time of day without which nothing is usual at it."""


def unusual_zeros(
    values: NDArray[np.float32], slot: NDArray[np.int64], least: int, share: float, *, whole: bool
) -> Found:
    """Zeros that are not usual at their `slot` of the day [T], in runs with at least `least` of them, [M, T].

    Usual is what was zero on more than `share` of the days before the run began, recent days counting more; a run is
    never its own measure. If `whole`, all such zeros of a run are marked, else those from the `least`-th on.
    """
    found = np.zeros(values.shape, bool)
    _unusual(np.ascontiguousarray(values), slot, int(slot.max(initial=0)) + 1, least, np.float32(share), whole, found)
    return found


@njit(cache=True)
def _unusual(values, slot, slots, least, share, whole, found):  # pragma: no cover - compiled
    for m in range(values.shape[0]):
        zeros, known = np.zeros((2, slots), np.float32)
        first = count = learnt = 0
        inside = False
        for t in range(values.shape[1]):
            if values[m, t] != 0:
                if inside:
                    _learn(values[m], slot, learnt, t, zeros, known)
                    inside = False
                _learn(values[m], slot, t, t + 1, zeros, known)
                continue
            if not inside:
                inside, first, count, learnt = True, t, 0, t
            if known[slot[t]] >= _KNOWN and zeros[slot[t]] < share:
                count += 1
                found[m, t] = count >= least
                if whole and count == least:
                    _mark(slot, first, t, zeros, known, share, found[m])


@njit(cache=True)
def _learn(row, slot, first, until, zeros, known):  # pragma: no cover - compiled
    """Let the shares of zeros follow the readings of these intervals."""
    for t in range(first, until):
        if np.isfinite(row[t]):
            place = slot[t]
            known[place] += 1
            zeros[place] += (np.float32(row[t] == 0) - zeros[place]) / min(known[place], np.float32(_MEMORY))


@njit(cache=True)
def _mark(slot, first, until, zeros, known, share, found):  # pragma: no cover - compiled
    """Mark the unusual zeros of a run that came before it was long."""
    for t in range(first, until):
        found[t] = known[slot[t]] >= _KNOWN and zeros[slot[t]] < share
