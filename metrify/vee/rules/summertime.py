"""Whole daylight-saving periods on which a meter was one hour off: its clock, or who read it, missed the change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.localdays import DaySlots
from metrify.localtime import LocalTimes
from metrify.panel import Panel
from metrify.vee.evidence import Found
from metrify.vee.rules.shift import Profiles, gains_over, likeness, usual_variance

__all__ = ["Period", "missed_changes", "summer_periods"]

_BESIDE = 42
"""Days on either side of a change that are compared."""
_LEAST_DAYS = 14
"""With fewer known days on a side a change says nothing."""
_SHIFTS = np.array([-1, 1])


@dataclass(frozen=True)
class Period:
    """Days of a panel, from `first` to before `until`, on which the clock of the place is ahead of standard time."""

    first: int
    until: int


def summer_periods(panel: Panel, clock: LocalTimes, days: DaySlots) -> list[Period]:
    """The daylight-saving periods that begin or end within the panel."""
    utc = panel.times.astype(np.int64) // 60
    offset = clock.day.astype(np.int64) * 1440 + clock.minute - utc
    of_day = np.zeros(len(days.kind), np.int64)
    of_day[days.day] = offset  # the last of the day stays: a day of change belongs to what begins on it
    ahead = np.diff(np.pad((of_day > offset.min(initial=0)).astype(np.int8), 1))
    bounds = zip(np.flatnonzero(ahead == 1), np.flatnonzero(ahead == -1), strict=True)
    return [Period(int(a), int(b)) for a, b in bounds if a > 0 or b < len(of_day)]


def missed_changes(profiles: Profiles, periods: list[Period], evidence: float, least_likeness: float) -> Found:
    """Days of the periods that fit better if moved by an hour, at every change that can be judged, [M, D].

    At a change the six weeks within the period are laid over the mean profiles of the six weeks outside of it; the
    shift has to be the same at both changes, to gain `evidence` in all and half of it at each,
    and to make the mean days within and outside as alike as `least_likeness` [correlation].
    """
    found = np.zeros(profiles.known.shape, bool)
    for period in periods:
        scores = period_scores(profiles, period, least_likeness)
        judged = np.isfinite(scores).any(axis=(1, 2))
        each = (np.where(np.isfinite(scores), scores, np.inf) >= evidence / 2).all(axis=1)
        enough = each & (np.nansum(scores, axis=1) >= evidence)
        found[:, period.first : period.until] |= (judged & enough.any(axis=1))[:, None]
    return found


def period_scores(profiles: Profiles, period: Period, least_likeness: float) -> NDArray[np.float64]:
    """What an hour earlier and later gain at the first and the last change of a period; NaN: not judged, [M, 2, 2].

    0 where the moved days are not alike.
    """
    scores = np.full((len(profiles.known), 2, 2), np.nan)
    days = len(profiles.off)
    sides = (
        (period.first - _BESIDE, period.first, period.first, period.first + _BESIDE),
        (period.until, period.until + _BESIDE, period.until - _BESIDE, period.until),
    )
    for side, (begin, end, first, until) in enumerate(sides):
        inside = max(first, period.first), min(until, period.until)
        days_of = profiles.values, profiles.known, profiles.off
        outside = max(begin, 0), min(end, days)
        _compare(*days_of, *outside, *inside, least_likeness, scores[:, side])
    return scores


@njit(cache=True)
def _compare(values, known, off, begin, end, first, until, least_likeness, scores):  # pragma: no cover - compiled
    """The gains of the days from `first` to `until` over the mean profiles of those from `begin` to `end`."""
    length = until - first
    usual = np.empty((length, values.shape[2]), np.float32)
    judged = np.empty(length, np.bool_)
    gains = np.empty((len(_SHIFTS), length), np.float32)
    for m in range(values.shape[0]):
        mean = np.zeros((2, values.shape[2]))
        count = np.zeros(2)
        for d in range(begin, end):
            if known[m, d]:
                mean[np.int64(off[d])] += values[m, d]
                count[np.int64(off[d])] += 1
        for d in range(length):
            kind = np.int64(off[first + d])
            judged[d] = known[m, first + d] and count[kind] > 3
            if judged[d]:
                usual[d] = mean[kind] / count[kind]
        if min(count.sum(), judged.sum()) < _LEAST_DAYS:
            continue
        variance = usual_variance(values[m, first:until], usual, judged)
        if variance > 0:
            gains_over(values[m, first:until], usual, judged, _SHIFTS, variance, gains)
            for k in range(len(_SHIFTS)):
                alike = likeness(values[m, first:until], usual, judged, _SHIFTS[k]) >= least_likeness
                scores[m, k] = gains[k].sum() if alike else 0.0
