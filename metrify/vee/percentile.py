"""A meter's own high readings, as they were known before each day: what a spike is measured by."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.panel import Panel

__all__ = ["WINDOW_DAYS", "trailing_percentile"]

WINDOW_DAYS = 28
"""Days before a reading's own (UTC) day that its percentile is taken over."""
_LEAST_DAYS = 3
_LEVEL = 0.999


def trailing_percentile(panel: Panel) -> NDArray[np.float32]:
    """The 99.9th percentile of the absolute readings of the 28 UTC days before each interval's day, shape [M, T].

    The lower of two order statistics is taken; infinity where fewer than three days' readings are known. Nothing of
    the day itself or later is used, so a reading is judged the same whenever it is looked at.
    """
    days = panel.times.astype("datetime64[D]").astype(np.int64)
    if not len(days):
        return np.empty(panel.values.shape, np.float32)
    per_day = max(1440 // panel.step_minutes, 1)
    most = WINDOW_DAYS * per_day
    kept = most - int(_LEVEL * (most - 1))  # rank from above of the percentile of a full window
    limits = np.empty((len(panel.meter_ids), int(days[-1] - days[0]) + 1), np.float32)
    _slide(np.abs(panel.values), days - days[0], kept, _LEAST_DAYS * per_day, limits)
    return limits[:, days - days[0]]


@njit(cache=True)
def _slide(values, day, kept, least, limits):  # pragma: no cover - compiled
    """Keep each day's highest readings; the percentile of a window is among those of its days."""
    days = limits.shape[1]
    for m in range(values.shape[0]):
        highest = np.full((days, kept), np.float32(-1))
        count = np.zeros(days, np.int64)
        for t in range(values.shape[1]):
            if not np.isnan(values[m, t]):
                count[day[t]] += 1
                _keep(highest[day[t]], values[m, t])
        for d in range(days):
            first = max(d - WINDOW_DAYS, 0)
            known = count[first:d].sum()
            limits[m, d] = np.inf
            if known >= least:
                top = np.full(kept, np.float32(-1))
                for earlier in range(first, d):
                    for k in range(kept):
                        _keep(top, highest[earlier, k])
                limits[m, d] = top[min(known - int(_LEVEL * (known - 1)), kept) - 1]


@njit(cache=True)
def _keep(top, value):  # pragma: no cover - compiled
    """Put `value` into the descending `top`, if it belongs there; the lowest falls out."""
    place = len(top) - 1
    if value <= top[place]:
        return
    while place > 0 and top[place - 1] < value:
        top[place] = top[place - 1]
        place -= 1
    top[place] = value
