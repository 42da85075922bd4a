"""The steps of teaching, as jobs and verbs call them: find settings, fit, judge, register."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrify import metrics
from metrify.errors import BadValue, EmptyTable
from metrify.features.origin import Origin
from metrify.lake.tables import Lake
from metrify.models.base import Batch, Model
from metrify.models.catalog import family
from metrify.registry import Lineage, Registry, Run, Version
from metrify.registry.names import task_of, to_mlflow
from metrify.schema import FEATURE
from metrify.settings import Workspace
from metrify.training.rows import known_at
from metrify.training.search import Progress, SearchResult, search
from metrify.training.split import within

__all__ = ["Found", "Trained", "find_settings", "found_settings", "judge", "train"]

SEARCH_METRIC = "wape"
"""What a search minimises. Families report it while they learn, so that a trial that lags behind can be stopped."""


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


def judge(answers: pd.DataFrame, rows: pd.DataFrame) -> dict[str, float]:
    """Metrics of forecasts against the targets of their rows."""
    return metrics.score(answers.assign(actual=rows["target"].to_numpy(np.float64)))


def find_settings(
    workspace: Workspace,
    rows: pd.DataFrame,
    name: str,
    *,
    until: np.datetime64,
    valid_days: int = 28,
    trials: int = 20,
    seconds: float = 600.0,
    most_rows: int = 200_000,
    seed: int = 0,
    resume: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> SearchResult:
    """Search a family on the days before `until`: the last `valid_days` judge, what was known before them teaches.

    Trials learn from a random sample of at most `most_rows` rows. Needs a Ray session. The result is logged to MLflow
    and kept in the workspace for `train`, unless no trial finished. Raises EmptyTable where either side has no rows,
    BadValue where FEATURE was built for other settings.
    """
    Origin.of_features(workspace)
    begin = until - np.timedelta64(valid_days, "D")
    train, valid = known_at(rows, begin), known_at(within(rows, begin, until), until)
    if train.empty or valid.empty:
        raise EmptyTable("FEATURE", f"The search wants rows before {begin} to learn from and rows after it to judge.")
    if len(train) > most_rows:
        train = train.sample(most_rows, random_state=seed).sort_index()
    folder = _search_folder(workspace, name)
    result = search(
        name,
        Batch(train.reset_index(drop=True)),
        Batch(valid.reset_index(drop=True)),
        judge,
        metric=SEARCH_METRIC,
        trials=trials,
        seconds=seconds,
        folder=folder / f"{str(until)[:10]}-{valid_days}d-{len(train)}-{seed}",
        seed=seed,
        resume=resume,
        progress=progress,
    )
    if np.isfinite(result.value):
        kept = {"settings": result.settings, SEARCH_METRIC: result.value, "until": str(until)}
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
    rows: pd.DataFrame,
    name: str,
    settings: dict[str, Any],
    *,
    until: np.datetime64,
    measured: dict[str, float] | None = None,
    release: str | None = None,
) -> Trained:
    """Fit a family on all that was known at `until` and register it as challenger.

    `measured` are the metrics of its backtest, which stay with the version. Raises EmptyTable, UnknownKeys; BadValue
    where FEATURE was built for other settings.
    """
    started, origin = time.perf_counter(), Origin.of_features(workspace)
    known = known_at(rows, until)
    if known.empty:
        raise EmptyTable("FEATURE", f"There is nothing to learn from before {until}.")
    model = family(name).configured(settings).fit(Batch(known))
    version = Registry(workspace).publish(
        model, metrics=measured or {}, lineage=_lineage(workspace, origin, model, known), release=release
    )
    return Trained(version, model, len(known), time.perf_counter() - started)


def _search_folder(workspace: Workspace, name: str) -> Path:
    return workspace.folder(workspace.checkpoints / "search" / to_mlflow(name))


def _lineage(workspace: Workspace, origin: Origin, model: Model, rows: pd.DataFrame) -> Lineage:
    """The lake as the build of FEATURE read it: it may hold more by now."""
    settings = {"workspace": workspace.settings.model_dump(), "features": origin.settings, "family": model.settings}
    return Lineage(
        lake={**origin.lake, FEATURE.name: Lake(workspace).version(FEATURE)},
        settings=settings,
        first=rows["timestamp"].min().tz_localize("UTC").to_pydatetime(),
        last=rows["timestamp"].max().tz_localize("UTC").to_pydatetime(),
        meters=int(rows["meter_id"].nunique()),
        rows=len(rows),
    )


def _log_search(workspace: Workspace, name: str, result: SearchResult) -> None:
    trials = [
        Run(
            f"trial {row['trial']}",
            row["settings"],
            {metric: row[metric] for metric in (SEARCH_METRIC, "seconds") if np.isfinite(row.get(metric, np.nan))},
            {"state": row["state"], "error": row["error"]},
            failed=row["state"] == "failed",
        )
        for row in result.trials.to_dict("records")
    ]
    best = {SEARCH_METRIC: result.value} if np.isfinite(result.value) else {}
    Registry(workspace).log_run(
        task_of(name),
        f"search {name}",
        result.settings,
        best,
        {"stopped": result.stopped_why},
        trials=trials,
    )
