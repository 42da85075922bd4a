"""From the log-odds that trees say of subjects they have not seen to probabilities that come true as often as said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Calibration", "folds"]

_SPREAD = 0.5
"""standard deviation of slope (about 1) and shift (about 0) that is thought likely before any data"""
_STEPS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """probability = 1 / (1 + exp(-(slope * margin + shift))), with a slope above 0: the order of the rows stays.

    Platt 1999, "Probabilistic outputs for support vector machines", with a prior that keeps the margins as they are
    where few rows speak.
    """

    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def fit(cls, margin: Floats, target: Floats, weight: float = 1.0) -> Self:
        """By Newton's method. `margin` and `target` (0 or 1) have shape [N]; each row counts `weight` times."""
        columns = np.column_stack([margin, np.ones(len(margin))])
        found = prior = np.array([1.0, 0.0])
        for _ in range(_STEPS):
            chance = _logistic(columns @ found)
            slope = weight * columns.T @ (chance - target) + (found - prior) / _SPREAD**2
            bend = (columns * (weight * chance * (1 - chance))[:, None]).T @ columns + np.eye(2) / _SPREAD**2
            step = np.linalg.solve(bend, slope)
            found = found - step / max(1.0, float(np.abs(step).max()))  # a full step can run away
            if np.abs(step).max() < 1e-9:
                break
        return cls(max(float(found[0]), 0.05), float(found[1]))

    def apply(self, margin: Floats) -> Floats:
        """Probabilities, strictly between 0 and 1."""
        return _logistic(self.slope * margin.astype(np.float64) + self.shift)


def folds(subjects: NDArray[np.object_], parts: int) -> list[NDArray[np.bool_]]:
    """Which rows are aside in each part, [N] each: all rows of a subject in one, equally many subjects in each.

    Fewer parts where there are fewer subjects than `parts`.
    """
    names, row = np.unique(subjects.astype(str), return_inverse=True)
    place = np.argsort(np.argsort(pd.util.hash_array(names.astype(object)), kind="stable"), kind="stable")
    part = (place % parts)[row]
    return [part == number for number in range(min(parts, len(names)))]


def _logistic(values: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -500, 500)))
