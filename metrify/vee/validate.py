"""Run the validation rules over the whole lake and write what they found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metrify.errors import EmptyTable
from metrify.lake.bucketpass import BucketFiles, over_buckets
from metrify.lake.commit import Part, commit, write_part
from metrify.lake.panels import meter_groups
from metrify.lake.tables import Lake
from metrify.schema import FINDING, READING, READING_HISTORY, TIME
from metrify.settings import Workspace
from metrify.vee.evidence import Evidence
from metrify.vee.findings import findings
from metrify.vee.repeats import Repeats
from metrify.vee.rules import RULES, flagged, validate

__all__ = ["ValidationReport", "validate_lake"]


@dataclass
class ValidationReport:
    """What the rules found: readings concerned, per rule."""

    readings: int = 0
    meters: int = 0
    intervals: dict[str, int] = field(default_factory=lambda: {rule.name: 0 for rule in RULES})
    """intervals concerned, by rule"""
    seconds: float = 0.0

    def add(self, other: ValidationReport) -> None:
        self.readings += other.readings
        self.meters += other.meters
        for rule, count in other.intervals.items():
            self.intervals[rule] += count


def validate_lake(
    workspace: Workspace, *, actors: int | None = None, progress: Callable[[int, int], None] | None = None
) -> ValidationReport:
    """Apply every rule to every reading, bucket by bucket in the current Ray session; FINDING is replaced as a whole.

    No rule changes a reading. Raises EmptyTable without readings.
    """
    started = time.perf_counter()
    lake = Lake(workspace)
    if not lake.count(READING):
        raise EmptyTable("READING", "Ingest some with `metrify ingest readings FILE --mapping MAPPING`.")
    root = workspace.lake / FINDING.name
    report, parts = ValidationReport(), []
    results = over_buckets(lake, (READING, READING_HISTORY), ValidationWorker, (workspace,), actors=actors)
    for done, (buckets, (some, written)) in enumerate(results, 1):
        report.add(some)
        parts += written
        if progress:
            progress(done, buckets)
    commit(root, pa.schema([column.with_nullable(True) for column in FINDING.schema]), parts, "overwrite")
    report.seconds = time.perf_counter() - started
    return report


class ValidationWorker:
    """Turns one bucket's readings into FINDING files."""

    def __init__(self, workspace: Workspace):
        self._root = workspace.lake / FINDING.name
        self._meters = Lake(workspace).meters()
        self._settings = workspace.settings

    def __call__(self, bucket: BucketFiles) -> tuple[ValidationReport, list[Part]]:
        target = self._settings.forecasting.target
        readings = self._read(bucket.files[READING.name])
        superseded = bucket.files.get(READING_HISTORY.name)
        repeats = Repeats.of(readings, self._read(superseded), target) if superseded else None
        report, found = ValidationReport(readings=readings.num_rows), []
        for group in meter_groups(readings, target, self._meters, self._settings.site):
            repeated = repeats.on(group.panel) if repeats else None
            flags = validate(Evidence(group.panel, group.signed, repeated), self._settings.vee)
            report.meters += len(group.panel.meter_ids)
            for rule in RULES:
                report.intervals[rule.name] += int(np.count_nonzero(flagged(flags, rule.name)))
            found.append(findings(group.panel, flags))
        return report, self._write(pd.concat(found, ignore_index=True), bucket.bucket)

    def _read(self, files: list[str]) -> pa.Table:
        columns = ["meter_id", "timestamp", self._settings.forecasting.target, "available_at"]
        return pa.concat_tables(
            pq.read_table(file, columns=columns, read_dictionary=["meter_id"], partitioning=None) for file in files
        )

    def _write(self, found: pd.DataFrame, bucket: int) -> list[Part]:
        found["found_at"] = pd.Timestamp.now("UTC").tz_localize(None)
        months = found["timestamp"].dt.strftime("%Y-%m")
        parts = []
        for month, some in found.groupby(months):
            rows = pa.Table.from_pandas(some.sort_values(list(FINDING.key)), preserve_index=False)
            for name in ("timestamp", "until", "found_at"):
                stamps = rows[name].cast(pa.timestamp("us")).cast(TIME)
                rows = rows.set_column(rows.column_names.index(name), name, stamps)
            parts.append(write_part(self._root, FINDING.conform(rows), bucket, str(month)))
        return parts
