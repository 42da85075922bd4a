"""Day profiles of meters, and how much better a day fits the meter's usual profile if its clock is moved.

A day's gain for a shift is the logarithm of the likelihood ratio of the day under the moved and the unmoved profile,
with normal residuals of the meter's own variance: the textbook test for a known signal at an unknown delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.localdays import DaySlots
from metrify.panel import Panel

__all__ = ["SLOT_MINUTES", "Profiles", "gains_over", "likeness", "usual_variance"]

SLOT_MINUTES = 60
"""A profile has a slot for every hour of the clock."""
_SLOTS = 1440 // SLOT_MINUTES
_SCALE = 0.3
"""Readings are compressed to x / (1 + |x|), x in units of this share of the meter's mean size: shape counts."""
_KNOWN = 18
"""A day of which fewer slots are known has no profile."""
_LEAST_DAYS = 4
"""With fewer days of a type nothing is usual."""
_MOST = np.float32(10)
"""A single day says no more than this, however odd it was."""


@dataclass(frozen=True)
class Profiles:
    """Compressed readings by local day and hour, each day's mean taken off."""

    values: NDArray[np.float32]
    """0 where nothing is known, [M, D, 24]"""
    known: NDArray[np.bool_]
    """whether the day has a profile, [M, D]"""
    off: NDArray[np.bool_]
    """whether the day is a weekend or a public holiday, [D]"""

    @classmethod
    def of(cls, panel: Panel, days: DaySlots) -> Profiles:
        """Of a panel with intervals of an hour or less."""
        shape = (len(panel.values), len(days.kind))
        values, known = np.zeros((*shape, _SLOTS), np.float32), np.zeros(shape, bool)
        slot = days.slot * panel.step_minutes // SLOT_MINUTES
        _profiles(np.ascontiguousarray(panel.values), days.day, slot, values, known)
        return cls(values, known, days.kind > 0)


@njit(cache=True)
def _profiles(readings, day, slot, values, known):  # pragma: no cover - compiled
    count = np.empty(values.shape[1:], np.float32)
    for m in range(readings.shape[0]):
        scale = np.float32(_size(readings[m]) * _SCALE)
        if scale == 0:
            continue
        count[:] = 0
        for t in range(readings.shape[1]):
            if np.isfinite(readings[m, t]):
                values[m, day[t], slot[t]] += readings[m, t]
                count[day[t], slot[t]] += 1
        for d in range(values.shape[1]):
            known[m, d] = _compress(values[m, d], count[d], scale)


@njit(cache=True)
def _size(row):  # pragma: no cover - compiled
    """Mean absolute reading."""
    total, count = 0.0, 0
    for value in row:
        if np.isfinite(value):
            total += abs(value)
            count += 1
    return total / count if count else 0.0


@njit(cache=True)
def _compress(profile, count, scale):  # pragma: no cover - compiled
    """From sums to a centred profile, in place; whether enough of it is known."""
    total, slots = np.float32(0), 0
    for j in range(len(profile)):
        if count[j] > 0:
            x = profile[j] / (count[j] * scale)
            profile[j] = x / (1 + abs(x))
            total += profile[j]
            slots += 1
    if slots < _KNOWN:
        profile[:] = 0
        return False
    for j in range(len(profile)):
        profile[j] = profile[j] - total / slots if count[j] > 0 else np.float32(0)
    return True


@njit(cache=True)
def usual_variance(values, usual, judged):  # pragma: no cover - compiled
    """Variance of what the judged days differ by from their usual profiles; 0: none is judged. [D, 24], [D]."""
    total, count = 0.0, 0
    for d in range(len(judged)):
        if judged[d]:
            for j in range(values.shape[1]):
                total += (values[d, j] - usual[d, j]) ** 2
            count += values.shape[1]
    return total / count if count else 0.0


@njit(cache=True, fastmath=True)
def gains_over(values, usual, judged, shifts, variance, gains):  # pragma: no cover - compiled
    """Fill `gains` [K, D] with what each day gains by each of K shifts [slots; positive: stamped too late].

    0 for days that are not judged. `values` and `usual` have shape [D, 24].
    """
    slots = values.shape[1]
    twice = np.empty(2 * slots, np.float32)
    for d in range(len(judged)):
        for k in range(len(shifts)):
            gains[k, d] = 0
        if not judged[d]:
            continue
        twice[:slots] = usual[d]
        twice[slots:] = usual[d]
        unmoved = np.float32(0)
        for j in range(slots):
            unmoved += values[d, j] * usual[d, j]
        for k in range(len(shifts)):
            begin = (slots - shifts[k]) % slots
            moved = np.float32(0)
            for j in range(slots):
                moved += values[d, j] * twice[begin + j]
            gains[k, d] = min((moved - unmoved) / np.float32(variance), _MOST)


@njit(cache=True)
def likeness(values, usual, judged, shift):  # pragma: no cover - compiled
    """Correlation of the mean judged day with the mean of what is usual on these days, moved by `shift` slots.

    A habit that changed moves a part of the day, a wrong clock all of it.
    """
    slots = values.shape[1]
    day, moved = np.zeros((2, slots))
    for d in range(len(judged)):
        if judged[d]:
            for j in range(slots):
                day[(j - shift) % slots] += values[d, j]
                moved[j] += usual[d, j]
    both = (day * day).sum() * (moved * moved).sum()
    return (day * moved).sum() / np.sqrt(both) if both > 0 else 0.0
