"""Verbs for data scientists: search, train, backtest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrify.cli.console import Console, table
from metrify.cli.versions import Family

if TYPE_CHECKING:
    import numpy as np

    from metrify.settings import Workspace
    from metrify.training.backtest import Backtest
    from metrify.training.rows import Presence
    from metrify.training.search import SearchResult
    from metrify.training.task import Task

__all__ = ["register"]

Until = Annotated[str | None, typer.Option(help="Learn only from what was known at this time [UTC]; default: all")]
Setting = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter; repeatable")]


def search(
    context: typer.Context,
    family: Family,
    trials: Annotated[int, typer.Option(min=1, help="Most trials")] = 20,
    time_budget: Annotated[float, typer.Option(min=1, help="Most seconds of this call")] = 600,
    until: Until = None,
    valid_days: Annotated[
        int | None, typer.Option(min=1, help="Days before UNTIL that judge the trials; default: as the task needs")
    ] = None,
    most_rows: Annotated[int, typer.Option(min=1000, help="Rows that a trial learns from, sampled")] = 200_000,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an unfinished or finished search of the family")
    ] = False,
) -> None:
    """Search a family's hyperparameters on Ray Tune (Optuna, ASHA); an interrupted search goes on where it was.

    So does one that ended, if more trials in all or more seconds are given than last time. Example:

        metrify search forecasting/lightgbm --trials 20 --time-budget 300 --until 2013-11-01
    """
    from metrify import cluster
    from metrify.models import catalog
    from metrify.training.task import of_task
    from metrify.training.train import find_settings

    console: Console = context.obj
    workspace = console.workspace
    catalog.family(family)  # misspelt, it is told before any rows are read
    task = of_task(workspace, family)
    with console.progress(f"Search {family}: trials") as meter, cluster.session(workspace):
        result = find_settings(
            workspace,
            task,
            family,
            until=_until(until, task),
            valid_days=valid_days,
            trials=trials,
            seconds=time_budget,
            most_rows=most_rows,
            resume=not fresh,
            progress=lambda at: meter(at.ended, at.trials, "" if at.best is None else f"best {at.best:.4f}"),
        )
    shown = [[t["trial"], t["state"], t["seconds"], t.get(result.metric, "")] for t in result.trials.to_dict("records")]
    console.show(
        {"family": family, "settings": result.settings, result.metric: result.value, "trials": len(shown)},
        [
            table(f"Search of {family}", ["trial", "state", "seconds", result.metric], shown),
            *_found(result),
        ],
    )


def _found(result: SearchResult) -> list[str]:
    if math.isnan(result.value):
        return ["No trial finished in time, nothing was found: search again with a larger --time-budget"]
    best = f"Best {result.metric} {result.value:.4f} with {result.settings}"
    return [best, f"Train with it: metrify train {result.family} --searched"]


def train(
    context: typer.Context,
    family: Family,
    until: Until = None,
    settings: Setting = None,
    searched: Annotated[
        bool, typer.Option("--searched", help="Start from the settings that the last search found")
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the champion at once, and its family the one that answers")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Backtest it first on the last fifth of the time")
    ] = True,
    release: Annotated[str | None, typer.Option(help="A release name such as 1.0")] = None,
) -> None:
    """Fit a family on what the lake holds and register it in MLflow as challenger.

    The metrics that `metrify models` shows are measured first: a model of the same settings that learned only what
    came before answers for the last fifth of the time before UNTIL, at most 28 days (maintenance: one horizon).
    Example:

        metrify train forecasting/lightgbm --searched --promote
    """
    from metrify.cli.standing import lead, measured
    from metrify.models import catalog
    from metrify.training.task import of_task
    from metrify.training.train import found_settings
    from metrify.training.train import train as fit

    console: Console = context.obj
    workspace = console.workspace
    catalog.family(family)
    found = found_settings(workspace, family) if searched else None
    chosen = (found.settings if found else {}) | _settings(settings)
    with console.progress(f"Train {family}") as meter:
        task = of_task(workspace, family)
        end = _until(until, task)
        held = measured(task, family, chosen, end, found, lambda text: meter(text=text)) if measure else None
        metrics = held.metrics if held else {}
        meter(text="learns from all that is known")
        trained = fit(workspace, task, family, chosen, until=end, measured=metrics, release=release)
    led = lead(workspace, family, trained.version.version) if promote else None
    role = "champion" if promote else "challenger"
    learned = f"{trained.version} is {role}: learned from {trained.rows:,} rows in {trained.seconds:.1f} s"
    console.show(
        {
            "version": str(trained.version), "rows": trained.rows, "seconds": trained.seconds, "role": role,
            "holdout": held, "answers": led,
        },
        [learned, *([held.line] if held else []), *([led.line] if led else [])],
    )  # fmt: skip


def backtest(
    context: typer.Context,
    family: Annotated[str, typer.Argument(metavar="TASK[/FAMILY]", help="a family, or a task for all its families")],
    train_until: Annotated[str | None, typer.Option(help="Begin of the test [UTC]; default: the last fifth")] = None,
    test_until: Annotated[str | None, typer.Option(help="End of the test [UTC]; default: all")] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=1, help="Fit anew for each of so many parts of the test; default: forecasting.folds, else 1"),
    ] = None,
    settings: Setting = None,
    searched: Annotated[
        bool, typer.Option("--searched", help="Use what the last search found, if it ended before TRAIN_UNTIL")
    ] = False,
    present: Annotated[
        float, typer.Option(min=0, max=1, help="Only meters with more than this share of readings since PRESENT_SINCE")
    ] = 0.0,
    present_since: Annotated[str | None, typer.Option(help="default: TRAIN_UNTIL")] = None,
    history_days: Annotated[int, typer.Option(min=0, help="Only meters with this many days of readings before")] = 0,
) -> None:
    """Answer the past from what was known then: a league table beside what anybody can do without a model.

    --present, --present-since and --history-days are for forecasting. Example:

        metrify backtest forecasting --train-until 2013-11-01 --present 0.95 --present-since 2013-10-01
    """
    from metrify.errors import BadValue
    from metrify.models import catalog

    console: Console = context.obj
    leagues = [[catalog.family(family).family]] if "/" in family else list(catalog.leagues(family).values())
    if settings and sum(map(len, leagues)) > 1:
        raise BadValue("--set", f"one family, such as {leagues[0][0]}", family)
    asked = _Test(train_until, test_until, folds, _settings(settings), searched, present, present_since, history_days)
    with console.progress("Backtest") as meter:
        found = [_judged(console.workspace, names, asked, lambda text: meter(text=text)) for names in leagues]
    records = [row for judged in found for row in judged.records]
    console.show({"league": records}, [judged.table for judged in found])
    for judged in found:
        _log_backtest(console, family, judged)


@dataclass(frozen=True)
class _Test:
    """What a backtest was asked for."""

    train_until: str | None
    test_until: str | None
    folds: int | None
    settings: dict[str, Any]
    searched: bool
    present: float
    present_since: str | None
    history_days: int


@dataclass(frozen=True)
class _Judged:
    """The families that answer with the same table, judged."""

    task: Task
    result: Backtest

    @property
    def records(self) -> list[dict[str, Any]]:
        return self.result.league.to_dict("records")

    @property
    def table(self) -> Any:
        columns = ["family", *self.task.shown, "fit_seconds"]
        first, last = self.result.folds[0], self.result.folds[-1]
        title = f"{self.task.asked(self.result.exam)}, {first.test_from} to {last.test_until}"
        return table(title, columns, [[row[name] for name in columns] for row in self.records])


def _judged(workspace: Workspace, names: list[str], asked: _Test, progress: Callable[[str], None]) -> _Judged:
    from metrify.localtime import parse_time
    from metrify.training.backtest import backtest as run
    from metrify.training.rows import Presence
    from metrify.training.split import folds as cut
    from metrify.training.task import of_task
    from metrify.training.train import found_settings

    task = of_task(workspace, names[0])
    begin = parse_time(asked.train_until, "train-until") if asked.train_until else None
    end = parse_time(asked.test_until, "test-until") if asked.test_until else None
    number = asked.folds or (workspace.settings.forecasting.folds if task.name == "forecasting" else 1)
    parts = cut(task.moments, train_until=begin, test_until=end, number=number)
    if asked.present or asked.history_days or asked.present_since:
        since = parse_time(asked.present_since, "present-since") if asked.present_since else parts[0].test_from
        task = _present(task, Presence(asked.present, since, asked.history_days, parts[0].test_from))
    found = {name: found_settings(workspace, name).before(parts[0].test_from) for name in names if asked.searched}
    entrants = {name: found.get(name, {}) | asked.settings for name in names}
    return _Judged(task, run(task, entrants, parts, progress=progress))


def _present(task: Task, presence: Presence) -> Task:
    """Only the meters that qualify."""
    from metrify.errors import BadValue
    from metrify.training.forecasting import ForecastingTask

    if not isinstance(task, ForecastingTask):
        raise BadValue("--present, --history-days", "the task forecasting", task.name)
    return ForecastingTask(presence.keep(task.rows))


def _log_backtest(console: Console, family: str, judged: _Judged) -> None:
    """After the answer, and never instead of it: a registry that is down must not cost the minutes that it took."""
    from metrify.errors import RegistryError
    from metrify.registry import Registry
    from metrify.registry.names import task_of

    parts = judged.result.folds
    facts = {"train_until": str(parts[0].train_until), "test_until": str(parts[-1].test_until), "folds": len(parts)}
    metrics = {f"{row['family']} {name}": row[name] for row in judged.records for name in judged.task.measured}
    try:
        Registry(console.workspace).log_run(task_of(family), f"backtest {family}", facts, _finite(metrics))
    except RegistryError as error:
        console.warn(f"The backtest was not logged. {error}")


def _finite(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _until(text: str | None, task: Task) -> np.datetime64:
    """The given time, else one at which everything is known."""
    from metrify.localtime import parse_time

    return parse_time(text, "until") if text else task.end


def _settings(pairs: list[str] | None) -> dict[str, Any]:
    """name=value pairs; values as JSON where they are, else as text."""
    import json

    from metrify.errors import BadValue

    found: dict[str, Any] = {}
    for pair in pairs or []:
        name, separator, value = pair.partition("=")
        if not separator:
            raise BadValue("--set", "NAME=VALUE", pair)
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    for verb in (search, train, backtest):
        app.command()(verb)
