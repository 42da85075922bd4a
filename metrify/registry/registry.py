"""The registry of models: publish, load, promote, roll back, and who leads a task."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrify.errors import NoSuchModel, RegistryError
from metrify.models import catalog
from metrify.models.base import Model
from metrify.registry import package, promotion, runs
from metrify.registry.connection import answering, connect
from metrify.registry.lineage import Lineage
from metrify.registry.names import from_mlflow, task_of, to_mlflow
from metrify.registry.promotion import Promotion
from metrify.registry.runs import Run
from metrify.registry.version import METRICS, RELEASE, Version, from_model_version
from metrify.schema import Table
from metrify.settings import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["CHALLENGER", "CHAMPION", "Registry"]

CHAMPION = "champion"
CHALLENGER = "challenger"
LEADER = "leader"
"""Tag of a task's experiment: the family whose champion answers for the task; `leader.TABLE` for another table."""
MISSING = "RESOURCE_DOES_NOT_EXIST"


class Registry:
    """The models of a workspace, in MLflow at `workspace.tracking_uri`. Every method may raise RegistryError."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.uri = workspace.tracking_uri

    @cached_property
    def client(self) -> MlflowClient:
        """Connected at first use."""
        return connect(self.uri)

    def publish(
        self,
        model: Model,
        *,
        metrics: Mapping[str, float],
        lineage: Lineage,
        release: str | None = None,
        alias: str | None = CHALLENGER,
    ) -> Version:
        """Register a fitted model as the next version of its family, with what it was made of and how good it is."""
        name, registered = model.family, to_mlflow(model.family)
        marks = {**lineage.tags(), METRICS: json.dumps(dict(metrics)), **({RELEASE: release} if release else {})}
        run = Run(f"train {name}", model.settings, metrics, {"family": name, **lineage.tags()})
        with answering(self.uri):
            run_id = runs.log(self.client, self._experiment(task_of(name)), run)
            source = package.upload(self.client, run_id, model)
            self._ensure_registered(registered)
            found = self.client.create_model_version(registered, source, run_id, tags=marks)
            if alias:
                self.client.set_registered_model_alias(registered, alias, found.version)
        return self.version(name, int(found.version))

    def version(self, name: str, alias_or_version: str | int = CHAMPION) -> Version:
        """The version of a family that holds an alias, or has this number. Raises NoSuchModel."""
        number = str(alias_or_version)
        registered = to_mlflow(name)
        ask = self.client.get_model_version if number.isdigit() else self.client.get_model_version_by_alias
        try:
            with answering(self.uri):
                found = ask(registered, number)
        except RegistryError as error:
            if _code(error) not in (MISSING, "INVALID_PARAMETER_VALUE"):  # the code for an alias that nobody holds
                raise
            raise NoSuchModel(name, number, self._known()) from error
        version = from_model_version(found)
        assert version is not None
        return version

    def versions(self, name: str | None = None) -> list[Version]:
        """All versions of a family, or of every family; newest first within a family."""
        wanted = f"name = '{to_mlflow(name)}'" if name else None
        with answering(self.uri):
            aliases = self._aliases()
            found = _pages(self.client.search_model_versions, wanted)
        for version in found:  # this search alone leaves them out
            version.aliases = [alias for alias, number in aliases[version.name].items() if number == version.version]
        ours = [version for version in map(from_model_version, found) if version]
        return sorted(ours, key=lambda version: (version.name, -version.version))

    def load(self, name: str, alias_or_version: str | int = CHAMPION) -> tuple[Model, Version]:
        """The fitted model and its version; its files are kept in the workspace. Raises NoSuchModel, UnknownName."""
        version = self.version(name, alias_or_version)
        folder = self.workspace.checkpoints / "registry" / to_mlflow(name) / f"{version.version}-{version.run_id}"
        try:
            with answering(self.uri):
                return catalog.load(package.fetch(self.client, version.run_id, folder)), version
        except OSError as error:
            raise RegistryError(f"The files of {version} are gone: {error}. Train and register it again.") from error

    def promote(self, name: str, version: int, alias: str = CHAMPION, *, by: str | None = None) -> Version:
        """Give a version the alias and remember by whom, when and whose it was. Raises NoSuchModel.

        The first family that gets a champion leads those that answer with the same table.
        """
        wanted = self.version(name, version)
        before = self._holder(name, alias)
        if before != version:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            entry = Promotion(version, now, by or _user(), before)
            history = [*self.promotions(name, alias), entry]
            with answering(self.uri):  # the alias first: a crash between the two then does no harm to a rollback
                self.client.set_registered_model_alias(to_mlflow(name), alias, str(version))
                self._remember(name, alias, history)
        if alias == CHAMPION and self.champion(task_of(name), catalog.family(name).produces) is None:
            self.set_leader(task_of(name), name)
        return self.version(name, wanted.version)

    def rollback(self, name: str, alias: str = CHAMPION) -> Version:
        """Give the alias back to the version that held it before. Raises NoSuchModel, or RegistryError at the first."""
        current = self.version(name, alias)
        existing = {version.version for version in self.versions(name)}
        kept = promotion.previous(self.promotions(name, alias), current.version, existing.__contains__)
        if not kept:
            raise RegistryError(f"{current} is the first {alias} of {name}: there is none before it to go back to.")
        with answering(self.uri):
            self._remember(name, alias, kept)
            self.client.set_registered_model_alias(to_mlflow(name), alias, str(kept[-1].version))
        return self.version(name, alias)

    def promotions(self, name: str, alias: str = CHAMPION) -> list[Promotion]:
        """Who was given the alias, oldest first; what a rollback took back is not in it."""
        with answering(self.uri):
            return promotion.read(self.client.get_registered_model(to_mlflow(name)).tags.get(f"{alias}.history"))

    def leader(self, task: str, table: Table | None = None) -> str | None:
        """The family whose champion answers for the task, with `table` where it answers with several."""
        with answering(self.uri):
            experiment = self.client.get_experiment_by_name(task)
        return experiment.tags.get(_leader_tag(task, table)) if experiment else None

    def set_leader(self, task: str, name: str) -> None:
        """Let the champion of this family answer for the task, with the table that the family answers with.

        Raises NoSuchModel for a family without champion.
        """
        if task_of(name) != task:
            raise RegistryError(f"{name} cannot lead {task}: it is a family of {task_of(name)}.")
        self.version(name, CHAMPION)
        with answering(self.uri):
            tag = _leader_tag(task, catalog.family(name).produces)
            self.client.set_experiment_tag(self._experiment(task), tag, name)

    def champion(self, task: str, table: Table | None = None) -> Version | None:
        """The champion of the family that leads the task, or its families that answer with `table`.

        None before the first promotion.
        """
        name = self.leader(task, table)
        if name is None:
            return None
        try:
            return self.version(name, CHAMPION)
        except NoSuchModel:
            return None

    def log_run(
        self,
        experiment: str,
        name: str,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        artifacts: Sequence[Path] = (),
        trials: Sequence[Run] = (),
    ) -> str:
        """Log a run, with the trials of a search or the folds of a backtest nested in it; returns its id."""
        run = Run(name, params or {}, metrics or {}, tags or {}, artifacts)
        with answering(self.uri):
            return runs.log(self.client, self._experiment(experiment), run, trials)

    def _experiment(self, name: str) -> str:
        return runs.experiment_id(self.client, name, self.workspace.artifacts)

    def _ensure_registered(self, registered: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(registered)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _holder(self, name: str, alias: str) -> int | None:
        try:
            return self.version(name, alias).version
        except NoSuchModel:
            return None

    def _remember(self, name: str, alias: str, history: list[Promotion]) -> None:
        """The history on the family for rollbacks; the latest entry on its version for people in MLflow's pages."""
        self.client.set_registered_model_tag(to_mlflow(name), f"{alias}.history", promotion.write(history))
        latest = history[-1]
        for key, value in (("at", latest.at), ("by", latest.by), ("before", latest.before or "")):
            self.client.set_model_version_tag(to_mlflow(name), str(latest.version), f"{alias}.{key}", value)

    def _aliases(self) -> dict[str, dict[str, str]]:
        """alias -> version number, by registered name."""
        return {model.name: dict(model.aliases) for model in _pages(self.client.search_registered_models, None)}

    def _known(self) -> list[str]:
        with answering(self.uri):
            names = ((from_mlflow(registered), aliases) for registered, aliases in self._aliases().items())
        return [f"{name}@{alias}" for name, aliases in names if name for alias in aliases or ["(no alias)"]]


def _leader_tag(task: str, table: Table | None) -> str:
    return LEADER if table is None or catalog.ANSWERS.get(task) is table else f"{LEADER}.{table.name}"


def _pages(ask: Callable[..., Any], wanted: str | None) -> list[Any]:
    """Everything that MLflow finds, page by page."""
    page = ask(wanted)
    found = list(page)
    while page.token:
        page = ask(wanted, page_token=page.token)
        found += page
    return found


def _code(error: RegistryError) -> str:
    return getattr(error.__cause__, "error_code", "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return "unknown"
