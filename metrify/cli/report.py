"""Verbs that write pages for people: what the lake says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metrify.cli.console import Console
from metrify.cli.grades import grades_table

if TYPE_CHECKING:
    from metrify.report.quality import QualityReport

__all__ = ["register"]

report = typer.Typer(help="Pages for people: the quality of the readings.", no_args_is_help=True)


@report.command("quality")
def quality(
    context: typer.Context,
    meter: Annotated[str, typer.Option(metavar="ID", help="The page of one meter; default: of the fleet")] = "",
    since: Annotated[str | None, typer.Option(help="First local day; default: all")] = None,
    until: Annotated[str | None, typer.Option(help="The local day after the last; default: all")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: reports/quality.html in the workspace")
    ] = None,
) -> None:
    """A page of how good the readings are: grades by meter and day, findings, estimates, quarantine.

    It is one HTML file that needs no network; nothing in the lake changes. Example:

        metrify report quality --since 2024-01-01
    """
    from metrify.errors import BadValue
    from metrify.localtime import parse_time
    from metrify.report.quality import write_quality

    console: Console = context.obj
    first, end = (parse_time(text, name) if text else None for text, name in ((since, "since"), (until, "until")))
    if first is not None and end is not None and end <= first:
        raise BadValue("--until", f"a day after {since}", until)
    with console.progress("Quality"):
        made = write_quality(
            console.workspace,
            out,
            meter_id=meter,
            since=None if first is None else first.astype("datetime64[D]"),
            until=None if end is None else end.astype("datetime64[D]"),
        )
    console.show(made, _lines(made))


def _lines(made: QualityReport) -> list[object]:
    from rich.markup import escape

    if not made.meter_days:
        return [f"No meter-day has a grade yet: run metrify vee. The page says what else there is: {made.path}"]
    title = f"{made.meter_days:,} meter-days of {made.meters:,} meters"
    worst = [f"Worst first    {escape(', '.join(made.worst))}"] if made.meters > 1 else []
    return [grades_table(made.grades, title), *worst, f"Page           {made.path}"]


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(report, name="report")
