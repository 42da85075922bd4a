"""Runs of readings on one straight line."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.vee.evidence import Found

__all__ = ["straight_runs"]

_TOLERANCE = np.float32(1e-3)
"""By which share of itself the step from one reading to the next may change on a line."""
_ROUNDING = np.float32(4 * np.finfo(np.float32).eps)
_STEEP = np.float32(10)
"""A line of rounded readings is told from chance where it climbs so many units of the last digit in each interval."""


def straight_runs(values: NDArray[np.float32], least: int, *, whole: bool) -> Found:
    """Members of runs of at least `least` readings with one and the same difference, not zero, to the next, [M, T].

    If `whole`, lines of rounded readings are found too, the last digit being the least difference of any two
    neighbours of the meter, and all of a run is marked; else what is on a line since `least` readings.

    The idea, a first difference that stays the same within a tolerance, is that of interpolation_diff of pvanalytics
    (https://pvanalytics.readthedocs.io).
    """
    found = np.zeros(values.shape, bool)
    _straight(np.ascontiguousarray(values), least, whole, found)
    return found


@njit(cache=True)
def _straight(values, least, whole, found):  # pragma: no cover - compiled
    for m in range(values.shape[0]):
        row = values[m]
        digit = _last_digit(row) if whole else np.float32(0)
        run = 2
        for t in range(2, len(row)):
            step = row[t] - row[t - 1]
            bend = abs(step - (row[t - 1] - row[t - 2]))
            size = max(abs(row[t]), abs(row[t - 2])) * _ROUNDING
            rounded = np.float32(1.01) * digit if abs(step) > _STEEP * digit else np.float32(0)
            on = abs(step) > size and bend <= max(_TOLERANCE * abs(step), size, rounded)  # never for NaN
            run = run + 1 if on else 2
            if run >= least:
                if whole and run == least:
                    found[m, t - least + 1 : t] = True
                found[m, t] = True


@njit(cache=True)
def _last_digit(row):  # pragma: no cover - compiled
    """The least difference, not zero, between neighbours."""
    least = np.float32(np.inf)
    for t in range(1, len(row)):
        step = abs(row[t] - row[t - 1])
        if step < least and step > max(abs(row[t]), abs(row[t - 1])) * _ROUNDING:
            least = step
    return least if np.isfinite(least) else np.float32(0)
