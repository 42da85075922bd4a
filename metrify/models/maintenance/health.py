"""The health index of equipment: 100 is as good as new, 0 is a failure a year."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["at_horizon", "health"]

SOUND, SPENT = 0.001, 1.0
"""Failures a year at which health is 100 and 0."""

Floats = NDArray[np.float64]


def health(probability: Floats, horizon_days: NDArray) -> Floats:
    """0 to 100 from the chance of failure within the horizon; NaN stays NaN.

    With hazard = -ln(1 - probability) * 365 / horizon_days [failures a year], health falls by a third of the scale for
    each ten times as many failures: 100 at one in a thousand years, 67 at one in a hundred, 33 at one in ten, 0 at one
    a year. So it says the same whatever the horizon, and tells 0.1 % from 1 %, which 1 - probability does not.
    """
    with np.errstate(divide="ignore"):  # never and at once are the ends of the scale
        hazard = -np.log1p(-probability) * 365 / horizon_days
        decades = np.log10(hazard / SOUND) / np.log10(SPENT / SOUND)
    return 100 * (1 - np.clip(decades, 0, 1))


def at_horizon(probability: Floats, learned_days: int, horizon_days: NDArray) -> Floats:
    """The chance within another horizon than the one that was learned, at the same hazard."""
    other = -np.expm1(np.log1p(-probability) * (horizon_days / learned_days))
    return np.where(horizon_days == learned_days, probability, other)
