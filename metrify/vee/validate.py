"""Run the validation rules over the whole lake, write what they found, and grade the days."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metrify.errors import EmptyTable
from metrify.lake.bucketpass import BucketFiles, over_buckets
from metrify.lake.commit import Part, commit
from metrify.lake.monthfiles import write_months
from metrify.lake.tables import Lake
from metrify.schema import EDIT, FINDING, GRADE, READING, TIME
from metrify.settings import Workspace
from metrify.vee.edits.bucketedits import BucketEdits
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.findings import counts, findings
from metrify.vee.gather import TABLES, Around, gather
from metrify.vee.grades.points import GRADES
from metrify.vee.grades.table import Graded, Grader, commit_grades, span
from metrify.vee.rules import RULES, validate

__all__ = ["ValidationReport", "ValidationWorker", "require_readings", "validate_lake"]


def _zeros() -> dict[str, int]:
    return {rule.name: 0 for rule in RULES}


@dataclass
class ValidationReport:
    """What the rules found."""

    readings: int = 0
    meters: int = 0
    intervals: dict[str, int] = field(default_factory=_zeros)
    """intervals concerned, by rule"""
    meters_concerned: dict[str, int] = field(default_factory=_zeros)
    rule_seconds: dict[str, float] = field(default_factory=lambda: {rule.name: 0.0 for rule in RULES})
    """what each rule took, over all actors [s]"""
    grades: dict[str, int] = field(default_factory=dict)
    """meter-days by grade"""
    seconds: float = 0.0

    def add(self, other: ValidationReport) -> None:
        """Count what another bucket's report counts."""
        self.readings += other.readings
        self.meters += other.meters
        for mine, theirs in (
            (self.intervals, other.intervals),
            (self.meters_concerned, other.meters_concerned),
            (self.rule_seconds, other.rule_seconds),
        ):
            for rule, count in theirs.items():
                mine[rule] += count


def require_readings(lake: Lake) -> None:
    """Raise EmptyTable where the lake has none."""
    if not lake.count(READING):
        raise EmptyTable("READING", "Ingest some with `metrify ingest readings FILE --mapping MAPPING`.")


def validate_lake(
    workspace: Workspace, *, actors: int | None = None, progress: Callable[[int, int], None] | None = None
) -> ValidationReport:
    """Apply every rule to every reading, bucket by bucket in the current Ray session.

    FINDING and GRADE are replaced as a whole; grades count the edits that hold. No rule changes a reading. Raises
    EmptyTable without readings.
    """
    started = time.perf_counter()
    lake = Lake(workspace)
    require_readings(lake)
    within = span(lake)
    report, parts, graded = ValidationReport(), [], []
    tables = (*TABLES, EDIT, GRADE)
    results = over_buckets(lake, tables, ValidationWorker, (workspace, within.until), actors=actors)
    for done, (buckets, (some, written, days)) in enumerate(results, 1):
        report.add(some)
        parts += written
        graded.append(days)
        if progress:
            progress(done, buckets)
    root = workspace.lake / FINDING.name
    commit(root, pa.schema([column.with_nullable(True) for column in FINDING.schema]), parts, "overwrite")
    report.grades = dict(zip(GRADES, commit_grades(workspace, graded, within).days, strict=True))
    report.seconds = time.perf_counter() - started
    return report


class ValidationWorker:
    """Turns one bucket's readings into files of FINDING and GRADE."""

    def __init__(self, workspace: Workspace, until: np.datetime64):
        self._root = workspace.lake / FINDING.name
        self._around = Around.read(Lake(workspace))
        self._settings = workspace.settings
        self._grader = Grader(workspace, until)

    def __call__(self, bucket: BucketFiles) -> tuple[ValidationReport, list[Part], Graded]:
        edits = BucketEdits.read(bucket, self._settings.forecasting.target)
        files = bucket.files[READING.name]
        report, found, days = ValidationReport(sum(pq.read_metadata(file).num_rows for file in files)), [], []
        for gathered in gather(bucket, self._around, self._settings):
            panel = gathered.evidence.panel
            flags = self._flags(gathered.evidence, report)
            report.meters += len(panel.meter_ids)
            _count(report, flags)
            found.append(findings(gathered.evidence, flags, self._settings.vee))
            days.append(self._grader.frame(gathered, flags, edits.repairs_on(panel)))
        written = self._write(pd.concat(found, ignore_index=True), bucket.bucket)
        return report, written, self._grader.write(days, bucket)

    def _flags(self, evidence: Evidence, report: ValidationReport) -> Flags:
        """The mask of all rules, each timed."""
        flags = np.zeros(evidence.panel.values.shape, np.uint32)
        for rule in RULES:
            begun = time.perf_counter()
            flags |= validate(evidence, self._settings.vee, only=(rule.name,))
            report.rule_seconds[rule.name] += time.perf_counter() - begun
        return flags

    def _write(self, found: pd.DataFrame, bucket: int) -> list[Part]:
        rows = pa.Table.from_pandas(found, preserve_index=False)
        for name in ("timestamp", "until"):
            stamps = rows[name].cast(pa.timestamp("us")).cast(TIME)
            rows = rows.set_column(rows.column_names.index(name), name, stamps)
        now = pa.repeat(pa.scalar(datetime.now(UTC), TIME), rows.num_rows)
        return write_months(self._root, FINDING, FINDING.conform(rows.append_column("found_at", now)), bucket)


def _count(report: ValidationReport, flags: Flags) -> None:
    of_meter = np.bitwise_or.reduce(flags, axis=1)
    for rule, intervals in counts(flags).items():
        report.intervals[rule] += intervals
    for rule in RULES:
        report.meters_concerned[rule.name] += int(np.count_nonzero(of_meter >> np.uint32(rule.bit) & 1))
