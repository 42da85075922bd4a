"""Calibrated quantiles: intervals that hold what they promise on weeks that the model did not learn from.

Split conformal prediction (Papadopoulos et al. 2002; quantile form after Romano, Patterson and Candes 2019,
arXiv:1905.03222), here as factors on the distance from the median to the fitted outer quantiles, so that one
rule corrects the fitted levels and fills those that a family does not fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrify.schema import LEVELS

__all__ = ["Conformal"]

_MINUTES_PER_BLOCK = 360
_MOST_BLOCKS = 8
_NARROWEST = 1e-3
"""Least distance from the median to an outer quantile, in units of the meter's scale."""


@dataclass(frozen=True)
class Conformal:
    """Factors per block of lead time and level, shape [blocks, levels]."""

    factors: NDArray[np.float64]

    @classmethod
    def fit(cls, actual: NDArray, low: NDArray, middle: NDArray, high: NDArray, lead_minutes: NDArray) -> Conformal:
        """Learn from calibration rows: what came true, the fitted q10, q50 and q90, all in units of the scale, [N].

        Without any calibration row the fitted quantiles stay as they are and others follow the normal curve.
        """
        blocks = _blocks(lead_minutes)
        below = (middle - actual) / _width(middle, low)
        above = (actual - middle) / _width(high, middle)
        known = np.isfinite(below) & np.isfinite(above)
        factors = np.empty((_MOST_BLOCKS, len(LEVELS)))
        for block in range(_MOST_BLOCKS):
            here = known & (blocks == block)
            here = here if here.any() else known  # a lead time without rows borrows all of them
            for k, level in enumerate(LEVELS):
                side, reach = (below, 1 - level) if level < 0.5 else (above, level)
                factors[block, k] = 0.0 if level == 0.5 else _reach(side[here], reach)
        return cls(factors)

    def apply(self, low: NDArray, middle: NDArray, high: NDArray, lead_minutes: NDArray) -> NDArray[np.float64]:
        """Quantiles at LEVELS from the fitted q10, q50 and q90, in ascending order, shape [N, levels]."""
        factors = self.factors[_blocks(lead_minutes)]
        under = np.asarray(LEVELS) < 0.5
        width = np.where(under, -_width(middle, low)[:, None], _width(high, middle)[:, None])
        return np.sort(middle[:, None] + factors * width, axis=1)

    def state(self) -> list[list[float]]:
        """For JSON."""
        return self.factors.tolist()

    @classmethod
    def from_state(cls, state: Any) -> Conformal:
        return cls(np.asarray(state, np.float64))


def _blocks(lead_minutes: NDArray) -> NDArray[np.int64]:
    return np.minimum(np.asarray(lead_minutes, np.int64) // _MINUTES_PER_BLOCK, _MOST_BLOCKS - 1)


def _width(upper: NDArray, lower: NDArray) -> NDArray[np.float64]:
    return np.maximum(np.asarray(upper, np.float64) - np.asarray(lower, np.float64), _NARROWEST)


def _reach(ratios: NDArray[np.float64], level: float) -> float:
    """The factor that covers `level` of the ratios, with the correction for a finite sample."""
    if not len(ratios):
        normal = {0.75: 0.526, 0.9: 1.0, 0.95: 1.284}
        return normal[round(level, 2)]
    place = min(math.ceil((len(ratios) + 1) * level), len(ratios)) - 1
    return float(np.partition(ratios, place)[place])
