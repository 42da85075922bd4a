"""Surprise: what makes the scores of all detectors mean the same, and a threshold mean a rate of alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrify.errors import BadValue

__all__ = ["Surprise", "budget_threshold"]

_KNOTS = 200
_TAIL_ROWS = 200
_TAIL_SHARE = 0.1


def budget_threshold(alert_budget: float, step_minutes: int) -> float:
    """The score above which `alert_budget` ordinary readings per 1,000 meters and day lie, at least 0.

    Raises BadValue for a budget of zero or less: it leaves the threshold to the family.
    """
    if alert_budget <= 0:
        raise BadValue("alert_budget", "more than 0 readings per 1,000 meters and day", alert_budget)
    return max(-float(np.log10(alert_budget / 1000 / (1440 / step_minutes))), 0.0)


@dataclass(frozen=True)
class Surprise:
    """From a raw score to -log10 of the share of ordinary rows that score at least as high.

    Within the rows that it was fitted on it is their empirical tail; beyond their highest scores an exponential tail
    goes on, the peaks over a threshold of extreme value theory (Pickands 1975, doi:10.1214/aos/1176343003) with shape
    zero. The scale of the tail comes from the median excess, so that a few faults among the ordinary do not stretch it.
    """

    knots: NDArray[np.float64]
    """raw scores, ascending"""
    levels: NDArray[np.float64]
    """surprise at the knots"""
    slope: float
    """growth of the surprise with the raw score beyond the last knot"""

    @classmethod
    def fit(cls, ordinary: ArrayLike) -> Self:
        """From raw scores of ordinary rows. Raises BadValue where none is finite."""
        scores = np.asarray(ordinary, np.float64)
        scores = np.sort(scores[np.isfinite(scores)])
        if not len(scores):
            raise BadValue("raw scores", "at least one finite score", "none")
        shares = np.geomspace(1, min(_TAIL_ROWS / len(scores), _TAIL_SHARE), _KNOTS)
        knots = np.unique(scores[len(scores) - np.maximum(np.ceil(shares * len(scores)).astype(int), 1)])
        above = len(scores) - np.searchsorted(scores, knots, side="left")
        excess = scores[scores > knots[-1]] - knots[-1]
        scale = float(np.median(excess)) / np.log(2) if len(excess) else float(scores.std())
        return cls(knots, -np.log10(above / len(scores)), 1 / (max(scale, 1e-9) * np.log(10)))

    def __call__(self, raw: ArrayLike) -> NDArray[np.float64]:
        """The surprise of raw scores, never falling with them; NaN stays NaN."""
        scores = np.asarray(raw, np.float64)
        beyond = np.maximum(scores - self.knots[-1], 0)
        return np.interp(scores, self.knots, self.levels) + beyond * self.slope

    def state(self) -> dict[str, Any]:
        return {"knots": self.knots.tolist(), "levels": self.levels.tolist(), "slope": self.slope}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        return cls(np.asarray(state["knots"], np.float64), np.asarray(state["levels"], np.float64), state["slope"])
