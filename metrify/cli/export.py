"""What leaves the lake in a standard's form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metrify.cli.console import Console, table

__all__ = ["register"]

export = typer.Typer(help="Export: readings as Green Button.", no_args_is_help=True)


@export.callback()
def _verbs() -> None:
    """Export: readings as Green Button."""


@export.command("readings")
def readings(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT.xml", help="Green Button file to write; .xml.gz is packed")],
    meter: Annotated[list[str] | None, typer.Option(help="Only this meter; can be given again")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on [UTC]")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time [UTC]")] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="As billed: estimates and edits in place, each with its ReadingQuality")
    ] = False,
) -> None:
    """Write readings as a Green Button file (ESPI XML), which reads back equal.

    Example:

        metrify export readings my.xml --meter M-17 --since 2013-01-01
    """
    from functools import partial

    from metrify.lake.greenbutton.export import export_readings
    from metrify.lake.tables import Lake
    from metrify.vee.edits.clean import clean as clean_rows

    console: Console = context.obj
    workspace = console.workspace
    read = partial(clean_rows, Lake(workspace)) if clean else None
    with console.progress("Export: intervals") as progress:
        report = export_readings(
            workspace, out, meter_ids=meter or None, since=since, until=until, read=read, progress=progress
        )
    row = [str(out), report.meters, report.intervals, report.values, report.estimated]
    notes = [f"[yellow]nearest number that ESPI can write[/]: {text}" for text in report.inexact]
    console.show(report, [table("Exported", ["file", "meters", "intervals", "values", "estimated"], [row]), *notes])


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(export, name="export")
