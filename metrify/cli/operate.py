"""Verbs for operators: the demo, and what runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from metrify.cli.console import Console, table

if TYPE_CHECKING:
    from metrify.report import Link
    from metrify.serving.doors import Door
    from metrify.serving.services import ServiceStatus
    from metrify.settings import Workspace

__all__ = ["register"]

BRIEF = ["family", "wape", "mae", "rmse", "mase", "coverage_80"]
"""What the demo shows of its league of forecasts, also on a narrow terminal."""


def demo(
    context: typer.Context,
    search_seconds: Annotated[float, typer.Option(min=5, max=60, help="Time for the search")] = 30,
) -> None:
    """Do the main job on the shipped sample: files in, answers over HTTP and a report out. Under five minutes.

    A workspace with meters of your own is refused: name another with --home. Example:

        metrify demo
    """
    from rich.console import Console as Rich

    from metrify.quickstart import demo as run

    console: Console = context.obj
    rich = Rich(stderr=True)
    with rich.status("Starting") as status:

        def tell(stage: str, text: str) -> None:
            if stage:
                status.update(f"{stage} {text}")
            else:
                rich.print(f"[green]done[/] {text}")

        done = run(console.workspace, tell, search_seconds=search_seconds)
    league = done.league.to_dict("records")
    tasks = {name: found.to_dict("records") for name, found in done.tasks.items()}
    rows = [[row[name] for name in BRIEF] for row in league]
    answer = {"report": done.report, "stages": done.stages, "league": league, "tasks": tasks, "links": done.links}
    shown = table("League: 28 days that no model had seen", BRIEF, rows)
    console.show(answer, [shown, "", f"Report         {done.report}", *_doors(console.workspace, done.links)])


def _doors(workspace: Workspace, links: Sequence[Link | Door]) -> list[str]:
    """Where everything is, and how it is started."""
    from metrify.serving.doors import RUNNING, verb

    lines = [f"{link.name:<14} {link.address}" for link in links]
    start, end = verb(workspace, "up"), verb(workspace, "down")
    if all(link.how == RUNNING for link in links):
        return [*lines, f"These three are running; [bold]{end}[/] ends them."]
    return [*lines, f"[bold]{start}[/] starts these three and leaves them running; [bold]{end}[/] ends them."]


def up(context: typer.Context) -> None:
    """Start the graph, MLflow's server and the Ray dashboard for this workspace, and leave them running.

    The graph answers on port 8000, MLflow on 5000, the dashboard on 8265; where one is taken, on another that stays
    this workspace's. Doing it twice starts nothing twice. Example:

        metrify up
    """
    from rich.console import Console as Rich

    from metrify.serving.services import up as start

    console: Console = context.obj
    with Rich(stderr=True).status("Starting") as status:
        services = start(console.workspace, progress=status.update)
    _show(console, services, "metrify down ends them")


def down(context: typer.Context) -> None:
    """End exactly what `metrify up` started for this workspace.

    Example:

        metrify down
    """
    from metrify.serving.services import down as end

    console: Console = context.obj
    ended = end(console.workspace)
    console.show({"ended": ended}, ["Ended." if ended else "Nothing was running."])


def status(context: typer.Context) -> None:
    """What `metrify up` started, where it answers, and whether it still does.

    Example:

        metrify status
    """
    from metrify.serving.services import status as look

    console: Console = context.obj
    services = look(console.workspace)
    _show(console, services, "metrify up starts the graph, MLflow and the dashboard" if not services else "")


def _show(console: Console, services: list[ServiceStatus], hint: str) -> None:
    rows = [[service.name, service.state, service.address, service.detail] for service in services]
    console.show({"services": services}, [table("Services", ["service", "state", "address", "detail"], rows), hint])


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    for verb in (demo, up, down, status):
        app.command()(verb)
