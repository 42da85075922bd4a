"""Verbs for data engineers: what enters the lake, what it holds, what becomes features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metrify.cli.console import Console, table

__all__ = ["register"]


def ingest(
    context: typer.Context,
    into: Annotated[str, typer.Argument(metavar="TABLE", help="readings, weather, grid, solar, meters, tariff, ...")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV (also .gz) or Parquet")],
    mapping: Annotated[Path | None, typer.Option(help="TOML file that says what the columns are")] = None,
) -> None:
    """Load files into a table of the lake; rows that cannot enter go to quarantine with a reason.

    Loading a file twice changes nothing. Example:

        metrify ingest readings homes.parquet --mapping examples/london/readings.toml
    """
    from metrify.lake.files import ingest as load

    console: Console = context.obj
    with console.progress(f"{into}: rows") as meter:
        report = load(console.workspace, into, files, mapping, progress=meter)
    rows = [
        [Path(f.file).name, f.rows, f.written.inserted, f.written.updated, f.written.unchanged, f.quarantined.total()]
        for f in report.files
    ]
    notes = [
        f"[yellow]{Path(f.file).name}[/]: {count:,} x {reason}"
        for f in report.files
        for reason, count in (*f.quarantined.items(), *f.warnings.items())
    ]
    columns = ["file", "rows", "inserted", "updated", "unchanged", "quarantined"]
    console.show(report, [table(report.table, columns, rows), *notes])


def simulate(
    context: typer.Context,
    meters: Annotated[int, typer.Option(min=0, help="Metering points with a year of readings; 0 for none")] = 100,
    days: Annotated[int, typer.Option(min=1, help="Days of readings")] = 365,
    start: Annotated[str, typer.Option(help="First local day of the readings")] = "2016-08-01",
    interval: Annotated[int, typer.Option(help="Interval length [min]: 15, 30 or 60")] = 60,
    devices: Annotated[int, typer.Option(min=0, help="Devices with years of history; 0 for none")] = 0,
    years: Annotated[int, typer.Option(min=1, help="Years of the devices' history")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files, byte by byte")] = 0,
    into: Annotated[
        Path | None, typer.Option(help="Write Parquet files there and leave the lake alone; default: both")
    ] = None,
) -> None:
    """A fleet with known faults, on top of real load shapes, and device histories whose hazard is known.

    The files, and the truth about faults and hazards beside them, go to INTO, or to simulated/ in the workspace from
    where they enter the lake. Example:

        metrify simulate --meters 1000 --days 365 --seed 7 --into fleet
    """
    from metrify.localtime import parse_time
    from metrify.sample import simulator

    console: Console = context.obj
    workspace = console.workspace
    folder = into or workspace.home / "simulated" / f"seed-{seed}"
    begin = parse_time(start, "start")
    made: dict[Path, list[Path]] = {}
    with console.progress("Simulate: rows") as meter:
        if meters:
            fleet = simulator.simulate(meters, days, seed, start=begin, interval_minutes=interval)
            made[folder] = simulator.write(fleet, folder, meter)
        if devices:
            histories = simulator.simulate_devices(devices, years, seed)
            made[folder / "devices"] = simulator.write_devices(histories, folder / "devices")
        reports = [r for part in made if into is None for r in simulator.load_files(workspace, part, meter)]
    paths = [path for paths in made.values() for path in paths]
    rows = [[r.table, r.rows, r.written.inserted, r.written.unchanged, r.quarantined] for r in reports]
    loaded = [table("Loaded", ["table", "rows", "inserted", "unchanged", "quarantined"], rows)] if rows else []
    console.show({"files": paths, "loaded": reports}, [f"{len(paths)} files in {folder}", *loaded])


def lake(context: typer.Context) -> None:
    """What the lake holds: tables with versions and rows.

    Example:

        metrify lake
    """
    from metrify.lake.tables import Lake
    from metrify.schema import TABLES

    console: Console = context.obj
    home = Lake(console.workspace)
    held = [found for found in TABLES.values() if home.exists(found)]
    rows = [[found.name, home.version(found), home.count(found), found.meaning] for found in held]
    answer = {row[0]: {"version": row[1], "rows": row[2]} for row in rows}
    console.show(answer, [table("Lake", ["table", "version", "rows", "what it is"], rows)])


features = typer.Typer(help="Features: build them, list them.", no_args_is_help=True)


@features.command("build")
def build(context: typer.Context) -> None:
    """Build features of every interval in the lake, in parallel on Ray Data.

    Example:

        metrify features build
    """
    from metrify import cluster
    from metrify.features.build import build as build_features

    console: Console = context.obj
    workspace = console.workspace
    with console.progress("Features: buckets") as meter, cluster.session(workspace):
        report = build_features(workspace, progress=meter)
    line = f"{report.rows:,} rows x {report.features} features in {report.files} files, {report.seconds:.1f} s"
    console.show(report, [line])


@features.command("list")
def names(context: typer.Context) -> None:
    """Every feature with its unit and meaning.

    Example:

        metrify features list
    """
    from metrify.features.catalog import FEATURES

    rows = [[f.name, f.unit, f.meaning] for f in FEATURES.values()]
    answer = {"features": list(FEATURES.values())}
    context.obj.show(answer, [table("Features", ["name", "unit", "meaning"], rows)])


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(ingest)
    app.command()(simulate)
    app.command()(lake)
    app.add_typer(features, name="features")
