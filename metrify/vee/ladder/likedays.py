"""The second and third rung: the same slots of like days, which are days of the same type.

A like day counts only if it has a usable reading in every slot that is to be estimated; the day itself never does.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.localdays import DaySlots
from metrify.vee.ladder.segments import Floats, Segments

__all__ = ["COUNT", "mean_of_like_days", "mean_of_two_weeks"]

COUNT = 3
"""Like days that are averaged."""
_WEEKS = np.array([-7, 7, -14, 14])


def mean_of_like_days(values: Floats, segments: Segments, days: DaySlots, within: int) -> Floats:
    """The mean of the three nearest like days, before or after, of at most `within` days away; NaN: there are fewer."""
    steps = np.arange(1, within + 1)
    return _mean(values, segments, days, np.stack([-steps, steps], 1).ravel(), COUNT, COUNT)


def mean_of_two_weeks(values: Floats, segments: Segments, days: DaySlots) -> Floats:
    """The mean of the like days among the same weekday one and two weeks before and after; NaN: there is none."""
    return _mean(values, segments, days, _WEEKS, 1, len(_WEEKS))


def _mean(values: Floats, segments: Segments, days: DaySlots, moves, least: int, most: int) -> Floats:
    out = np.full(segments.offset[-1], np.nan, np.float32)
    _average(values, segments.arrays, (days.day, days.slot, days.at, days.kind), moves, (least, most), out)
    return out


@njit(cache=True)
def _average(values, segments, days, moves, enough, out):  # pragma: no cover - compiled
    row, first, until, hole_first, hole_until, offset = segments
    day, slot, at, kind = days
    least, most = enough
    total = np.zeros(at.shape[1] * 2)  # a day with a repeated hour has more intervals than slots
    for k in range(len(row)):
        if first[k] < 0:
            continue
        today, found, length = day[first[k]], 0, until[k] - first[k]
        total[:length] = 0
        for move in moves:
            other = today + move
            if other < 0 or other >= len(kind) or kind[other] != kind[today]:
                continue
            if _has_all(values[row[k]], at[other], slot[first[k] : until[k]], hole_first[k], hole_until[k]):
                for i in range(length):
                    total[i] += values[row[k], at[other, slot[first[k] + i]]]
                found += 1
                if found == most:
                    break
        if found >= least:
            for i in range(length):
                out[offset[k] + i] = total[i] / found


@njit(cache=True)
def _has_all(values, at, slots, hole_first, hole_until):  # pragma: no cover - compiled
    """Whether a day has a usable reading in each of these slots, none of them in the hole."""
    for s in slots:
        c = at[s]
        if c < 0 or hole_first <= c < hole_until or not np.isfinite(values[c]):
            return False
    return True
