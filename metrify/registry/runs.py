"""Runs of experiments: search trials, backtests, trainings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrify.registry.connection import is_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Run", "experiment_id", "log"]

MOST_AT_ONCE = 100
"""MLflow takes this many parameters and tags in one request."""


@dataclass(frozen=True)
class Run:
    """One run to be logged."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Path] = ()
    """files, and folders with all that is in them"""
    failed: bool = False


def experiment_id(client: MlflowClient, name: str, artifacts: Path) -> str:
    """The id of an experiment, made if need be; a database keeps its artifacts in the workspace, a server its own."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        place = None if is_server(client.tracking_uri) else (artifacts / name.replace("/", ".")).as_uri()
        try:
            return client.create_experiment(name, artifact_location=place)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return experiment_id(client, name, artifacts)  # another process was quicker
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def log(client: MlflowClient, experiment: str, run: Run, children: Sequence[Run] = ()) -> str:
    """Log a finished run with its nested runs; returns its id."""
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    run_id = _log_one(client, experiment, run, {})
    for child in children:
        _log_one(client, experiment, child, {MLFLOW_PARENT_RUN_ID: run_id})
    return run_id


def _log_one(client: MlflowClient, experiment: str, run: Run, extra: dict[str, str]) -> str:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    run_id = client.create_run(experiment, tags={**run.tags, **extra}, run_name=run.name).info.run_id
    metrics = [Metric(name, float(value), now, 0) for name, value in run.metrics.items() if value is not None]
    params = [Param(name, str(value)) for name, value in run.params.items()]
    client.log_batch(run_id, metrics=metrics, params=params[:MOST_AT_ONCE])
    for start in range(MOST_AT_ONCE, len(params), MOST_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + MOST_AT_ONCE])
    for path in run.artifacts:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, "FAILED" if run.failed else "FINISHED")
    return run_id
