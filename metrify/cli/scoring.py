"""Verbs that let models answer for the whole fleet."""

from __future__ import annotations

from typing import Annotated

import typer

from metrify.cli.console import Console, table

__all__ = ["register"]


def score(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TASK[/FAMILY]", help="a task for its champion, or a family")],
    version: Annotated[int | None, typer.Option(min=1, help="of the family; default: its champion")] = None,
    since: Annotated[
        str | None, typer.Option(help="From here on [UTC]; default: what a request that names no time is answered")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Nothing later is used [UTC]; default: the end of the data")] = None,
) -> None:
    """Let a model answer for every meter or asset of the lake, in parallel on Ray Data.

    Answers enter FORECAST, ANOMALY, QUALITY or RISK; scoring the same again writes nothing. Example:

        metrify score anomaly --since 2017-07-01
    """
    from metrify import cluster
    from metrify.errors import BadValue
    from metrify.localtime import parse_time
    from metrify.scoring.batch import score_lake

    if version is not None and "/" not in name:
        raise BadValue("--version", "a family, such as anomaly/zscore", name)
    console: Console = context.obj
    workspace = console.workspace
    begin = parse_time(since, "since") if since else None
    end = parse_time(until, "until") if until else None
    with console.progress(f"Score {name}") as meter, cluster.session(workspace):
        report = score_lake(workspace, name, version or "champion", since=begin, until=end, progress=meter)
    columns = ["model", "answers", "subjects", "flagged", "new", "changed", "until", "seconds"]
    written = report.written
    row = [report.model, report.rows, report.subjects, report.flagged, written.inserted, written.updated]
    console.show(report, [table(f"Scores of {report.task}", columns, [[*row, str(report.until), report.seconds]])])


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(score)
