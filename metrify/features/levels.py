"""How much a meter uses at all, up to the issue time: means over the last hours, days and weeks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrify.features.feature import TARGET_UNIT, Feature
from metrify.features.rows import ForecastRows
from metrify.panel import Panel

__all__ = ["FEATURES", "SCALE", "levels"]

SCALE = "scale_14d"
"""What models divide a meter's values by; above zero also where a meter exports as much as it takes."""

_HOURS = {
    "level_3h": 3,
    "level_6h": 6,
    "level_1d": 24,
    "level_2d": 48,
    "level_7d": 24 * 7,
    "level_14d": 24 * 14,
    "level_28d": 24 * 28,
}

FEATURES = (
    *(
        Feature(name, TARGET_UNIT, f"mean of the last {hours} hours before the issue time")
        for name, hours in _HOURS.items()
    ),
    Feature(SCALE, TARGET_UNIT, "mean absolute value of the last 14 days before the issue time"),
    Feature("spread_7d", TARGET_UNIT, "standard deviation over the last 168 hours before the issue time"),
    Feature("known_14d", "share", "share of the intervals of the last 14 days that are known"),
)


def levels(panel: Panel, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    """The features above, each of shape [M, R], by time: an unknown interval counts neither way."""
    cut = np.array([panel.index(issue) for issue in rows.issues])
    known = np.isfinite(panel.values)
    filled = np.where(known, panel.values, 0).astype(np.float64)
    sums, counts = _running(filled), _running(known)
    per_hour = 60 / panel.step_minutes
    features = {name: _mean(sums, counts, cut, max(round(hours * per_hour), 1)) for name, hours in _HOURS.items()}
    week, fortnight = round(24 * 7 * per_hour), round(24 * 14 * per_hour)
    square = _mean(_running(filled**2), counts, cut, week)
    features["spread_7d"] = np.sqrt(np.maximum(square - features["level_7d"] ** 2, 0))
    features[SCALE] = _mean(_running(np.abs(filled)), counts, cut, fortnight)
    features["known_14d"] = _window(counts, cut, fortnight) / fortnight
    return {name: values.astype(np.float32)[:, rows.issue] for name, values in features.items()}


def _running(values: NDArray) -> NDArray[np.float64]:
    """Running sums with a zero in front: the sum of columns a to b-1 is running[b] - running[a]."""
    running = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=running[:, 1:])
    return running


def _window(running: NDArray[np.float64], cut: NDArray[np.int_], length: int) -> NDArray[np.float64]:
    """Sum over the `length` intervals before `cut`, shape [M, I]; outside of the panel is nothing."""
    last = running.shape[1] - 1
    return running[:, np.clip(cut, 0, last)] - running[:, np.clip(cut - length, 0, last)]


def _mean(sums: NDArray, counts: NDArray, cut: NDArray[np.int_], length: int) -> NDArray[np.float64]:
    number = _window(counts, cut, length)
    return np.where(number > 0, _window(sums, cut, length) / np.maximum(number, 1), np.nan)
