"""Build FEATURE rows for the whole lake: bucket by bucket on a Ray Data actor pool, without a shuffle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from metrify.errors import EmptyTable
from metrify.features import catalog
from metrify.features.frame import Frame, Sources, forecast_frame
from metrify.features.origin import Origin
from metrify.features.rows import issue_times
from metrify.features.sources import SOLAR_COLUMNS, Surroundings, reading_columns, validated_sources
from metrify.lake.bucketpass import BucketFiles, over_buckets
from metrify.lake.commit import Part, commit, write_part
from metrify.lake.tables import Lake
from metrify.schema import FEATURE, READING, SOLAR
from metrify.settings import Workspace

__all__ = ["BuildReport", "build", "feature_schema"]

_CELLS_AT_ONCE = 1_000_000
"""Rows that a task holds at once: bounds its memory to a few hundred megabytes."""


@dataclass(frozen=True)
class BuildReport:
    """What a build wrote."""

    rows: int
    buckets: int
    files: int
    features: int
    version: int
    """version of the FEATURE table"""
    seconds: float


def feature_schema() -> pa.Schema:
    """FEATURE's keys and target, then one float32 column per feature of the catalogue."""
    schema = pa.schema([field.with_nullable(True) for field in FEATURE.schema])
    for name in catalog.names:
        schema = schema.append(pa.field(name, pa.float32()))
    return schema


def build(
    workspace: Workspace, *, actors: int | None = None, progress: Callable[[int, int], None] | None = None
) -> BuildReport:
    """Build features of every interval that the lake has readings for, issued each day as the settings say.

    Runs in the current Ray session; `progress(done, of)` counts buckets. What FEATURE held is replaced in one commit.
    Raises EmptyTable without readings.
    """
    started = time.perf_counter()
    lake = Lake(workspace)
    if not lake.count(READING):
        raise EmptyTable("READING", "Ingest some with `metrify ingest readings FILE --mapping MAPPING`.")
    root, origin = workspace.lake / FEATURE.name, Origin.now(workspace)
    parts: list[Part] = []
    done = 0
    for buckets, written in over_buckets(lake, (READING, SOLAR), FeatureWorker, (workspace,), actors=actors):
        parts += written
        done += 1
        if progress:
            progress(done, buckets)
    version = commit(root, feature_schema(), parts, "overwrite", metadata=origin.metadata())
    rows = sum(part.rows for part in parts)
    return BuildReport(rows, done, len(parts), len(catalog.names), version, time.perf_counter() - started)


class FeatureWorker:
    """Turns one bucket's readings into FEATURE files."""

    def __init__(self, workspace: Workspace):
        self._root = workspace.lake / FEATURE.name
        self._surroundings = Surroundings.read(Lake(workspace))
        self._settings = workspace.settings

    def __call__(self, bucket: BucketFiles) -> list[Part]:
        readings = _read(bucket.files[READING.name], reading_columns(self._settings))
        solar_files = bucket.files.get(SOLAR.name, [])
        solar = _read(solar_files, SOLAR_COLUMNS) if solar_files else None
        parts = []
        for sources in validated_sources(readings, solar, self._surroundings, self._settings):
            for some in _chunks(sources):
                for month, rows in _by_month(self._frame(some)):
                    parts.append(write_part(self._root, rows, bucket.bucket, month))
        return parts

    def _frame(self, sources: Sources) -> Frame:
        forecasting = self._settings.forecasting
        history = sources.history
        issues = issue_times(history.start, history.end, forecasting.issue_at, sources.calendar.zone)
        issues = history.next_start(issues)  # a clock half an hour beside UTC may have no interval at its midnight
        return forecast_frame(sources, issues, forecasting.horizon)


def _read(files: list[str], columns: list[str]) -> pa.Table:
    # without partitioning="hive" the folder names stay out of the columns; a dictionary spares decoding every id
    tables = [pq.read_table(file, columns=columns, read_dictionary=["meter_id"], partitioning=None) for file in files]
    return pa.concat_tables(tables)


def _chunks(sources: Sources) -> Iterator[Sources]:
    meters, intervals = sources.history.values.shape
    at_once = max(_CELLS_AT_ONCE // max(intervals, 1), 1)
    for first in range(0, meters, at_once):
        yield sources.select(np.arange(first, min(first + at_once, meters)))


def _by_month(frame: Frame) -> Iterator[tuple[str, pa.Table]]:
    """FEATURE rows by UTC month of their timestamp: the partitions of the table."""
    months = frame.rows.times.astype("datetime64[M]")
    for month in np.unique(months):
        yield str(month), frame.at(np.flatnonzero(months == month)).table()
