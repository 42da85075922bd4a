"""What stood in the same place on days that looked like this one beside the gap.

Kernel regression over days (Nadaraya 1964, doi:10.1137/1109020): each day of the four weeks before and after counts by
how alike its hours before and after the place of the gap are. Its pattern may come somewhat earlier or later, because
people do not live by the minute.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.features.feature import TARGET_UNIT, Feature

__all__ = ["ANALOGS", "compare"]

ANALOGS = (
    Feature("analog_mean", TARGET_UNIT, "mean of the slot over like-looking days"),
    Feature("analog_median", TARGET_UNIT, "median of the slot over like-looking days"),
    Feature("moved_mean", TARGET_UNIT, "mean over like-looking days, each moved by up to 1.5 h"),
    Feature("moved_median", TARGET_UNIT, "median over like-looking days, each moved by up to 1.5 h"),
    Feature("moved_middle", TARGET_UNIT, "the same median with less weight on the most alike"),
)
"""What `compare` writes, in this order; weights fall with the difference beside the gap."""

_DAYS = 28
_BESIDE_HOURS, _MOVE_HOURS, _SIZE_HOURS = 3.0, 1.5, 24.0
_PER_HOUR_MOVED = 0.1
"""What a moved pattern must be better by, in shares of the meter's size [1/h]."""
_SHARP, _SHARPER, _BLUNT = 4.0, 6.0, 2.5
"""How fast the weight falls with the difference: of the days as they are, and twice of the moved ones."""
_MOST = 96
"""Moved days that are looked at, the most alike; at least the days as they are have room among them."""


@njit(cache=True)
def compare(values, cells, holes, clock, per_hour, out):  # pragma: no cover - compiled
    """Write the ANALOGS of each wanted cell to `out` [5, N]; the arguments are those of `hindsight.describe`."""
    row, column = cells
    day, slot, at, _ = clock
    moves = max(round(_MOVE_HOURS * per_hour), 1)
    unlike = np.empty((2 * _DAYS, 2 * moves + 1))
    alike = np.empty(0, np.int64)
    for n in range(len(row)):
        mine, t, first, until = values[row[n]], column[n], holes[0][n], holes[1][n]
        if n == 0 or row[n] != row[n - 1] or first != holes[0][n - 1]:
            _differ(mine, first, until, clock, per_hour, moves, unlike)
            alike = np.argsort(unlike.ravel())[:_MOST]
        found, far = np.empty(len(alike)), np.empty(len(alike))
        for moved in range(2):
            count = 0
            for place in range(2 * _DAYS) if moved == 0 else range(len(alike)):
                k, j = (
                    (place, moves) if moved == 0 else (alike[place] // (2 * moves + 1), alike[place] % (2 * moves + 1))
                )
                c = _place(at, day[t] + _offset(k), slot[t])
                c = c + j - moves if c >= 0 else -1
                if 0 <= c < len(mine) and not first <= c < until and not np.isnan(mine[c]) and unlike[k, j] < np.inf:
                    found[count], far[count] = mine[c], unlike[k, j]
                    count += 1
            if moved == 0:
                out[0, n], out[1, n] = _middle(found[:count], far[:count], _SHARP)
            else:
                out[2, n], out[3, n] = _middle(found[:count], far[:count], _SHARPER)
                _, out[4, n] = _middle(found[:count], far[:count], _BLUNT)


@njit(cache=True)
def _middle(found, far, sharpness):  # pragma: no cover - compiled
    """The mean and the median, with weights that fall with the difference; NaN of nothing."""
    if not len(found):
        return np.nan, np.nan
    weight = np.exp(-sharpness * (far - far.min()))
    half, reached = weight.sum() / 2, 0.0
    for place in np.argsort(found):
        reached += weight[place]
        if reached >= half:
            return (found * weight).sum() / (2 * half), found[place]
    return np.nan, np.nan


@njit(cache=True)
def _differ(mine, first, until, clock, per_hour, moves, unlike):  # pragma: no cover - compiled
    """How unlike each day and move is beside the gap, in shares of the meter's size there; inf: nothing to compare."""
    day, slot, at, _ = clock
    size = max(_size(mine, first, until, round(_SIZE_HOURS * per_hour)), 1e-6)
    reach = max(round(_BESIDE_HOURS * per_hour), 1)
    for k in range(2 * _DAYS):
        # a clock change within the gap gives its two sides different shifts
        begin = _place(at, day[first] + _offset(k), slot[first])
        end = _place(at, day[until - 1] + _offset(k), slot[until - 1])
        for j in range(2 * moves + 1):
            total, weight = 0.0, 0.0
            for step in range(1, reach + 1):
                for side in range(2):
                    here = first - step if side == 0 else until - 1 + step
                    if begin < 0 or end < 0:
                        continue
                    there = (begin - step if side == 0 else end + step) + j - moves
                    if 0 <= here < len(mine) and 0 <= there < len(mine):
                        gap = abs(mine[here] - mine[there])
                        if not np.isnan(gap):
                            total += gap / step
                            weight += 1.0 / step
            moved = _PER_HOUR_MOVED * abs(j - moves) / per_hour
            unlike[k, j] = total / weight / size + moved if weight > 0 else np.inf


@njit(cache=True)
def _offset(k):  # pragma: no cover - compiled
    """The nearest days first: -1, 1, -2, 2, ..."""
    return (k // 2 + 1) * (1 if k % 2 else -1)


@njit(cache=True)
def _place(at, day, slot):  # pragma: no cover - compiled
    return at[day, slot] if 0 <= day < at.shape[0] else -1


@njit(cache=True)
def _size(mine, first, until, reach):  # pragma: no cover - compiled
    total, count = 0.0, 0
    for step in range(1, reach + 1):
        for t in (first - step, until - 1 + step):
            if 0 <= t < len(mine) and not np.isnan(mine[t]):
                total += abs(mine[t])
                count += 1
    return total / count if count else 0.0
