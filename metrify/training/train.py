"""The steps of teaching, as jobs and verbs call them: find settings, fit, judge, register."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metrify.errors import BadValue, TooLittle
from metrify.models.base import Model
from metrify.models.catalog import family
from metrify.registry import Registry, Run, Version
from metrify.registry.names import task_of, to_mlflow
from metrify.settings import Workspace
from metrify.training.search import Progress, SearchResult, search
from metrify.training.task import Task

__all__ = ["Found", "Trained", "find_settings", "found_settings", "train"]


@dataclass(frozen=True)
class Trained:
    """A fitted and registered model."""

    version: Version
    model: Model
    rows: int
    seconds: float


@dataclass(frozen=True)
class Found:
    """What the last search of a family found."""

    family: str
    settings: dict[str, Any]
    until: np.datetime64
    """no day from here on had a part in it"""

    def before(self, test_from: np.datetime64) -> dict[str, Any]:
        """The settings, for a test that begins then. Raises BadValue where they were chosen on days of the test."""
        if self.until > test_from:
            wanted = f"a search of {self.family} that saw no day of the test: " + (
                f"run `metrify search {self.family} --until {test_from}`, or begin the test later"
            )
            raise BadValue("--searched", wanted, f"one that saw the days until {self.until}")
        return self.settings


def find_settings(
    workspace: Workspace,
    task: Task,
    name: str,
    *,
    until: np.datetime64,
    valid_days: int | None = None,
    trials: int = 20,
    seconds: float = 600.0,
    most_rows: int = 200_000,
    seed: int = 0,
    resume: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> SearchResult:
    """Search a family on the days before `until`: the last `valid_days` judge, what was known before them teaches.

    `valid_days` are the task's own by default. Trials learn from a random sample of at most `most_rows` rows. Needs a
    Ray session. The result is logged to MLflow and kept in the workspace for `train`, unless no trial finished.
    Raises TooLittle where either side has no rows.
    """
    days = valid_days or task.valid_days
    begin = until - np.timedelta64(days, "D")
    train, valid = task.known_at(begin), task.exam(begin, until, known_at=until)
    if train.empty or valid.empty:
        wanted = f"rows known at {begin} to learn from, and rows after it to judge"
        raise TooLittle(f"a search of {name}", wanted, f"{len(train)} and {len(valid)}")
    if len(train) > most_rows:
        train = train.sample(most_rows, random_state=seed).sort_index()
    folder = _search_folder(workspace, name)
    result = search(
        name,
        task.batch(train.reset_index(drop=True)),
        task.batch(valid.reset_index(drop=True)),
        task.objective,
        metric=task.metric,
        mode=task.mode,
        trials=trials,
        seconds=seconds,
        folder=folder / f"{str(until)[:10]}-{days}d-{len(train)}-{seed}",
        seed=seed,
        resume=resume,
        progress=progress,
    )
    if np.isfinite(result.value):
        kept = {"settings": result.settings, result.metric: result.value, "until": str(until)}
        (folder / "best.json").write_text(json.dumps(kept, indent=1))
    _log_search(workspace, name, result)
    return result


def found_settings(workspace: Workspace, name: str) -> Found:
    """What the last search of a family found. Raises UnknownName; BadValue where no trial of a search ever finished."""
    path = workspace.checkpoints / "search" / to_mlflow(name) / "best.json"
    if not family(name).space():
        return Found(name, {}, np.datetime64("NaT"))  # nothing to choose
    if not path.exists():
        raise BadValue("--searched", f"a search of {name} with a finished trial: run `metrify search {name}`", "none")
    kept = json.loads(path.read_text())
    return Found(name, kept["settings"], np.datetime64(kept["until"], "s"))


def train(
    workspace: Workspace,
    task: Task,
    name: str,
    settings: dict[str, Any],
    *,
    until: np.datetime64,
    measured: dict[str, float] | None = None,
    release: str | None = None,
) -> Trained:
    """Fit a family on all that was known at `until` and register it as challenger.

    `measured` are the metrics of its backtest, which stay with the version. Raises TooLittle, UnknownKeys, and what
    the family raises for rows that teach it nothing.
    """
    started = time.perf_counter()
    known = task.known_at(until)
    if known.empty:
        raise TooLittle(f"training {name}", f"rows known at {until}", "none")
    model = family(name).configured(settings)
    lineage = task.lineage(workspace, model.settings, known)
    model.fit(task.batch(known))
    version = Registry(workspace).publish(model, metrics=measured or {}, lineage=lineage, release=release)
    return Trained(version, model, len(known), time.perf_counter() - started)


def _search_folder(workspace: Workspace, name: str) -> Path:
    return workspace.folder(workspace.checkpoints / "search" / to_mlflow(name))


def _log_search(workspace: Workspace, name: str, result: SearchResult) -> None:
    trials = [
        Run(
            f"trial {row['trial']}",
            row["settings"],
            {metric: row[metric] for metric in (result.metric, "seconds") if np.isfinite(row.get(metric, np.nan))},
            {"state": row["state"], "error": row["error"]},
            failed=row["state"] == "failed",
        )
        for row in result.trials.to_dict("records")
    ]
    best = {result.metric: result.value} if np.isfinite(result.value) else {}
    Registry(workspace).log_run(
        task_of(name),
        f"search {name}",
        result.settings,
        best,
        {"stopped": result.stopped_why},
        trials=trials,
    )
