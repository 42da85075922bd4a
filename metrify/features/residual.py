"""How a reading fits the readings around it: what a metering fault breaks, and an unusual day does not."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.features.feature import Feature

__all__ = ["FEATURES", "RESIDUALS", "describe_residuals", "residuals"]

FEATURES = (
    Feature("week_change", "spreads", "value minus that of the same hour a week before"),
    Feature("recent_change", "spreads", "value minus the mean of the 3 hours before"),
    Feature("roll_zscore", "deviations", "value minus the mean of the 24 hours before, in their standard deviations"),
    Feature("shape_fit", "", "correlation of the last 3 days with the meter's mean day of 28 days"),
    Feature("shift_gain", "", "by how much that correlation grows with the clock moved by 1 to 6 hours"),
)

RESIDUALS = ("week_ago", "recent", "roll_mean", "roll_deviation", "shape_fit", "shift_gain")
"""What `describe_residuals` writes, in this order."""

_RECENT_HOURS, _ROLL_HOURS, _FIT_HOURS, _DAYS = 3.0, 24.0, 72.0, 28
_MOST_SHIFT = 6
_LEAST = 0.75
"""share of a window that must be known"""
_FLOOR = 0.1

Column = NDArray[np.float32]


def residuals(value: Column, spread: Column, around: Column) -> dict[str, Column]:
    """The FEATURES of readings [N], from the spread of their hours [N] and their RESIDUALS [K, N]."""
    week_ago, recent, mean, deviation, fit, gain = around
    return {
        "week_change": (value - week_ago) / spread,
        "recent_change": (value - recent) / spread,
        "roll_zscore": (value - mean) / np.maximum(deviation, _FLOOR * spread),
        "shape_fit": fit,
        "shift_gain": gain,
    }


@njit(cache=True)
def describe_residuals(raw, history, known_at, grid, rows, out):  # pragma: no cover - compiled
    """Write the RESIDUALS of one meter's readings in `rows` (first, until) to `out`, shape [K, readings].

    Arguments as for `metrify.features.usual.describe`; `known_at` is when late values came [T, or 0 for none]. Of what
    was before, a value of a week ago counts once it came; the windows hold only what came in time.
    """
    ends, _, cell, at, slots, _, step_hours = grid
    per_hour = max(round(1 / step_hours), 1)
    lags = 2 * _MOST_SHIFT + 1 if step_hours <= 1 else 1
    fit = round(_FIT_HOURS / step_hours)
    profile, count = np.zeros(slots), np.zeros(slots, np.int64)
    pushed = np.full((len(raw), lags), np.nan)
    sums = np.zeros((3, lags))
    own = np.zeros(3)
    row = 0
    for t in range(rows[1]):
        if t >= rows[0] and not np.isnan(raw[t]):
            out[0, row] = _week_ago(t, history, known_at, ends, cell, at, slots)
            out[1, row], _ = _moments(t, round(_RECENT_HOURS / step_hours), history, known_at, ends)
            out[2, row], out[3, row] = _moments(t, round(_ROLL_HOURS / step_hours), history, known_at, ends)
        if t - fit >= 0:
            _shape(history[t - fit], pushed[t - fit], sums, own, -1.0)
        in_time = len(known_at) == 0 or known_at[t] <= ends[t]
        value = history[t] if in_time else np.float32(np.nan)
        if not np.isnan(value) and count.min() > 0:
            for k in range(lags):
                moved = (cell[t] + (k - lags // 2) * per_hour) % slots
                pushed[t, k] = profile[moved] / count[moved]
            _shape(value, pushed[t], sums, own, 1.0)
        if t >= rows[0] and not np.isnan(raw[t]):
            out[4, row], out[5, row] = _fits(sums, own, _LEAST * fit)
            row += 1
        gone = t - _DAYS * slots
        if gone >= 0 and not np.isnan(history[gone]) and (len(known_at) == 0 or known_at[gone] <= ends[gone]):
            profile[cell[gone] % slots] -= history[gone]
            count[cell[gone] % slots] -= 1
        if not np.isnan(value):
            profile[cell[t] % slots] += value
            count[cell[t] % slots] += 1


@njit(cache=True)
def _week_ago(t, history, known_at, ends, cell, at, slots):  # pragma: no cover
    place = cell[t] - 7 * slots
    c = at[place] if place >= 0 else -1
    if c < 0 or (len(known_at) > 0 and known_at[c] > ends[t]):
        return np.nan
    return np.float64(history[c])


@njit(cache=True)
def _moments(t, length, history, known_at, ends):  # pragma: no cover
    """Mean and standard deviation of what is known of the intervals before."""
    total, square, known = 0.0, 0.0, 0
    for c in range(max(t - max(length, 1), 0), t):
        if not np.isnan(history[c]) and (len(known_at) == 0 or known_at[c] <= ends[t]):
            total += history[c]
            square += np.float64(history[c]) ** 2
            known += 1
    if known < max(_LEAST * length, 1):
        return np.nan, np.nan
    mean = total / known
    return mean, np.sqrt(max(square / known - mean * mean, 0.0))


@njit(cache=True)
def _shape(value, profile, sums, own, sign):  # pragma: no cover
    """Let a value and the mean day at its hour, and at those around it, enter the sums (or leave them)."""
    if np.isnan(profile[0]) or np.isnan(value):
        return
    own[0] += sign
    own[1] += sign * value
    own[2] += sign * np.float64(value) ** 2
    for k in range(len(profile)):
        sums[0, k] += sign * profile[k]
        sums[1, k] += sign * profile[k] ** 2
        sums[2, k] += sign * profile[k] * value


@njit(cache=True)
def _fits(sums, own, least):  # pragma: no cover
    """Correlation with the clock as it is, and how much the best of the other clocks adds."""
    known = own[0]
    if known < least:
        return np.nan, np.nan
    spread = own[2] / known - (own[1] / known) ** 2
    if spread <= 1e-6 * own[2] / known:
        return np.nan, np.nan
    lags, fit, best = sums.shape[1], np.nan, -1.0
    for k in range(lags):
        shape = sums[1, k] / known - (sums[0, k] / known) ** 2
        if shape <= 1e-6 * sums[1, k] / known:
            return np.nan, np.nan
        found = (sums[2, k] / known - own[1] / known * sums[0, k] / known) / np.sqrt(spread * shape)
        if k == lags // 2:
            fit = found
        best = max(best, found)
    return fit, best - fit
