"""Backtest: answer the past from what was known then, and compare with what came true."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metrify.errors import TooLittle
from metrify.models.catalog import family
from metrify.training.split import Fold, folds
from metrify.training.task import Task

__all__ = ["Backtest", "Holdout", "backtest", "holdout"]


@dataclass(frozen=True)
class Backtest:
    """Answers of all folds with their truth, and the league table."""

    answers: pd.DataFrame
    """what families and baselines answered, `actual` (the target) and the family in `model`"""
    exam: pd.DataFrame
    """the rows that they were asked, with their targets"""
    league: pd.DataFrame
    """one row per family and baseline, the best first: the task's metrics, `family`, `role`, `fit_seconds`"""
    folds: list[Fold]


@dataclass(frozen=True)
class Holdout:
    """How good a family was on the last moments, which it had not seen."""

    metrics: dict[str, float]
    """those that the task measures and the moments allow"""
    test_from: np.datetime64
    test_until: np.datetime64
    seconds: float


def backtest(
    task: Task,
    entrants: dict[str, dict[str, Any]],
    folds: list[Fold],
    *,
    known_at: np.datetime64 | None = None,
    progress: Callable[[str], None] | None = None,
) -> Backtest:
    """Fit each family (name -> hyperparameters) on each fold's past and let it answer the fold's exam.

    With `known_at` only truth that was known by then judges. Raises TooLittle where a fold has nothing to learn from
    or to be judged on.
    """
    answers: dict[str, list[pd.DataFrame]] = defaultdict(list)
    seconds = dict.fromkeys(entrants, 0.0)
    exams: list[pd.DataFrame] = []
    first: pd.DataFrame | None = None
    for number, fold in enumerate(folds, 1):
        train, exam = task.known_at(fold.train_until), task.exam(fold.test_from, fold.test_until, known_at=known_at)
        if train.empty or exam.empty:
            step = f"fold {number} of {task.name} ({fold.test_from} to {fold.test_until})"
            raise TooLittle(step, "rows to learn from and rows to be judged on", f"{len(train)} and {len(exam)}")
        first = train if first is None else first
        exams.append(exam)
        for name, settings in entrants.items():
            if progress:
                progress(f"fold {number} of {len(folds)}: {name} learns from {len(train):,} rows")
            started = time.perf_counter()
            model = family(name).configured(settings).fit(task.batch(train))
            seconds[name] += time.perf_counter() - started
            answers[name].append(model.predict(task.batch(exam.drop(columns="target"))))
        for name, answer in task.baselines(train, exam).items():
            answers[name].append(answer)
    exam, whole = pd.concat(exams), {name: pd.concat(parts) for name, parts in answers.items()}
    league = _league(task, whole, exam, first, seconds)
    actual = exam["target"].to_numpy(np.float64)
    together = [answer.assign(actual=actual, model=name) for name, answer in whole.items()]
    return Backtest(pd.concat(together, ignore_index=True), exam.reset_index(drop=True), league, folds)


def holdout(
    task: Task,
    name: str,
    settings: dict[str, Any],
    *,
    until: np.datetime64,
    progress: Callable[[str], None] | None = None,
) -> Holdout:
    """Backtest a family on the last fifth of the moments whose truth was known at `until`, or on fewer days.

    Raises TooLittle or BadValue where that is too little to learn from or to judge on.
    """
    started = time.perf_counter()
    moments = task.judged_by(until)
    if moments.size < 2:
        raise TooLittle(f"a holdout of {task.name}", f"at least two moments judged by {until}", str(moments.size))
    latest = moments[moments > moments[-1] - np.timedelta64(task.holdout_days, "D")][0]
    parts = folds(moments, train_until=max(moments[int(moments.size * 0.8)], latest), test_until=None)
    league = backtest(task, {name: settings}, parts, known_at=until, progress=progress).league.set_index("family")
    metrics = {
        metric: float(league.at[name, metric]) for metric in task.measured if np.isfinite(league.at[name, metric])
    }
    return Holdout(metrics, parts[0].test_from, parts[0].test_until, time.perf_counter() - started)


def _league(
    task: Task, answers: dict[str, pd.DataFrame], exam: pd.DataFrame, train: pd.DataFrame, seconds: dict[str, float]
) -> pd.DataFrame:
    table = pd.DataFrame(
        [
            {
                "family": name,
                "role": "entrant" if name in seconds else "baseline",
                **task.league_scores(answer, exam, train),
                "fit_seconds": seconds.get(name, 0.0),
            }
            for name, answer in answers.items()
        ]
    )
    return table.sort_values(task.metric, ascending=task.mode == "min", ignore_index=True)
