"""Solar production behind the meter: what it gave at this clock time on the days before."""

from __future__ import annotations

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


def solar(panel: Panel | None, meters: int, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    """The features above, each of shape [M, R], from production that ended by the issue time; NaN without a panel."""
    if panel is None:
        return {feature.name: np.full((meters, len(rows.times)), np.nan, np.float32) for feature in FEATURES}
    grid = day_grid(panel, rows.calendar.zone)
    last = (rows.known_day() - grid.first_day)[rows.issue, rows.slot]
    days = grid.values.shape[1]
    back = last[None, :] - np.arange(_WEEK)[:, None]
    inside = (back >= 0) & (back < days)
    total = np.zeros((meters, len(last)), np.float32)
    count = np.zeros_like(total)
    lag = np.full_like(total, np.nan)
    for week_day in range(_WEEK):
        value = np.where(inside[week_day], grid.values[:, np.clip(back[week_day], 0, days - 1), rows.slot], np.nan)
        known = np.isfinite(value)
        total += np.where(known, value, 0)
        count += known
        lag = value if week_day == 0 else lag
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return {"solar_lag_1d": lag.astype(np.float32), "solar_mean_7d": mean.astype(np.float32)}
