"""Verbs for those who answer for the data: validate, impute, grade, and what bills are made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrify.cli.console import Console, table
from metrify.cli.grades import grades_table

if TYPE_CHECKING:
    from metrify.vee.grades.fleet import FleetQuality

__all__ = ["register"]

_SINCE = typer.Option(help="From this time on [UTC]")
_UNTIL = typer.Option(help="Before this time [UTC]")
_OUT = typer.Option(help="FILE.csv, FILE.parquet, or a folder")


def vee(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Write the findings there, too: FILE.csv, FILE.parquet, or a folder")
    ] = None,
) -> None:
    """Validate every reading of the lake by the utility's rules, and grade each day of each meter from A to F.

    Findings go to FINDING, grades to GRADE; no reading is changed. Example:

        metrify vee --out findings.csv
    """
    from metrify import cluster
    from metrify.lake.outfile import file_for
    from metrify.vee.rules import RULES
    from metrify.vee.validate import validate_lake

    console: Console = context.obj
    workspace = console.workspace
    path = file_for(out, "findings") if out else None
    with console.progress("Validate: buckets") as meter, cluster.session(workspace):
        report = validate_lake(workspace, progress=meter)
    readings = max(report.readings, 1)
    rows = [
        [
            r.name,
            r.severity,
            report.intervals[r.name],
            f"{report.intervals[r.name] / readings:.3%}",
            report.meters_concerned[r.name],
        ]
        for r in RULES
    ]
    title = f"{report.readings:,} readings of {report.meters:,} meters in {report.seconds:.1f} s"
    lines = [table(title, ["rule", "severity", "intervals", "share", "meters"], rows), grades_table(report.grades)]
    if path:
        lines.append(f"{_findings_to(path, workspace):,} findings in {path}")
    console.show(report, lines)


def _findings_to(path: Path, workspace: Any) -> int:
    from metrify.lake.outfile import write_file
    from metrify.lake.tables import Lake
    from metrify.schema import FINDING

    found = Lake(workspace).read(FINDING).sort_by([(name, "ascending") for name in FINDING.key])
    write_file(found, path)
    return found.num_rows


def impute(
    context: typer.Context,
    renew: Annotated[bool, typer.Option("--renew", help="Estimate anew what was estimated before, too")] = False,
) -> None:
    """Put an estimate in place of each missing or wrong reading, with its method and uncertainty, and grade again.

    Estimates are edits: no reading is changed, all can be undone, and a reading that comes late wins. The champion of
    quality/imputer or quality/denoiser is used where it is better. Doing it again writes nothing. Example:

        metrify impute
    """
    from functools import partial

    from metrify import cluster
    from metrify.registry import Registry
    from metrify.schema import ESTIMATE
    from metrify.scoring.estimates import learned
    from metrify.vee.impute import impute_lake

    console: Console = context.obj
    workspace = console.workspace
    known = Registry(workspace).champion("quality", ESTIMATE)  # asked here first: actors race to make a new registry
    make = partial(learned, workspace) if known else None
    with console.progress("Impute: buckets") as meter, cluster.session(workspace):
        report = impute_lake(workspace, make, renew=renew, progress=meter)
    head = f"{report.wanted:,} of {report.readings:,} readings are missing or wrong: {report.written:,} edits written, "
    head += f"{report.undone:,} undone, {report.seconds:.1f} s"
    methods = table("Standing in", ["method", "intervals"], list(report.methods.most_common()))
    lines: list[Any] = [head, methods, grades_table(report.grades)]
    if report.no_estimate:
        lines.append(table("No estimate", ["reason", "intervals"], list(report.no_estimate.most_common())))
    if report.not_scaled:
        lines.append(table("Not scaled to the register", ["reason", "gaps"], list(report.not_scaled.most_common())))
    if report.doubtful:
        lines.append(table("Estimates that a rule doubts", ["rule", "intervals"], list(report.doubtful.most_common())))
    console.show(report, lines)


def quality(
    context: typer.Context,
    worst: Annotated[int, typer.Option(min=0, help="So many of the worst meters and days are shown")] = 10,
    since: Annotated[str | None, typer.Option(help="From this local day on")] = None,
    until: Annotated[str | None, typer.Option(help="Before this local day")] = None,
    meter: Annotated[str | None, typer.Option(help="Only this meter")] = None,
) -> None:
    """The fleet's grades: how many days of each, the worst meters and days first, and what to do next.

    Example:

        metrify quality --worst 20 --since 2013-11-01
    """
    from metrify.lake.tables import Lake
    from metrify.localtime import parse_time
    from metrify.vee.grades.fleet import fleet_quality

    console: Console = context.obj
    first = parse_time(since, "--since") if since else None
    end = parse_time(until, "--until") if until else None
    found = fleet_quality(Lake(console.workspace), worst=worst, since=first, until=end, meter_id=meter)
    console.show(found, _quality_lines(found))


def _quality_lines(found: FleetQuality) -> list[Any]:
    number = sum(found.days.values())
    lines: list[Any] = [
        f"{number:,} days of {found.meters:,} meter{'s' * (found.meters != 1)} from {found.since} to {found.until}: "
        f"{found.measured:.2%} measured, {found.estimated:.2%} estimated",
        grades_table(found.days),
    ]
    for title, rows in (("Worst meters", found.worst_meters), ("Worst days", found.worst_days)):
        if rows:
            cells = [
                [value if isinstance(value, (int, float)) else str(value) for value in row.values()] for row in rows
            ]
            lines.append(table(title, [name.replace("_", " ") for name in rows[0]], cells))
    return [*lines, found.next_step]


def clean(
    context: typer.Context,
    out: Annotated[Path, _OUT],
    as_of: Annotated[str | None, typer.Option(help="As the lake was at this time [UTC]")] = None,
    meter: Annotated[list[str] | None, typer.Option(help="Only this meter; can be given again")] = None,
    since: Annotated[str | None, _SINCE] = None,
    until: Annotated[str | None, _UNTIL] = None,
) -> None:
    """Write what bills are made of: readings with the edits that hold, each with status, method and band.

    The versions of the tables that it was made of are told; `--as-of` gives the same again later. Example:

        metrify clean --out clean.parquet --since 2013-11-01
    """
    from metrify.lake.outfile import file_for, write_file
    from metrify.lake.tables import Lake
    from metrify.localtime import parse_time
    from metrify.vee.edits.clean import clean as view
    from metrify.vee.edits.versions import pinned

    console: Console = context.obj
    lake, path = Lake(console.workspace), file_for(out, "clean")
    times = {"since": since, "until": until, "as_of": as_of}
    moments = {name: parse_time(text, f"--{name.replace('_', '-')}") if text else None for name, text in times.items()}
    versions = pinned(lake, as_of=moments.pop("as_of"))
    with console.progress("Clean"):
        rows = view(lake, meter_ids=meter or None, versions=versions, **moments)
        write_file(rows, path)
    counts = {entry["values"]: entry["counts"] for entry in rows["status"].value_counts().to_pylist()}
    answer = {"file": path, "rows": rows.num_rows, "status": counts, "versions": versions}
    pins = ", ".join(f"{name} {version}" for name, version in versions.items())
    title = f"{rows.num_rows:,} rows in {path}, of {pins}"
    console.show(answer, [table(title, ["status", "rows"], list(counts.items()))])


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    for verb in (vee, impute, quality, clean):
        app.command()(verb)
