"""Backtest: forecast the past from what was known then, and compare with what came true."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metrify import metrics
from metrify.errors import EmptyTable
from metrify.models.base import Batch
from metrify.models.catalog import family
from metrify.training.rows import known_at
from metrify.training.split import Fold, folds, within

__all__ = ["BASELINES", "MEASURED", "Backtest", "Holdout", "backtest", "holdout"]

BASELINES = {
    "naive last day": "lag_1d",
    "mean of 7 days": "slot_mean_7d",
    "median of 7 days": "slot_median_7d",
}
"""What anybody can do without a model: the column of FEATURE that is the forecast."""

MEASURED = ("wape", "mae", "rmse", "mase", "pinball", "coverage_80")
"""What of metrics.score stays with a registered version."""
HOLDOUT_DAYS = 28

_KEYS = ["meter_id", "issue_time", "timestamp", "lead_minutes"]


@dataclass(frozen=True)
class Backtest:
    """Forecasts of all folds with their truth, and the league table."""

    forecasts: pd.DataFrame
    """FORECAST columns, `actual` and the family in `model`"""
    league: pd.DataFrame
    """one row per family and baseline, best WAPE first: metrics.score's columns, `family`, `role`, `fit_seconds`"""
    folds: list[Fold]


@dataclass(frozen=True)
class Holdout:
    """How good a family was on the last issues, which it had not seen."""

    metrics: dict[str, float]
    """those of MEASURED that the issues allow"""
    test_from: np.datetime64
    test_until: np.datetime64
    seconds: float


def backtest(
    rows: pd.DataFrame,
    entrants: dict[str, dict[str, Any]],
    folds: list[Fold],
    *,
    progress: Callable[[str], None] | None = None,
) -> Backtest:
    """Fit each family (name -> hyperparameters) on each fold's past and let it forecast the fold's test issues.

    `rows` are FEATURE rows. Raises EmptyTable where a fold has nothing to learn from or to be judged on.
    """
    answers: list[pd.DataFrame] = []
    seconds = dict.fromkeys(entrants, 0.0)
    for number, fold in enumerate(folds, 1):
        train, test = known_at(rows, fold.train_until), within(rows, fold.test_from, fold.test_until)
        if train.empty or test.empty:
            raise EmptyTable("FEATURE", f"Fold {number} ({fold.test_from} to {fold.test_until}) has no rows to use.")
        for name, settings in entrants.items():
            if progress:
                progress(f"fold {number} of {len(folds)}: {name} learns from {len(train):,} rows")
            started = time.perf_counter()
            model = family(name).configured(settings).fit(Batch(train))
            seconds[name] += time.perf_counter() - started
            answers.append(_judged(model.predict(Batch(test.drop(columns="target"))), test, name))
        answers += [_judged(_baseline(test, column), test, name) for name, column in BASELINES.items()]
    forecasts = pd.concat(answers, ignore_index=True)
    return Backtest(forecasts, _league(forecasts, _naive_scale(known_at(rows, folds[0].train_until)), seconds), folds)


def holdout(
    rows: pd.DataFrame,
    name: str,
    settings: dict[str, Any],
    *,
    until: np.datetime64,
    progress: Callable[[str], None] | None = None,
) -> Holdout:
    """Backtest a family on the last fifth of the issues whose truth was known at `until`, at most 28 days of them.

    Raises EmptyTable or BadValue where that is too little to learn from or to judge on.
    """
    started = time.perf_counter()
    known = known_at(rows, until)
    issues = np.unique(known["issue_time"].to_numpy())
    if issues.size < 2:
        raise EmptyTable("FEATURE", f"A holdout wants at least two issues known at {until}, found {issues.size}.")
    latest = issues[issues > issues[-1] - np.timedelta64(HOLDOUT_DAYS, "D")][0]
    parts = folds(issues, train_until=max(issues[int(issues.size * 0.8)], latest), test_until=None)
    league = backtest(known, {name: settings}, parts, progress=progress).league.set_index("family")
    metrics = {metric: float(league.at[name, metric]) for metric in MEASURED if np.isfinite(league.at[name, metric])}
    return Holdout(metrics, parts[0].test_from, parts[0].test_until, time.perf_counter() - started)


def _judged(answer: pd.DataFrame, test: pd.DataFrame, name: str) -> pd.DataFrame:
    return answer.assign(actual=test["target"].to_numpy(np.float64), model=name)


def _baseline(test: pd.DataFrame, column: str) -> pd.DataFrame:
    """A point forecast without quantiles; where the column knows nothing, the meter's level stands in."""
    point = test[column].fillna(test["level_14d"]).to_numpy(np.float64)
    return test[_KEYS].assign(mean=point, q50=point, reason="")


def _naive_scale(train: pd.DataFrame) -> pd.Series:
    """Mean absolute error of the last known day's value in training, per meter: what MASE divides by."""
    error = (train["target"] - train["lag_1d"]).abs()
    return error.groupby(train["meter_id"], observed=True).mean()


def _league(forecasts: pd.DataFrame, scale: pd.Series, seconds: dict[str, float]) -> pd.DataFrame:
    table = pd.DataFrame(
        [
            {
                "family": name,
                "role": "baseline" if name in BASELINES else "entrant",
                **metrics.score(group, scale=scale),
                "fit_seconds": seconds.get(str(name), 0.0),
            }
            for name, group in forecasts.groupby("model", sort=False)
        ]
    )
    return table.sort_values("wape", ignore_index=True)
