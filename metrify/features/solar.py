"""Solar production behind the meter: what it gave at this clock time on the days before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.features.daygrid import day_grid
from metrify.features.feature import Feature
from metrify.features.rows import ForecastRows
from metrify.panel import Panel

__all__ = ["FEATURES", "solar"]

_WEEK = 7

FEATURES = (
    Feature("solar_lag_1d", "kWh", "production of the slot on the last known day"),
    Feature("solar_mean_7d", "kWh", "mean production of the slot over the last 7 known days"),
)


@dataclass(frozen=True)
class Production:
    """Production of some meters."""

    panel: Panel
    available: NDArray[np.int64] | None = None
    """when late values could be known [s since 1970; 0: when their interval ended], shape [M, T]; None: none is late"""

    def select(self, where: NDArray[np.int_]) -> Production:
        """The meters at these rows."""
        return Production(self.panel.select(where), self.available[where] if self.available is not None else None)

    def late_minutes(self) -> Panel:
        """By how much each value came after the end of its interval [min], zero for those in time."""
        if self.available is None:
            return self.panel.replace(np.zeros(self.panel.values.shape, np.float32))
        ends = self.panel.times.astype(np.int64) + self.panel.step_minutes * 60
        return self.panel.replace((np.maximum(self.available - ends, 0) / 60).astype(np.float32))


def solar(production: Production | None, meters: int, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    """The features above, each of shape [M, R], from production that was known at the issue time; NaN without any."""
    if production is None or not production.panel.values.size:
        return {feature.name: np.full((meters, len(rows.times)), np.nan, np.float32) for feature in FEATURES}
    zone = rows.calendar.zone
    grid, late = day_grid(production.panel, zone), day_grid(production.late_minutes(), zone)
    last = (rows.known_day() - grid.first_day)[rows.issue, rows.slot]
    waited = rows.minutes_since(last + grid.first_day)
    days = grid.values.shape[1]
    total = np.zeros((meters, len(last)), np.float32)
    count, lag = np.zeros_like(total), np.full_like(total, np.nan)
    for back in range(_WEEK):
        day = np.clip(last - back, 0, days - 1)
        there = (last - back >= 0) & (last - back < days) & (late.values[:, day, rows.slot] <= waited + back * 1440)
        value = np.where(there, grid.values[:, day, rows.slot], np.float32(np.nan))
        known = np.isfinite(value)
        total += np.where(known, value, 0)
        count += known
        lag = value if back == 0 else lag
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return {"solar_lag_1d": lag.astype(np.float32), "solar_mean_7d": mean.astype(np.float32)}
