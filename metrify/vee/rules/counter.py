"""Walks along counters: where they disagree with their intervals, where they go down, where they roll over."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["LEAST_POWER", "REGISTERS", "continued", "disagreements", "drops", "last_digit"]

REGISTERS = {"register_kwh": "kwh", "register_export_kwh": "kwh_export"}
"""By counter [kWh, at the end of each interval] the column that it counts."""

LEAST_POWER = 1000.0
"""The smallest counter that rolls over [kWh]: three digits."""
_FINEST = 0.001
"""Finest digit that a counter is taken to show [kWh]."""
_NEAR = 1e-4
"""A reading that is so near to a multiple of a digit, in digits, is one."""

Counter = NDArray[np.float64]


@njit(cache=True)
def disagreements(counter, values, fresh, breaks, net, tolerance, share, whole_span):  # pragma: no cover - compiled
    """Where the intervals between two readings of the counter do not add up to what it moved; all of [M, T].

    A span says nothing in which an interval was not measured, or the counter went down (unless it is `net`), or is
    another one since (`fresh`; empty: never), nor, at meters that `breaks` names, one with an interval below zero. Two
    readings of a counter that shows steps of s may be wrong by s together; s is the coarsest of 1, 0.1, 0.01 and 0.001
    that all its readings so far are multiples of. All intervals of the span are marked, or only the last, at whose end
    it is known.
    """
    found = np.zeros(counter.shape, np.bool_)
    for m in range(counter.shape[0]):
        last, since, total, whole, digit = np.nan, 0, 0.0, True, 1.0
        for t in range(counter.shape[1]):
            if fresh.size and fresh[m, t]:
                last = np.nan
            value, reading = values[m, t], counter[m, t]
            whole &= not (np.isnan(value) or (breaks[m] and value < 0))
            total += value
            if np.isnan(reading):
                continue
            digit = _digit(reading, digit)
            if whole and not np.isnan(last):
                moved = reading - last
                moved += _power(last, reading) if moved < 0 and not net else 0.0
                if (moved >= 0 or net) and abs(moved - total) > tolerance + digit + share * abs(total):
                    found[m, (since if whole_span else t) : t + 1] = True
            last, since, total, whole = reading, t + 1, 0.0, True
    return found


@njit(cache=True)
def drops(counter, fresh):  # pragma: no cover - compiled
    """Where the counter is lower than at its reading before: (meter, interval, interval before, rolled over) a row."""
    rows = []
    for m in range(counter.shape[0]):
        last, before = np.nan, 0
        for t in range(counter.shape[1]):
            if fresh.size and fresh[m, t]:
                last = np.nan
            reading = counter[m, t]
            if np.isnan(reading):
                continue
            if reading < last:
                rows.append((m, t, before, _power(last, reading) > 0))
            last, before = reading, t
    found = np.empty((len(rows), 4), np.int64)
    for place, (m, t, before, over) in enumerate(rows):
        found[place, 0], found[place, 1], found[place, 2], found[place, 3] = m, t, before, over
    return found


@njit(cache=True)
def continued(counter, fresh):  # pragma: no cover - compiled
    """The counter as if it had digits enough never to roll over, [M, T]."""
    found = np.full(counter.shape, np.nan)
    for m in range(counter.shape[0]):
        last, above = np.nan, 0.0
        for t in range(counter.shape[1]):
            if fresh.size and fresh[m, t]:
                last = np.nan
            reading = counter[m, t]
            if np.isnan(reading):
                continue
            above += _power(last, reading) if reading < last else 0.0
            found[m, t] = reading + above
            last = reading
    return found


@njit(cache=True)
def last_digit(readings):  # pragma: no cover - compiled
    """The coarsest of 1, 0.1, 0.01 and 0.001 kWh that all readings of one counter [T] are multiples of, or 0.001."""
    digit = 1.0
    for reading in readings:
        digit = _digit(reading, digit)
    return digit


@njit(cache=True)
def _digit(reading, digit):  # pragma: no cover - compiled
    """The last digit of a counter that showed `digit` so far, after one more reading; NaN tells nothing."""
    while digit > _FINEST and abs(reading / digit - np.rint(reading / digit)) > _NEAR:
        digit /= 10
    return digit


@njit(cache=True)
def _power(before, after):  # pragma: no cover - compiled
    """The power of ten at which a counter rolled over, 0 where it did not: it was in the last tenth of its digits and
    is in the first."""
    power = LEAST_POWER
    while power <= before:
        power *= 10
    return power if before >= 0.9 * power and after <= 0.1 * power else 0.0
