"""Metrics of forecasts, of one signature: `metric(actual, forecast)`, arrays of shape [N] in the unit of the target.

Pairs go by position. A pair with a missing side (NaN) is left out, never read as zero; where no pair is left, or where
a metric is not defined (the R2 of a constant), the answer is NaN. Sums are in float64, whatever comes in.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from metrify.errors import BadValue, MissingColumns
from metrify.metrics.pairs import Floats, floats, mean, pairs, ratio
from metrify.schema import LEVELS, level_column

__all__ = [
    "bias",
    "coverage",
    "crps",
    "mae",
    "mape",
    "mase",
    "pinball",
    "r2",
    "rmse",
    "rmsse",
    "score",
    "score_by",
    "seasonal_scale",
    "wape",
    "width",
]

BANDS = {"coverage_50": (0.25, 0.75), "coverage_80": (0.10, 0.90), "coverage_90": (0.05, 0.95)}
"""Central intervals by the name of their score."""


def mae(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Mean absolute error [unit of the target]."""
    actual, forecast = pairs(actual, forecast)
    return mean(np.abs(forecast - actual))


def rmse(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Root of the mean squared error [unit of the target]."""
    actual, forecast = pairs(actual, forecast)
    return float(np.sqrt(mean(np.square(forecast - actual))))


def bias(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Mean of forecast minus actual [unit of the target]: above zero is forecast too high."""
    actual, forecast = pairs(actual, forecast)
    return mean(forecast - actual)


def mape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Mean absolute error as a share of the actual [1]; pairs whose actual is zero have no share and are left out."""
    actual, forecast = pairs(actual, forecast)
    some = actual != 0
    return mean(np.abs((forecast[some] - actual[some]) / actual[some]))


def wape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Sum of absolute errors as a share of the sum of absolute actuals [1]."""
    actual, forecast = pairs(actual, forecast)
    return ratio(np.abs(forecast - actual).sum(), np.abs(actual).sum())


def r2(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Share of the variance of the actuals that the forecast explains [1]; NaN where the actuals do not vary."""
    actual, forecast = pairs(actual, forecast)
    if not actual.size or actual.min() == actual.max():  # rounding makes the variance of a constant more than zero
        return np.nan
    return 1.0 - ratio(np.square(forecast - actual).sum(), np.square(actual - actual.mean()).sum())


def mase(actual: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> float:
    """Mean absolute error in units of `scale` [1]: the mean absolute seasonal-naive difference in training.

    `scale` is one number or one per pair; pairs whose scale is zero or missing are left out.
    Hyndman and Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001.
    """
    return mean(np.abs(_scaled(actual, forecast, scale)))


def rmsse(actual: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> float:
    """Root mean squared error in units of `scale` [1]: the root mean squared seasonal-naive difference in training."""
    return float(np.sqrt(mean(np.square(_scaled(actual, forecast, scale)))))


def pinball(actual: ArrayLike, forecast: ArrayLike, level: float) -> float:
    """Mean pinball loss of the quantile `level` [unit of the target]; half of the MAE at the median."""
    if not 0 < level < 1:
        raise BadValue("level", "a quantile level between 0 and 1", level)
    actual, forecast = pairs(actual, forecast)
    short = actual - forecast
    return mean(np.maximum(level * short, (level - 1) * short))


def coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of the actuals from `low` to `high`, both included [1]."""
    actual, low, high = pairs(actual, low, high)
    return mean((low <= actual) & (actual <= high))


def width(low: ArrayLike, high: ArrayLike) -> float:
    """Mean width of an interval [unit of the target]."""
    low, high = pairs(low, high)
    return mean(high - low)


def crps(actual: ArrayLike, quantiles: ArrayLike, levels: tuple[float, ...] = LEVELS) -> float:
    """Continuous ranked probability score from quantiles of shape [N, len(levels)] [unit of the target].

    Twice the pinball loss integrated over the levels; each level stands for those nearer to it than to its neighbours.
    Equal to the MAE where all quantiles of a row agree. Gneiting and Raftery 2007, doi:10.1198/016214506000001437.
    """
    columns = np.asarray(quantiles, np.float64)
    if columns.shape[1:] != (len(levels),):
        raise BadValue("quantiles", f"an array of shape [N, {len(levels)}]", columns.shape)
    actual, *columns = pairs(actual, *columns.T)
    middle = (np.array(levels[1:]) + np.array(levels[:-1])) / 2
    weights = np.diff(np.concatenate([[0.0], middle, [1.0]]))
    losses = [pinball(actual, column, level) for column, level in zip(columns, levels, strict=True)]
    return float(2 * weights @ np.array(losses))


def seasonal_scale(values: ArrayLike, season: int, *, squared: bool = False) -> Floats:
    """Mean absolute (or root mean squared) difference to `season` intervals before, for `mase` (or `rmsse`).

    `values` is [meters, intervals] of training, NaN where unknown; the answer is [meters], NaN where no two
    intervals that far apart are known. Raises BadValue.
    """
    if season < 1:
        raise BadValue("season", "a whole number of intervals of at least 1", season)
    grid = np.atleast_2d(np.asarray(values, np.float64))
    differences = grid[:, season:] - grid[:, :-season]
    known = np.isfinite(differences)
    sizes = np.where(known, differences**2 if squared else np.abs(differences), 0).sum(axis=1)
    counts = known.sum(axis=1)
    means = np.divide(sizes, counts, out=np.full(len(grid), np.nan), where=counts > 0)
    return np.sqrt(means) if squared else means


def score(rows: pd.DataFrame, *, scale: pd.Series | None = None) -> dict[str, float]:
    """Every metric of forecast rows: columns actual, mean, q05 ... q95, and meter_id if `scale` (by meter) is given.

    The point is q50. `n` counts the scored pairs, `n_unanswered` known actuals without a forecast, `n_zero` the
    pairs that MAPE leaves out. Raises MissingColumns.
    """
    wanted = ["actual", "mean", *map(level_column, LEVELS), *(["meter_id"] if scale is not None else [])]
    _require(rows, wanted)
    columns = {name: floats(rows[name]) for name in wanted if name != "meter_id"}
    actual, point = columns["actual"], columns["q50"]
    scores = _counts(actual, point)
    scores |= {metric.__name__: metric(actual, point) for metric in (mae, rmse, mape, r2, wape, bias)}
    scores["rmse_mean"] = rmse(actual, columns["mean"])
    if scale is not None:
        scores["mase"] = mase(actual, point, scale.reindex(rows["meter_id"].to_numpy(object)).to_numpy(np.float64))
    return scores | _spread(actual, {level: columns[level_column(level)] for level in LEVELS})


def score_by(rows: pd.DataFrame, by: list[str], *, scale: pd.Series | None = None) -> pd.DataFrame:
    """`score` of each group of `by` (such as meter_id, lead_minutes): the columns of `by`, then the scores.

    Raises MissingColumns.
    """
    _require(rows, by)
    if rows.empty:
        return pd.DataFrame(columns=[*by, *score(rows, scale=scale)])
    groups = rows.groupby(by, sort=True, observed=True, dropna=False)
    return pd.DataFrame([dict(zip(by, names, strict=True)) | score(group, scale=scale) for names, group in groups])


def _counts(actual: Floats, point: Floats) -> dict[str, float]:
    known, answered = ~np.isnan(actual), ~np.isnan(point)
    return {
        "n": int((known & answered).sum()),
        "n_unanswered": int((known & ~answered).sum()),
        "n_zero": int(((actual == 0) & answered).sum()),
    }


def _spread(actual: Floats, levels: dict[float, Floats]) -> dict[str, float]:
    losses = {level: pinball(actual, forecast, level) for level, forecast in levels.items()}
    return {
        "pinball": float(np.mean(list(losses.values()))),
        **{f"pinball_{level * 100:.0f}": losses[level] for level in (0.10, 0.50, 0.90)},
        "crps": crps(actual, np.column_stack(list(levels.values())), tuple(levels)),
        **{name: coverage(actual, levels[low], levels[high]) for name, (low, high) in BANDS.items()},
        "width_80": width(levels[0.10], levels[0.90]),
    }


def _scaled(actual: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> Floats:
    scales = np.broadcast_to(floats(scale), floats(actual).shape)
    actual, forecast, scales = pairs(actual, forecast, np.where(scales > 0, scales, np.nan))
    return (forecast - actual) / scales


def _require(rows: pd.DataFrame, wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in rows.columns]
    if missing:
        raise MissingColumns(missing, map(str, rows.columns), "forecast rows to score")
