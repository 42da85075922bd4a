"""The fleet's profile: the named fallback for a meter that has too little history for a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.levels import SCALE
from metrify.schema import LEVELS

__all__ = ["FALLBACK", "LEAST_DAYS", "Profile"]

FALLBACK = "forecasting/profile"
LEAST_DAYS = 2.0
"""A meter with fewer known days in the last 14 is answered by the profile."""
_HOURS = 24


@dataclass(frozen=True)
class Profile:
    """Quantiles and mean of the target over the meter's scale, by day type and local hour."""

    quantiles: NDArray[np.float64]
    """[2 day types, 24 hours, levels]"""
    mean: NDArray[np.float64]
    """[2, 24]"""
    scale: float
    """scale of a typical meter, in the target's unit"""

    @classmethod
    def fit(cls, rows: pd.DataFrame) -> Profile:
        """Learn from training rows with `target`, the scale and the calendar columns."""
        scale = rows[SCALE].to_numpy(np.float64)
        useful = (scale > 0) & np.isfinite(rows["target"].to_numpy())
        relative = rows["target"].to_numpy(np.float64)[useful] / scale[useful]
        typical = float(np.median(scale[useful])) if useful.any() else 0.0
        off, hour = (part[useful] for part in _cells(rows))
        quantiles = np.tile(np.ones(len(LEVELS)), (2, _HOURS, 1))
        mean = np.ones((2, _HOURS))
        for day_type in range(2):
            for clock in range(_HOURS):
                cell = relative[(off == day_type) & (hour == clock)]
                cell = cell if len(cell) else relative[hour == clock]  # a training period without days off
                if len(cell):
                    quantiles[day_type, clock] = np.quantile(cell, LEVELS)
                    mean[day_type, clock] = cell.mean()
        return cls(quantiles, mean, typical)

    def predict(self, rows: pd.DataFrame) -> tuple[NDArray, NDArray, NDArray[np.object_]]:
        """Quantiles [N, levels], means [N] and the reason of each row [N]."""
        own = rows[SCALE].to_numpy(np.float64)
        known = np.isfinite(own)
        scale = np.where(known, own, self.scale)
        off, hour = _cells(rows)
        days = np.nan_to_num(rows["known_14d"].to_numpy(np.float64)) * 14
        reasons = np.where(
            known,
            [f"short history ({d:.1f} of the last 14 days known): fleet profile at the meter's level" for d in days],
            "no history in the last 14 days: fleet profile at the fleet's level",
        ).astype(object)
        reasons[known & (own <= 0) & (days >= LEAST_DAYS)] = "only zeros in the last 14 days: zero"
        return self.quantiles[off, hour] * scale[:, None], self.mean[off, hour] * scale, reasons

    def state(self) -> dict[str, Any]:
        """For JSON."""
        return {"quantiles": self.quantiles.tolist(), "mean": self.mean.tolist(), "scale": self.scale}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Profile:
        return cls(np.asarray(state["quantiles"]), np.asarray(state["mean"]), state["scale"])


def _cells(rows: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    off = rows["is_day_off"].to_numpy(np.int64)
    return off, (rows["minute_of_day"].to_numpy(np.int64) // 60)
