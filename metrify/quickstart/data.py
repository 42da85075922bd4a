"""What the demo works on: real homes, and beside them simulated meters and device histories, whose faults are known."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from metrify import sample
from metrify.errors import BadValue
from metrify.features.build import build
from metrify.lake.tables import Lake
from metrify.quickstart.log import Log, Say
from metrify.sample.faults import FaultPlan
from metrify.sample.simulator import load, load_devices, simulate, simulate_devices
from metrify.settings import Workspace
from metrify.vee.impute import impute_lake
from metrify.vee.validate import validate_lake

__all__ = ["SEED", "homes", "only_the_sample", "prepare", "put_in"]

SEED = 7
METERS, DAYS, FROM = 100, 122, np.datetime64("2017-04-01")
"""The simulated meters, over the last four months of the homes' year."""
DEVICES, YEARS = 1_000, 10
SIMULATED = "sim-"


def homes() -> list[str]:
    """The meters of the sample."""
    return pq.read_table(sample.FOLDER / "meters.parquet", columns=["meter_id"])["meter_id"].to_pylist()


def only_the_sample(workspace: Workspace) -> None:
    """Raise BadValue for other meters: a model of the sample must not come to answer for somebody's own."""
    known = set(Lake(workspace).meters()["meter_id"])
    others = sorted(meter for meter in known.difference(homes()) if not meter.startswith(SIMULATED))
    if others:
        wanted = "one without meters of your own for the demo: name another folder with --home or METRIFY_HOME"
        raise BadValue(f"workspace {workspace.home}", wanted, f"{len(others)} other meters, such as {others[0]}")


def put_in(workspace: Workspace, log: Log) -> None:
    """Files and simulated fleets into the lake, through the same door."""
    with log.stage("Ingest") as say:
        reports = sample.load(workspace, lambda rows: say(f"{rows:,} rows"))
        refused = sum(report.quarantined for report in reports)
        new = sum(report.written.inserted + report.written.updated for report in reports)
        say(f"{sum(r.rows for r in reports):,} rows of {len(reports)} files, {new:,} new, {refused} quarantined")
    with log.stage("Simulate") as say:
        _simulate(workspace, say)


def _simulate(workspace: Workspace, say: Say) -> None:
    fleet = simulate(METERS, DAYS, SEED, start=FROM, plan=FaultPlan(events_per_meter=0.5))
    reports = load(workspace, fleet, lambda rows: say(f"{rows:,} rows of {METERS} meters"))
    histories = simulate_devices(DEVICES, YEARS, SEED)
    reports += load_devices(workspace, histories, lambda rows: say(f"{rows:,} rows of {DEVICES:,} device histories"))
    say(f"{METERS} meters, {DEVICES:,} device histories of {YEARS} years: {sum(r.rows for r in reports):,} rows")


def prepare(workspace: Workspace, log: Log) -> None:
    """Validate the readings, estimate what is missing or wrong, and build features; in the current Ray session."""
    with log.stage("Validate") as say:
        found = validate_lake(workspace, progress=lambda done, of: say(f"bucket {done} of {of}"))
        counts = ", ".join(f"{count:,} {rule}" for rule, count in found.intervals.items() if count)
        say(f"{found.readings:,} readings of {found.meters} meters: {counts}")
    with log.stage("Impute") as say:
        filled = impute_lake(workspace, progress=lambda done, of: say(f"bucket {done} of {of}"))
        days = sum(filled.grades.values())
        share = filled.grades["A"] / days
        say(f"{filled.wanted:,} missing or wrong, {filled.methods.total():,} estimated, {share:.1%} of the days are A")
    with log.stage("Features") as say:
        built = build(workspace, progress=lambda done, of: say(f"bucket {done} of {of}"))
        say(f"{built.rows:,} rows x {built.features} features")
