"""Where a replica gets its model from: the registry, asked again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from metrify.errors import BadValue, NoSuchModel
from metrify.serving.args import ServeArgs
from metrify.serving.wanted import Wanted
from metrify.settings import Settings, Workspace

if TYPE_CHECKING:
    import numpy as np

    from metrify.models.base import Model
    from metrify.registry import Registry, Version

__all__ = ["RegistrySource", "Scorer", "Served", "Source", "held", "registered"]

SCORERS = {
    "forecasting": "metrify.scoring.forecast:Forecaster",
    "anomaly": "metrify.scoring.anomalies:AnomalyScorer",
    "maintenance": "metrify.scoring.risk:RiskScorer",
    "quality": "metrify.scoring.quality:QualityScorer",
}
"""What answers for a task; strings, so that a replica loads only its own."""


class Scorer(Protocol):
    """What every scorer of metrify.scoring does beside answering; it also knows its `meters` or its `assets`."""

    @property
    def until(self) -> np.datetime64 | None: ...
    @property
    def lake_version(self) -> int: ...
    def refresh(self) -> bool: ...


@dataclass(frozen=True)
class Served:
    """A loaded model that can answer."""

    name: str
    """family and version, such as forecasting/lightgbm:3"""
    unit: str | None
    """of the quantities in its answers; None where these have none"""
    scorer: Any
    """a Scorer, with the `answer` of its task"""
    facts: dict[str, Any]
    """release, aliases, registered and metrics of `messages.ServedModel`"""


class Source(Protocol):
    """Says which model should answer now, and loads it."""

    @property
    def wanted(self) -> Wanted: ...
    def current(self) -> str: ...
    def load(self) -> Served: ...


class RegistrySource:
    """The model that the registry's alias points at right now."""

    def __init__(self, home: str, wanted: Wanted, open_registry: Callable[[str], Registry] | None = None):
        self.wanted = wanted
        self._home = home
        self._open = open_registry or _open

    def current(self) -> str:
        """Name and version of the model that should answer. Raises NoSuchModel, RegistryError."""
        return str(self._version())

    def load(self) -> Served:
        """That model over the lake's latest data.

        Raises NoSuchModel, RegistryError, NoData, and BadValue for a family that answers something else.
        """
        found = self._version()
        model, version = self._registry.load(found.name, found.version)
        self._refuse_another_table(model, str(version))
        workspace = self._registry.workspace
        facts = {
            "release": version.release,
            "aliases": list(found.aliases),
            "registered": version.created,
            "metrics": version.metrics,
        }
        scorer = _scorer(self.wanted.task)(workspace, model, str(version))
        return Served(str(version), _unit(self.wanted.task, workspace.settings), scorer, facts)

    def _refuse_another_table(self, model: Model, name: str) -> None:
        from metrify.models.catalog import ANSWERS

        task = self.wanted.task
        if model.produces is not ANSWERS[task]:
            wanted = f"a family that answers with {ANSWERS[task].name}"
            raise BadValue(f"models.{task}", wanted, f"{name}, which answers with {model.produces.name}")

    @cached_property
    def _registry(self) -> Registry:
        return self._open(self._home)  # in the replica, not where the graph is put together

    def _version(self) -> Version:
        if self.wanted.family:
            return self._registry.version(self.wanted.family, self.wanted.version)
        found = self._registry.champion(self.wanted.task)
        if found is None:
            raise NoSuchModel(self.wanted.task, "champion", map(str, self._registry.versions()))
        return found


def registered(args: ServeArgs) -> list[RegistrySource]:
    """The sources of all models that a config asks for."""
    return [RegistrySource(args.home, wanted) for found in args.wanted.values() for wanted in found]


def held(sources: Iterable[Source]) -> set[str]:
    """Names and versions of those models that the registry holds now. Raises RegistryError."""
    found = set()
    for source in sources:
        with suppress(NoSuchModel):
            found.add(source.current())
    return found


def _scorer(task: str) -> Callable[..., Scorer]:
    module, name = SCORERS[task].split(":")
    return getattr(import_module(module), name)


def _unit(task: str, settings: Settings) -> str | None:
    from metrify.schema import READING

    return READING[settings.forecasting.target].unit if task in ("forecasting", "anomaly") else None


def _open(home: str) -> Registry:
    from metrify.registry import Registry

    return Registry(Workspace.open(home))
