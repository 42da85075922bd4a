"""Verbs for data scientists: search, train, backtest, register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrify.cli.console import Console, table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["BRIEF", "register"]

LEAGUE = ["family", "wape", "mae", "rmse", "rmse_mean", "mape", "r2", "mase", "pinball", "coverage_80", "fit_seconds"]
"""What a league table shows of metrics.score."""
BRIEF = ["family", "wape", "mae", "rmse", "mase", "coverage_80"]
"""The same for a narrow terminal."""
Family = Annotated[str, typer.Argument(metavar="TASK/FAMILY", help="such as forecasting/lightgbm")]
Until = Annotated[str | None, typer.Option(help="Learn only from what was known at this time [UTC]; default: all")]
Setting = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter; repeatable")]


def search(
    context: typer.Context,
    family: Family,
    trials: Annotated[int, typer.Option(min=1, help="Most trials")] = 20,
    time_budget: Annotated[float, typer.Option(min=1, help="Most seconds")] = 600,
    until: Until = None,
    valid_days: Annotated[int, typer.Option(min=1, help="Days before UNTIL that judge the trials")] = 28,
    most_rows: Annotated[int, typer.Option(min=1000, help="Rows that a trial learns from, sampled")] = 200_000,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an unfinished or finished search of the family")
    ] = False,
) -> None:
    """Search a family's hyperparameters on Ray Tune (Optuna, ASHA); an interrupted search goes on where it was.

    Example:

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
            f"Best {result.metric} {result.value:.4f} with {result.settings}",
            f"Train with it: metrify train {family} --searched",
        ],
    )


def train(
    context: typer.Context,
    family: Family,
    until: Until = None,
    settings: Setting = None,
    searched: Annotated[
        bool, typer.Option("--searched", help="Start from the settings that the last search found")
    ] = False,
    promote: Annotated[bool, typer.Option("--promote", help="Make it the champion at once")] = False,
    release: Annotated[str | None, typer.Option(help="A release name such as 1.0")] = None,
) -> None:
    """Fit a family on the lake's features and register it in MLflow as challenger.

    Example:

        metrify train forecasting/lightgbm --searched --promote
    """
    from metrify.registry import Registry
    from metrify.training.rows import feature_rows
    from metrify.training.train import found_settings
    from metrify.training.train import train as fit

    console: Console = context.obj
    workspace = console.workspace
    chosen = (found_settings(workspace, family) if searched else {}) | _settings(settings)
    with console.progress(f"Train {family}") as meter:
        rows = feature_rows(workspace)
        meter(text=f"{len(rows):,} rows")
        trained = fit(workspace, rows, family, chosen, until=_until(until, rows), release=release)
    if promote:
        Registry(workspace).promote(family, trained.version.version)
    role = "champion" if promote else "challenger"
    console.show(
        {"version": str(trained.version), "rows": trained.rows, "seconds": trained.seconds, "role": role},
        [f"{trained.version} is {role}: learned from {trained.rows:,} rows in {trained.seconds:.1f} s"],
    )


def backtest(
    context: typer.Context,
    family: Annotated[str, typer.Argument(metavar="TASK[/FAMILY]", help="a family, or a task for all its families")],
    train_until: Annotated[str | None, typer.Option(help="Begin of the test [UTC]; default: the last fifth")] = None,
    test_until: Annotated[str | None, typer.Option(help="End of the test [UTC]; default: all")] = None,
    folds: Annotated[int, typer.Option(min=1, help="Fit anew for each of this many parts of the test")] = 1,
    settings: Setting = None,
    searched: Annotated[bool, typer.Option("--searched", help="Use the settings that the last search found")] = False,
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

    from metrify.models.catalog import families
    from metrify.registry import Registry
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
        begin = parse_time(train_until, "train-until") if train_until else None
        end = parse_time(test_until, "test-until") if test_until else None
        parts = cut(np.unique(rows["issue_time"]), train_until=begin, test_until=end, number=folds)
        if present or history_days:
            since = parse_time(present_since, "present-since") if present_since else parts[0].test_from
            rows = Presence(present, since, history_days, parts[0].test_from).keep(rows)
        entrants = {name: (found_settings(workspace, name) if searched else {}) | _settings(settings) for name in names}
        result = run(rows, entrants, parts, progress=lambda text: meter(text=text))
    records = result.league.to_dict("records")
    title = f"{rows['meter_id'].nunique()} meters, issued {parts[0].test_from} to {parts[-1].test_until}"
    console.show({"league": records}, [table(title, LEAGUE, [[row[name] for name in LEAGUE] for row in records])])
    # after the answer: a registry that is down must not cost the minutes that it took
    Registry(workspace).log_run(
        names[0].split("/", maxsplit=1)[0],
        f"backtest {family}",
        {"train_until": str(parts[0].train_until), "test_until": str(parts[-1].test_until), "folds": len(parts)},
        {f"{row['family']} {name}": row[name] for row in records for name in ("wape", "mae", "rmse")},
    )


def models(context: typer.Context) -> None:
    """The registered models with their aliases and metrics, newest first.

    Example:

        metrify models
    """
    from metrify.registry import Registry

    console: Console = context.obj
    found = Registry(console.workspace).versions()
    answer = [
        {"model": str(v), "aliases": v.aliases, "release": v.release, "created": v.created, "metrics": v.metrics}
        for v in found
    ]
    rows = [
        [
            str(v),
            ", ".join(v.aliases),
            v.release or "",
            f"{v.created:%Y-%m-%d %H:%M}",
            v.metrics.get("wape", float("nan")),
        ]
        for v in found
    ]
    console.show({"models": answer}, [table("Models", ["model", "aliases", "release", "created [UTC]", "wape"], rows)])


def promote(context: typer.Context, family: Family, version: Annotated[int, typer.Argument(min=1)]) -> None:
    """Make a version the champion: what the graph answers with, without a restart.

    Example:

        metrify promote forecasting/lightgbm 3
    """
    from metrify.registry import Registry

    found = Registry(context.obj.workspace).promote(family, version)
    context.obj.show({"champion": str(found)}, [f"{found} is champion"])


def rollback(context: typer.Context, family: Family) -> None:
    """Give the champion's place back to the version that held it before.

    Example:

        metrify rollback forecasting/lightgbm
    """
    from metrify.registry import Registry

    found = Registry(context.obj.workspace).rollback(family)
    context.obj.show({"champion": str(found)}, [f"{found} is champion again"])


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
    for verb in (search, train, backtest, models, promote, rollback):
        app.command()(verb)
