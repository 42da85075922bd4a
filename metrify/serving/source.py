"""Where a replica gets its model from: the registry, asked again and again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from metrify.errors import BadValue, NoSuchModel
from metrify.settings import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from metrify.registry import Registry, Version

__all__ = ["Answers", "RegistrySource", "Served", "Source"]

WANTED = re.compile(r"(?P<alias>\w+)|(?P<family>[^@:]+)[@:](?P<version>\w+)")


class Answers(Protocol):
    """What the forecasting deployment asks of `metrify.scoring.forecast.Forecaster`."""

    @property
    def meters(self) -> frozenset[str]: ...
    @property
    def until(self) -> np.datetime64 | None: ...
    @property
    def lake_version(self) -> int: ...
    def refresh(self) -> bool: ...
    def answer(
        self,
        meter_ids: list[str],
        issue_time: np.datetime64 | None = None,
        horizon: str | None = None,
        *,
        history: dict[str, Any] | None = None,
        allow_fallback: bool = True,
    ) -> pd.DataFrame: ...


@dataclass(frozen=True)
class Served:
    """A loaded model that can answer."""

    name: str
    """family and version, such as forecasting/lightgbm:3"""
    unit: str
    forecaster: Answers
    facts: dict[str, Any]
    """release, aliases, registered and metrics of `messages.ServedModel`"""


class Source(Protocol):
    """Says which model should answer now, and loads it."""

    def current(self) -> str: ...
    def load(self) -> Served: ...


class RegistrySource:
    """The model of a task that the registry's alias points at right now."""

    def __init__(self, home: str, task: str, wanted: str, open_registry: Callable[[str], Registry] | None = None):
        """`wanted` is `champion`, `family@alias` or `family:version`. Raises BadValue for anything else."""
        self._home, self._task = home, task
        self._open = open_registry or _open
        found = WANTED.fullmatch(wanted)
        if not found or (found["alias"] or "champion") != "champion":
            raise BadValue(f"models.{task}", "champion, family@alias or family:version", wanted)
        self._family, self._version = found["family"], found["version"]

    def current(self) -> str:
        """Name and version of the model that should answer. Raises NoSuchModel, RegistryError."""
        return str(self._wanted())

    def load(self) -> Served:
        """That model over the lake's latest readings. Raises NoSuchModel, RegistryError, EmptyTable."""
        from metrify.schema import READING
        from metrify.scoring.forecast import Forecaster

        wanted = self._wanted()
        model, version = self._registry.load(wanted.name, wanted.version)
        workspace = self._registry.workspace
        unit = READING[workspace.settings.forecasting.target].unit
        facts = {
            "release": version.release,
            "aliases": list(wanted.aliases),
            "registered": version.created,
            "metrics": version.metrics,
        }
        return Served(str(version), unit, Forecaster(workspace, model, str(version)), facts)

    @cached_property
    def _registry(self) -> Registry:
        return self._open(self._home)  # in the replica, not where the graph is put together

    def _wanted(self) -> Version:
        if self._family:
            return self._registry.version(self._family, self._version)
        found = self._registry.champion(self._task)
        if found is None:
            raise NoSuchModel(self._task, "champion", map(str, self._registry.versions()))
        return found


def _open(home: str) -> Registry:
    from metrify.registry import Registry

    return Registry(Workspace.open(home))
