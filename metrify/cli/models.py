"""Verbs for data scientists: search, train, backtest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrify.cli.console import Console, table
from metrify.cli.versions import Family

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from metrify.training.search import SearchResult
    from metrify.training.split import Fold

__all__ = ["BRIEF", "register"]

LEAGUE = ["family", "wape", "mae", "rmse", "rmse_mean", "mape", "r2", "mase", "pinball", "coverage_80", "fit_seconds"]
"""What a league table shows of metrics.score."""
BRIEF = ["family", "wape", "mae", "rmse", "mase", "coverage_80"]
"""The same for a narrow terminal."""
Until = Annotated[str | None, typer.Option(help="Learn only from what was known at this time [UTC]; default: all")]
Setting = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter; repeatable")]


def search(
    context: typer.Context,
    family: Family,
    trials: Annotated[int, typer.Option(min=1, help="Most trials")] = 20,
    time_budget: Annotated[float, typer.Option(min=1, help="Most seconds of this call")] = 600,
    until: Until = None,
    valid_days: Annotated[int, typer.Option(min=1, help="Days before UNTIL that judge the trials")] = 28,
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
    from metrify.training.rows import feature_rows
    from metrify.training.train import find_settings

    console: Console = context.obj
    workspace = console.workspace
    rows = feature_rows(workspace)
    with console.progress(f"Search {family}: trials") as meter, cluster.session(workspace):
        result = find_settings(
            workspace,
            rows,
            family,
            until=_until(until, rows),
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
        bool, typer.Option("--measure/--no-measure", help="Backtest it first on the last fifth, at most 28 days")
    ] = True,
    release: Annotated[str | None, typer.Option(help="A release name such as 1.0")] = None,
) -> None:
    """Fit a family on the lake's features and register it in MLflow as challenger.

    The metrics that `metrify models` shows are measured first: a model of the same settings that learned only what
    came before forecasts the last fifth of the issues before UNTIL, at most 28 days. Example:

        metrify train forecasting/lightgbm --searched --promote
    """
    from metrify.cli.standing import lead, measured
    from metrify.training.rows import feature_rows
    from metrify.training.train import found_settings
    from metrify.training.train import train as fit

    console: Console = context.obj
    workspace = console.workspace
    found = found_settings(workspace, family) if searched else None
    chosen = (found.settings if found else {}) | _settings(settings)
    with console.progress(f"Train {family}") as meter:
        rows = feature_rows(workspace)
        meter(text=f"{len(rows):,} rows")
        end = _until(until, rows)
        held = measured(rows, family, chosen, end, found, lambda text: meter(text=text)) if measure else None
        metrics = held.metrics if held else {}
        trained = fit(workspace, rows, family, chosen, until=end, measured=metrics, release=release)
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
        int | None, typer.Option(min=1, help="Fit anew for each of this many parts of the test; default: the setting")
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
    """Forecast the past from what was known then: a league table beside the naive forecasts.

    Example:

        metrify backtest forecasting --train-until 2013-11-01 --present 0.95 --present-since 2013-10-01
    """
    import numpy as np

    from metrify.features.origin import Origin
    from metrify.models.catalog import families
    from metrify.training.backtest import backtest as run
    from metrify.training.rows import Presence, feature_rows
    from metrify.training.split import folds as cut
    from metrify.training.split import parse_time
    from metrify.training.train import found_settings

    console: Console = context.obj
    workspace = console.workspace
    names = [family] if "/" in family else families(family)
    with console.progress("Backtest") as meter:
        rows = feature_rows(workspace)
        Origin.of_features(workspace)
        begin = parse_time(train_until, "train-until") if train_until else None
        end = parse_time(test_until, "test-until") if test_until else None
        number = folds or workspace.settings.forecasting.folds
        parts = cut(np.unique(rows["issue_time"]), train_until=begin, test_until=end, number=number)
        if present or history_days:
            since = parse_time(present_since, "present-since") if present_since else parts[0].test_from
            rows = Presence(present, since, history_days, parts[0].test_from).keep(rows)
        found = {name: found_settings(workspace, name).before(parts[0].test_from) for name in names if searched}
        entrants = {name: found.get(name, {}) | _settings(settings) for name in names}
        result = run(rows, entrants, parts, progress=lambda text: meter(text=text))
    records = result.league.to_dict("records")
    title = f"{rows['meter_id'].nunique()} meters, issued {parts[0].test_from} to {parts[-1].test_until}"
    console.show({"league": records}, [table(title, LEAGUE, [[row[name] for name in LEAGUE] for row in records])])
    _log_backtest(console, family, parts, records)


def _log_backtest(console: Console, family: str, parts: list[Fold], records: list[dict[Any, Any]]) -> None:
    """After the answer, and never instead of it: a registry that is down must not cost the minutes that it took."""
    from metrify.errors import RegistryError
    from metrify.registry import Registry
    from metrify.registry.names import task_of

    dates = {"train_until": str(parts[0].train_until), "test_until": str(parts[-1].test_until)}
    metrics = {f"{row['family']} {name}": row[name] for row in records for name in ("wape", "mae", "rmse")}
    try:
        registry = Registry(console.workspace)
        registry.log_run(task_of(family), f"backtest {family}", {**dates, "folds": len(parts)}, metrics)
    except RegistryError as error:
        console.warn(f"The backtest was not logged. {error}")


def _until(text: str | None, rows: pd.DataFrame) -> np.datetime64:
    """The given time, else a day after the last interval: everything is known by then."""
    import numpy as np

    from metrify.training.split import parse_time

    return parse_time(text, "until") if text else rows["timestamp"].to_numpy().max() + np.timedelta64(1, "D")


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
