"""Verbs for operators: the demo, and what runs."""

from __future__ import annotations

from typing import Annotated

import typer

from metrify.cli.console import Console, table
from metrify.cli.models import LEAGUE

__all__ = ["register"]


def demo(
    context: typer.Context,
    search_seconds: Annotated[float, typer.Option(min=5, max=60, help="Time for the search")] = 45,
) -> None:
    """Do the main job on the shipped sample: files in, answers over HTTP and a report out. Under five minutes.

    Example:

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
    columns = [name for name in LEAGUE if name in done.league]
    rows = [[row[name] for name in columns] for row in done.league.to_dict("records")]
    answer = {"report": done.report, "stages": done.stages, "league": rows}
    closing = [
        "",
        f"Report:          {done.report}",
        "Keep it running: [bold]make up[/] starts the graph with its API docs, the MLflow UI and the Ray dashboard",
        "                 and prints their addresses; [bold]make down[/] ends them.",
    ]
    console.show(answer, [table("League: 28 days that no model had seen", columns, rows), *closing])


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(demo)
