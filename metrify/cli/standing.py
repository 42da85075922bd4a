"""Where a model stands: how good it is on days that it did not see, and whether the graph answers with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrify.errors import BadValue, NoData, NoSuchModel
from metrify.models import catalog
from metrify.registry import Registry, Version
from metrify.registry.names import task_of
from metrify.schema import ESTIMATE
from metrify.settings import Workspace
from metrify.training.backtest import holdout
from metrify.training.task import Task, task_class
from metrify.training.train import Found

__all__ = ["Leading", "Measured", "lead", "measured"]


@dataclass(frozen=True)
class Measured:
    """What `metrify train` measured before it trained."""

    metrics: dict[str, float]
    headline: str
    """the metric that the task is judged by"""
    test_from: str | None = None
    test_until: str | None = None
    seconds: float = 0.0
    seen_by_search: bool = False
    """the search chose the settings on days of the test: the metrics flatter"""
    reason: str | None = None
    """why nothing could be measured"""

    @property
    def line(self) -> str:
        """For people."""
        if self.reason:
            return f"Not measured: {self.reason}"
        dates = f"{self.test_from} to {self.test_until}, {self.seconds:.1f} s"
        flatters = (
            "; the search chose its settings on some of these days, so this flatters" if self.seen_by_search else ""
        )
        value = self.metrics.get(self.headline, float("nan"))
        return f"{self.headline} {value:.4f} on days that it had not seen ({dates}){flatters}"


def measured(
    task: Task,
    family: str,
    settings: dict[str, Any],
    until: np.datetime64,
    found: Found | None,
    progress: Callable[[str], None],
) -> Measured:
    """The holdout of a family; too little data for one is no reason not to train."""
    try:
        held = holdout(task, family, settings, until=until, progress=progress)
    except (NoData, BadValue) as error:
        return Measured({}, task.metric, reason=str(error))
    seen = bool(found and found.until > held.test_from)
    return Measured(held.metrics, task.metric, str(held.test_from), str(held.test_until), held.seconds, seen)


@dataclass(frozen=True)
class Leading:
    """A champion, and which family answers now."""

    champion: str
    task: str
    table: str
    """what it answers with"""
    answers: str
    before: str | None
    """what answered until now"""

    @property
    def line(self) -> str:
        """For people."""
        what = self.task if self.table == catalog.ANSWERS[self.task].name else f"{self.task} with {self.table}"
        before = f", in place of {self.before}" if self.before and self.before != self.answers else ""
        if self.answers != self.champion:
            return f"{self.champion} is champion; {self.answers} answers for {what}, because its measured error is less"
        return f"{self.champion} is champion and answers for {what}{before}"


def lead(workspace: Workspace, family: str, version: int) -> Leading:
    """Promote a version and let its family answer for the task. Raises NoSuchModel.

    Among the champions that make estimates the one with the least measured error answers, whoever was promoted last.
    """
    registry, task, table = Registry(workspace), task_of(family), catalog.family(family).produces
    before = registry.champion(task, table)
    champion = registry.promote(family, version)
    best = _best_measured(registry, champion) if table is ESTIMATE else champion
    registry.set_leader(task, best.name)
    return Leading(str(champion), task, table.name, str(best), str(before) if before else None)


def _best_measured(registry: Registry, promoted: Version) -> Version:
    """Of the champions of all families that answer the same; one that was never measured yields to `promoted`."""
    metric = task_class(promoted.name).metric
    champions = [promoted]
    for name in catalog.league(promoted.name):
        with suppress(NoSuchModel):
            champions.append(registry.version(name))
    return min(champions, key=lambda version: version.metrics.get(metric, math.inf))
