"""Search the hyperparameters of one family on Ray Tune: Optuna proposes, ASHA stops early what lags behind."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from metrify.errors import ClusterError, SearchFailed
from metrify.models import catalog
from metrify.models.base import Batch, Model
from metrify.training.journal import Ending, Journal, TrialRow, fingerprint
from metrify.training.space import default_point, facts, settings_of
from metrify.training.trial import Objective

if TYPE_CHECKING:
    from metrify.training.tuning import Plan

__all__ = ["Progress", "SearchResult", "search"]


@dataclass(frozen=True)
class Progress:
    """How far a search is; told whenever a trial ends."""

    ended: int
    trials: int
    best: float | None
    """of the trials that finished"""
    seconds: float


@dataclass(frozen=True)
class SearchResult:
    """What a search found."""

    family: str
    settings: dict[str, Any]
    """the best searched hyperparameters; the family's defaults where no trial finished in time"""
    metric: str
    value: float
    """of the best trial; NaN where no trial finished in time"""
    trials: pd.DataFrame
    """one row per trial: trial, state, seconds, reports, error, settings (a dict) and a column per metric"""
    stopped_why: Ending
    """what was used up"""


def search(
    family: str | type[Model],
    train: Batch,
    valid: Batch,
    objective: Objective,
    *,
    metric: str,
    trials: int,
    seconds: float,
    folder: Path,
    mode: Literal["min", "max"] = "min",
    seed: int = 0,
    workers: int | None = None,
    resume: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> SearchResult:
    """Find the settings of a family with the best `metric` of `objective(answers, valid.rows)`, in a Ray session.

    Ends after `trials` trials or `seconds`, whatever comes first, also in the middle of a trial. The family's defaults
    are the first trial. Trials run on one CPU each, `workers` at once (as many as the cluster has CPUs by default).
    Where the family reports `metric` while it learns, trials that lag behind are stopped early. The data that trials
    get are read-only: they are in the object store once, for all of them.

    `folder` remembers every ended trial: called again after a crash, a search repeats none of them; one that ended is
    answered from there, or goes on if more trials in all, or more seconds than the last call had, are allowed now;
    resume=False forgets them.
    Raises BadValue for a folder of another search, SearchFailed if every trial fails, ClusterError without Ray.
    """
    found = catalog.family(family) if isinstance(family, str) else family
    journal = Journal(folder)
    journal.open(_identity(found, train, valid, metric, mode, seed), resume=resume)
    trials = trials if found.space() else 1
    why = journal.ended(trials, seconds)
    if why is None:
        if not _has_ray():
            raise ClusterError("A search runs on Ray, and this process has none: open metrify.cluster.session first.")
        from metrify.training.tuning import Plan, run

        journal.go_on()
        started = time.time()
        plan = Plan(found, objective, metric, mode, trials, started + seconds, seed, workers)
        run(plan, journal, train, valid, lambda: _tell(progress, plan, journal, started))
        journal.end(trials, seconds)
        why = journal.ended(trials, seconds) or "seconds"
    return _result(found, journal.rows(), metric, mode, why, folder)


def _identity(family: type[Model], train: Batch, valid: Batch, metric: str, mode: str, seed: int) -> dict[str, Any]:
    """What must be the same for trials to be comparable."""
    data = {"train": fingerprint(train), "valid": fingerprint(valid)}
    return {"family": family.family, "space": facts(family), **data, "metric": metric, "mode": mode, "seed": seed}


def _has_ray() -> bool:
    """Tune would start a Ray of its own, without the settings of a session."""
    import ray

    return ray.is_initialized()


def _best(rows: list[TrialRow], metric: str, mode: str) -> TrialRow | None:
    finished = [row for row in rows if row.state == "finished"]
    sign = 1 if mode == "min" else -1
    return min(finished, key=lambda row: sign * row.metrics[metric], default=None)


def _tell(progress: Callable[[Progress], None] | None, plan: Plan, journal: Journal, started: float) -> None:
    if progress is None:
        return
    rows = journal.rows()
    best = _best(rows, plan.metric, plan.mode)
    value = best.metrics[plan.metric] if best else None
    progress(Progress(len(rows), plan.trials, value, time.time() - started))


def _result(
    family: type[Model], rows: list[TrialRow], metric: str, mode: str, why: Ending, folder: Path
) -> SearchResult:
    failed = [row for row in rows if row.state == "failed"]
    if failed and len(failed) == len(rows):
        raise SearchFailed(family.family, len(failed), failed[0].error, folder)
    best = _best(rows, metric, mode)
    point = best.point if best else default_point(family)
    value = best.metrics[metric] if best else math.nan
    return SearchResult(family.family, settings_of(family, point), metric, value, _table(family, rows), why)


def _table(family: type[Model], rows: list[TrialRow]) -> pd.DataFrame:
    told = ["trial", "state", "seconds", "reports", "error"]
    table = pd.DataFrame([[getattr(row, name) for name in told] for row in rows], columns=told)
    table["settings"] = [settings_of(family, row.point) for row in rows]
    return table.join(pd.DataFrame([row.metrics for row in rows]))
