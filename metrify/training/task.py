"""What a task is to those who teach it: rows to learn from, rows to be judged on, and the judge. Always by time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import UnknownName
from metrify.models import catalog
from metrify.models.base import Batch
from metrify.registry import Lineage
from metrify.settings import Workspace
from metrify.training.trial import Objective

__all__ = ["TASKS", "Task", "of_task", "task_class"]

TASKS = {
    "FORECAST": "metrify.training.forecasting:ForecastingTask",
    "ANOMALY": "metrify.training.anomaly:AnomalyTask",
    "RISK": "metrify.training.maintenance:MaintenanceTask",
    "QUALITY": "metrify.training.quality:QualityTask",
    "ESTIMATE": "metrify.training.estimation:EstimationTask",
    "quality ANOMALY": "metrify.training.anomaly:MeteringTask",
}
"""The one registration, by the table that families answer with, or by task and table where a task judges its own way.

Strings, so that naming one loads nothing heavy.
"""


class Task(ABC):
    """The rows of one workspace for the families of one task.

    A row belongs to a moment: when its answer is, or would have been, given. What is learned from at a moment was
    known by then, with its truth.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    """what a search looks at, and by what a league is ordered"""
    mode: ClassVar[Literal["min", "max"]]
    measured: ClassVar[tuple[str, ...]]
    """metrics that stay with a registered version"""
    shown: ClassVar[tuple[str, ...]]
    """metrics of a league table"""
    valid_days: int = 28
    """how many days before its end judge the trials of a search, unless it says otherwise"""
    holdout_days: int = 28
    """most days of moments that measure a version before it is trained"""

    @classmethod
    @abstractmethod
    def of(cls, workspace: Workspace) -> Self:
        """What the lake holds for the task now. Raises EmptyTable where that is nothing."""

    @property
    @abstractmethod
    def moments(self) -> NDArray[np.datetime64]:
        """Moments with rows to be judged on, ascending, datetime64[s] UTC."""

    @property
    @abstractmethod
    def end(self) -> np.datetime64:
        """A moment at which everything is known."""

    @abstractmethod
    def known_at(self, moment: np.datetime64) -> pd.DataFrame:
        """Rows to learn from at `moment`, with `target` where the task has one. May be empty."""

    @abstractmethod
    def exam(
        self, first: np.datetime64, until: np.datetime64, *, known_at: np.datetime64 | None = None
    ) -> pd.DataFrame:
        """Rows of the moments from `first` up to, not including, `until`, with `target`; may be empty.

        With `known_at`, only those whose truth was known by then.
        """

    @abstractmethod
    def judged_by(self, moment: np.datetime64) -> NDArray[np.datetime64]:
        """Those of `moments` whose truth was known at `moment`."""

    def batch(self, rows: pd.DataFrame) -> Batch:
        """What a family is given of some of these rows."""
        return Batch(rows)

    @property
    @abstractmethod
    def objective(self) -> Objective:
        """objective(answers, rows of an exam) -> metrics by name; it travels to the workers of a search."""

    @abstractmethod
    def baselines(self, train: pd.DataFrame, exam: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """What anybody can answer without a model, by name, one row per row of `exam`."""

    @abstractmethod
    def asked(self, exam: pd.DataFrame) -> str:
        """How much an exam asks, for people: "64 meters"."""

    @abstractmethod
    def lineage(self, workspace: Workspace, settings: dict[str, Any], rows: pd.DataFrame) -> Lineage:
        """What a model with these hyperparameters that learned from `rows` was made of."""

    def league_scores(self, answers: pd.DataFrame, exam: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:  # noqa: ARG002
        """The metrics of a league table; `train` is what the first fold learned from."""
        return dict(self.objective(answers, exam))


def task_class(name: str) -> type[Task]:
    """What a family is taught and judged by, or the families that answer what a task is for. Raises UnknownName."""
    if "/" in name:
        table = catalog.family(name).produces
    elif name in catalog.ANSWERS:
        table = catalog.ANSWERS[name]
    else:
        raise UnknownName("task", name, catalog.ANSWERS)
    own = f"{name.partition('/')[0]} {table.name}"
    module, attribute = TASKS[own if own in TASKS else table.name].split(":")
    return getattr(import_module(module), attribute)


def of_task(workspace: Workspace, name: str) -> Task:
    """The rows of a workspace for a family, or for a task. Raises UnknownName, EmptyTable."""
    return task_class(name).of(workspace)
