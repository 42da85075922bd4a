"""Platt's calibration: from the log-odds that trees say to a probability that can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration"]

_STEPS = 25
_PRIOR = 1.0
"""Weight of the trees' own odds: as if this many more rows had said that they are right."""


@dataclass(frozen=True)
class Calibration:
    """probability = 1 / (1 + exp(-(slope * odds + offset))), Platt 1999, "Probabilistic outputs for SVMs"."""

    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def fit(cls, odds: NDArray[np.float64], actual: NDArray[np.float64]) -> Calibration:
        """Least log loss on rows that the trees have not seen, by Newton's method; few rows change little.

        `odds` are log-odds, `actual` is 0 or 1, both of shape [N]; the rows may be of one kind, or none.
        """
        inputs = np.column_stack([odds, np.ones(len(odds))])
        prior = np.array([1.0, 0.0])
        weights = prior
        for _ in range(_STEPS):
            said = _logistic(inputs @ weights)
            slope = inputs.T @ (said - actual) + _PRIOR * (weights - prior)
            bend = (inputs * (said * (1 - said))[:, None]).T @ inputs + _PRIOR * np.eye(2)
            step = np.linalg.solve(bend, slope)
            weights = weights - step / max(1.0, float(np.abs(step).max()))
        if weights[0] <= 0:  # the order of the rows is never turned round: what is left is their rate
            rate = (actual.sum() + 0.5) / (len(actual) + 1)
            return cls(0.0, float(np.log(rate / (1 - rate))))
        return cls(float(weights[0]), float(weights[1]))

    def apply(self, odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, shape [N]."""
        return _logistic(self.slope * odds + self.offset)


def _logistic(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
