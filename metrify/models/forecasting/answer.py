"""From scaled quantiles to FORECAST rows, with the fallback where a meter has too little history."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.levels import SCALE
from metrify.models.forecasting.profile import LEAST_DAYS, Profile
from metrify.schema import LEVELS, level_column

__all__ = ["answer", "answerable", "calibration_rows"]


def answerable(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows whose meter has the history that a model wants; the others are the profile's."""
    enough = rows["known_14d"].to_numpy(np.float64) * 14 >= LEAST_DAYS
    return enough & (rows[SCALE].to_numpy(np.float64) > 0)


def answer(rows: pd.DataFrame, quantiles: NDArray, mean: NDArray, profile: Profile) -> pd.DataFrame:
    """FORECAST columns for `rows` from quantiles [N, levels] and means [N] in the target's unit.

    Rows that are not answerable, or for which the model gave no number, get the profile and its reason.
    """
    usable = answerable(rows) & np.isfinite(quantiles).all(axis=1) & np.isfinite(mean)
    reasons = np.full(len(rows), "", dtype=object)
    if not usable.all():
        rest = ~usable
        quantiles, mean = quantiles.copy(), mean.copy()
        quantiles[rest], mean[rest], reasons[rest] = profile.predict(rows[rest])
    columns = {name: rows[name] for name in ("meter_id", "issue_time", "timestamp", "lead_minutes")}
    columns["mean"] = mean
    columns |= {level_column(level): quantiles[:, k] for k, level in enumerate(LEVELS)}
    return pd.DataFrame({**columns, "reason": reasons}, index=rows.index)


def calibration_rows(rows: pd.DataFrame, days: int) -> NDArray[np.bool_]:
    """The rows issued in the last `days` of a training set: split conformal calibrates on them.

    At most a third of the issues is set aside, so that a short training set still teaches.
    """
    issues = rows["issue_time"].to_numpy()
    kinds = np.unique(issues)
    aside = min(days, len(kinds) // 3)
    if not aside:
        return np.zeros(len(rows), bool)
    return issues >= kinds[-aside]
