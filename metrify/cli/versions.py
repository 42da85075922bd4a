"""Verbs for the registered models: what there is, which answers, and back."""

from __future__ import annotations

from typing import Annotated

import typer

from metrify.cli.console import Console, table

__all__ = ["Family", "register"]

Family = Annotated[str, typer.Argument(metavar="TASK/FAMILY", help="such as forecasting/lightgbm")]


def models(context: typer.Context) -> None:
    """The registered models with their aliases and metrics, newest first.

    The figure is the one that `metrify train` measured. Example:

        metrify models
    """
    from metrify.models.catalog import FAMILIES
    from metrify.registry import Registry
    from metrify.registry.names import task_of
    from metrify.training.task import task_class

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
            headline,
            v.metrics.get(headline, float("nan")),
        ]
        for v in found
        for headline in [task_class(v.name if v.name in FAMILIES else task_of(v.name)).metric]
    ]
    columns = ["model", "aliases", "release", "created [UTC]", "measured", "value"]
    console.show({"models": answer}, [table("Models", columns, rows)])


def promote(context: typer.Context, family: Family, version: Annotated[int, typer.Argument(min=1)]) -> None:
    """Make a version the champion and its family the one that answers: the graph follows without a restart.

    Example:

        metrify promote forecasting/lightgbm 3
    """
    from metrify.cli.standing import lead

    led = lead(context.obj.workspace, family, version)
    context.obj.show(led, [led.line])


def rollback(context: typer.Context, family: Family) -> None:
    """Give the champion's place back to the version of the family that held it before.

    Which family answers stays as it is; `metrify promote` decides that. Example:

        metrify rollback forecasting/lightgbm
    """
    from metrify.models import catalog
    from metrify.registry import Registry
    from metrify.registry.names import task_of

    registry = Registry(context.obj.workspace)
    found = registry.rollback(family)
    answers = registry.champion(task_of(family), catalog.family(family).produces)
    context.obj.show(
        {"champion": str(found), "answers": str(answers)},
        [f"{found} is champion again; {answers} is the one that answers"],
    )


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    for verb in (models, promote, rollback):
        app.command()(verb)
