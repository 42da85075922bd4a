"""Stretches of days on which a meter's clock was wrong by hours: the days fit its usual profile better if moved."""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.vee.evidence import Found
from metrify.vee.rules.shift import Profiles, gains_over, likeness, usual_variance

__all__ = ["wrong_days"]

_AROUND = 56
"""Days before and after a day that say what is usual."""
_LEAST_DAYS = 4
_FARTHEST = 10
"""Shifts beyond this [h] are not tried: twelve hours ahead and behind cannot be told apart."""


def wrong_days(profiles: Profiles, least_hours: int, least_days: int, evidence: float, least_likeness: float) -> Found:
    """Days in a row, `least_days` or more, that a shift of `least_hours` or more makes likelier by `evidence`, [M, D].

    Their mean has to be as like the moved usual day as `least_likeness` [correlation].

    What is usual on a day is the mean profile of the days of its type within eight weeks, itself left out. The
    stretch and shift of the greatest gain are taken first, then the greatest of what is left, as long as it suffices.
    """
    found = np.zeros(profiles.known.shape, bool)
    hours = np.arange(least_hours, max(_FARTHEST, least_hours) + 1)
    shifts = np.concatenate([-hours[::-1], hours])
    limits = evidence, least_likeness
    _search(profiles.values, profiles.known, profiles.off, shifts, least_days, limits, found)
    return found


@njit(cache=True)
def _search(values, known, off, shifts, least_days, limits, found):  # pragma: no cover - compiled
    usual = np.empty(values.shape[1:], np.float32)
    judged = np.empty(values.shape[1], np.bool_)
    gains = np.empty((len(shifts), values.shape[1]), np.float32)
    for m in range(values.shape[0]):
        _usual(values[m], known[m], off, usual, judged)
        variance = usual_variance(values[m], usual, judged)
        if variance == 0:
            continue
        gains_over(values[m], usual, judged, shifts, variance, gains)
        while True:
            score, first, until = _stretch(gains, least_days)
            if score < limits[0]:
                break
            days = slice(first, until)
            found[m, days] = _alike(values[m, days], usual[days], judged[days], gains[:, days], shifts, limits)
            gains[:, first:until] = -np.inf


@njit(cache=True)
def _usual(values, known, off, usual, judged):  # pragma: no cover - compiled
    """The mean profile of the known days of the same type around each day, without it."""
    total = np.zeros((2, values.shape[1]))
    count = np.zeros(2, np.int64)
    first = until = 0
    for d in range(len(known)):
        while until < min(d + _AROUND + 1, len(known)):
            _add(values[until], 1, known[until], np.int64(off[until]), total, count)
            until += 1
        while first < d - _AROUND:
            _add(values[first], -1, known[first], np.int64(off[first]), total, count)
            first += 1
        kind = np.int64(off[d])
        judged[d] = known[d] and count[kind] > _LEAST_DAYS
        if judged[d]:
            for j in range(values.shape[1]):
                usual[d, j] = (total[kind, j] - values[d, j]) / (count[kind] - 1)


@njit(cache=True)
def _add(profile, by, known, kind, total, count):  # pragma: no cover - compiled
    if known:
        for j in range(len(profile)):
            total[kind, j] += by * profile[j]
        count[kind] += by


@njit(cache=True)
def _stretch(gains, least_days):  # pragma: no cover - compiled
    """The greatest sum of gains of days in a row under one shift, with its first day and the one after its last."""
    best, first, until = 0.0, 0, 0
    for k in range(gains.shape[0]):
        total, begin = 0.0, 0
        for d in range(gains.shape[1]):
            if total <= 0:
                total, begin = 0.0, d
            total += gains[k, d]
            if total > best and d - begin + 1 >= least_days:
                best, first, until = total, begin, d + 1
    return best, first, until


@njit(cache=True)
def _alike(values, usual, judged, gains, shifts, limits):  # pragma: no cover - compiled
    """Whether the days look like the usual ones under any of the shifts that gain enough."""
    for k in range(len(shifts)):
        if gains[k].sum() >= limits[0] and likeness(values, usual, judged, shifts[k]) >= limits[1]:
            return True
    return False
