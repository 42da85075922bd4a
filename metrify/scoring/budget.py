"""Which readings are anomalies: by the alert budget, or by the textbook."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrify.models.anomaly.surprise import budget_threshold

__all__ = ["thresholds", "verdicts"]


def thresholds(steps_minutes: ArrayLike, alert_budget: float) -> NDArray[np.float64]:
    """What the score of readings of these interval lengths must reach, of their shape; NaN with a budget of 0."""
    steps = np.asarray(steps_minutes)
    if alert_budget <= 0:
        return np.full(steps.shape, np.nan)
    lengths, place = np.unique(steps, return_inverse=True)
    return np.array([budget_threshold(alert_budget, int(step)) for step in lengths])[place].reshape(steps.shape)


def verdicts(
    scores: ArrayLike, steps_minutes: ArrayLike, alert_budget: float, textbook: ArrayLike
) -> NDArray[np.bool_]:
    """Whether each reading is an anomaly, [N]: its score keeps to the alert budget; one without a score is none.

    `steps_minutes` are the interval lengths of the readings [N], or the one of all; `alert_budget` is in ordinary
    readings per 1,000 meters and day, and 0 leaves the verdict to the family's own, `textbook` [N].
    """
    if alert_budget <= 0:
        return np.asarray(textbook, bool)
    return np.asarray(scores, np.float64) >= thresholds(steps_minutes, alert_budget)
