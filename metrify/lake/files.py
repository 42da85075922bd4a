"""The one door for files: CSV, Parquet and Green Button, through a mapping; what cannot enter is quarantined."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from metrify.errors import BadMapping, UnreadableFile
from metrify.lake.channels import no_channel, pivot
from metrify.lake.completion import completed
from metrify.lake.conversion import convert
from metrify.lake.delta import placed
from metrify.lake.mapping import Mapping
from metrify.lake.quarantine import as_json, quarantine_rows
from metrify.lake.raw import ROW, RawFile, is_feed, melt
from metrify.lake.scan import time_column
from metrify.lake.settle import conflict_reasons, settle
from metrify.lake.staging import Staging
from metrify.lake.stamps import NO_OFFSET
from metrify.lake.tables import Lake, Written
from metrify.schema import QUARANTINE, READING, Table, table
from metrify.settings import Workspace

__all__ = ["FileReport", "IngestReport", "ingest", "ingest_all"]

Progress = Callable[[int], None]


@dataclass
class FileReport:
    """What became of one file: each of its rows is counted once, in `written` or in `quarantined`."""

    file: str
    rows: int = 0
    """rows read; of a wide file its filled cells; of channels the readings that they became, and values beside them"""
    written: Written = field(default_factory=Written)
    quarantined: Counter[str] = field(default_factory=Counter)
    """rows in QUARANTINE by kind of reason"""
    warnings: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    meters: int = 0


@dataclass
class IngestReport:
    """What became of the files of one call."""

    table: str
    files: list[FileReport] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def written(self) -> Written:
        return sum((file.written for file in self.files), Written())

    @property
    def quarantined(self) -> int:
        return sum(file.quarantined.total() for file in self.files)


def ingest(
    workspace: Workspace,
    into: Table | str,
    paths: Iterable[Path | str],
    mapping: Mapping | Path | str | None = None,
    progress: Progress | None = None,
    now: pd.Timestamp | None = None,
) -> IngestReport:
    """Load files, one after the other, into a table; a file that was loaded before changes nothing.

    Without a mapping the columns are those of the table and stamps carry an offset. `progress` is told how many rows
    are done, `now` [with a zone] is the clock. A file that cannot be read to its end leaves nothing behind. Raises
    UnknownName, UnreadableFile, MissingColumns, UnknownKeys, BadMapping, LakeConflict.
    """
    found = into if isinstance(into, Table) else table(into)
    where = "mapping" if mapping is None or isinstance(mapping, Mapping) else str(mapping)
    checked = Mapping.read(mapping) if isinstance(mapping, (str, Path)) else mapping
    if checked is not None:
        checked.checked(found, where)
    report = IngestReport(found.name)
    for path in paths:
        done = report.rows
        load = _Load(Lake(workspace), found, Path(path), checked, where, now or pd.Timestamp.now("UTC"))
        report.files.append(load.run(lambda rows, done=done: progress(done + rows) if progress else None))
    return report


def ingest_all(
    workspace: Workspace,
    loads: Iterable[tuple[Table | str, Path, Mapping | Path | str | None]],
    progress: Progress | None = None,
) -> list[IngestReport]:
    """Load files, each as (table, path, mapping), one after the other; `progress` and errors are those of `ingest`."""
    reports: list[IngestReport] = []
    for into, path, mapping in loads:
        done = sum(report.rows for report in reports)
        tell = (lambda rows, done=done: progress(done + rows)) if progress else None
        reports.append(ingest(workspace, into, [path], mapping, tell))
    return reports


class _Load:
    """One file on its way: read once and put aside by series, then converted, settled and written batch by batch."""

    def __init__(self, lake: Lake, found: Table, path: Path, mapping: Mapping | None, where: str, now: pd.Timestamp):
        self.lake, self.table, self.path, self.where = lake, found, path, where
        self.raw = RawFile.open(path, mapping)
        self.mapping = self._mapping(mapping)
        self.mapping.fits(self.raw.names, str(path))
        self.now = now.floor("us")
        self.report = FileReport(path.name)
        self.meters: set[str] = set()

    def _mapping(self, mapping: Mapping | None) -> Mapping:
        feed = is_feed(self.path)
        if (feed and self.table is not READING) or (mapping and feed != (mapping.layout == "green_button")):
            fix = 'A Green Button file (.xml) is ingested as readings; its mapping says layout = "green_button".'
            raise UnreadableFile(self.path, self.table.name, "file, table and mapping are of different kinds", fix)
        if mapping:
            return mapping.headed(self.raw.names, self.where)
        return Mapping.green_button() if feed else Mapping.plain(self.table, self.raw.names, str(self.path))

    def run(self, progress: Progress) -> FileReport:
        with tempfile.TemporaryDirectory(prefix="metrify-") as folder:
            staging = Staging(Path(folder), self.lake.workspace.buckets)
            self._stage(staging)
            self._quarantine_broken()
            for batch in staging.batches():
                self._write(batch)
                progress(self.report.rows)
        self.report.meters = len(self.meters)
        if not self.report.rows:
            self.report.warnings["the file holds no rows"] += 1
        return self.report

    def _stage(self, staging: Staging) -> None:
        cells = len(self.mapping.cells(self.raw.names))
        series = self.mapping.sources(self.table).get(self.table.key[0])
        strange: list[str] | None = None
        for place, chunk in enumerate(self.raw.chunks(max(cells, 1))):
            rows = melt(chunk, self.mapping) if cells else chunk
            if cells and rows.num_rows < chunk.num_rows * cells:
                self.report.warnings["empty cells: no reading"] += chunk.num_rows * cells - rows.num_rows
            if place == 0:
                self._refuse_clock_without_zone(self._reasons(rows))
            if self.mapping.channels and strange != []:
                strange = no_channel(rows, self.mapping, self.table)
            staging.add(rows, series.column if series else None)
        if strange:
            self._refuse_channels(strange)

    def _reasons(self, rows: pa.Table) -> pa.Array:
        """Why rows, before anything is written, cannot enter."""
        if not self.mapping.channels:
            return convert(rows, self.table, self.mapping, self.now).reasons
        pivoted = pivot(rows, self.mapping, self.table)
        return pa.array([*pivoted.reasons, *[None] * pivoted.rows.num_rows], pa.string())

    def _refuse_channels(self, reasons: list[str]) -> None:
        """One value of an unknown channel is a bad row; where all are, it is the wrong file or mapping."""
        if self.mapping.layout == "green_button":
            fix = "Take the feed of an electricity meter; nothing was written."
            raise UnreadableFile(self.path, "electricity readings", "; ".join(reasons), fix)
        fix = 'Name what they are under [columns], such as kwh = { obis = "1-0:1.29.0" }; nothing was written.'
        raise BadMapping(self.where, f"{self.path.name}: {'; '.join(reasons)}", fix)

    def _refuse_clock_without_zone(self, reasons: pa.Array) -> None:
        """One stamp without an offset is a bad row; all of them, before anything is written, are a bad mapping."""
        lacking = pc.fill_null(pc.ends_with(reasons, NO_OFFSET), False)
        if len(reasons) and pc.all(lacking).as_py():
            raise BadMapping(self.where, f"{self.path.name}: {NO_OFFSET}", 'Add zone, such as zone = "Europe/London".')

    def _pivoted(self, batch: pa.Table) -> pa.Table:
        """A row a reading of values by channel; what becomes of no reading is told."""
        pivoted = pivot(batch, self.mapping, self.table)
        refused = pivoted.refused
        contents = [as_json(row) for row in refused.drop_columns([ROW]).to_pylist()]
        self._quarantine(refused[ROW].to_pylist(), pivoted.reasons, contents, pivoted.read)
        self.report.written += Written(repeated=pivoted.repeated)
        self.report.rows += pivoted.repeated + refused.num_rows
        self.report.warnings.update(pivoted.notes)
        return pivoted.rows

    def _write(self, batch: pa.Table) -> None:
        batch = self._pivoted(batch) if self.mapping.channels else batch
        converted = convert(batch, self.table, self.mapping, self.now)
        good = np.asarray(pc.is_null(converted.reasons))
        entering = converted.rows.filter(pa.array(good))
        entering = completed(entering, self.lake, self.table) if self.mapping.channels else entering
        rows = placed(self.table, entering, self.lake.workspace.buckets)
        settled = settle(self.table, rows)
        refused = np.concatenate([np.flatnonzero(~good), np.flatnonzero(good)[settled.refused]])
        reasons = converted.reasons.drop_null().to_pylist() + conflict_reasons(self.table, rows, settled)
        came = batch.take(pa.array(refused))
        contents = [as_json(row) for row in came.drop_columns([ROW]).to_pylist()]
        self._quarantine(came[ROW].to_pylist(), reasons, contents, converted.rows.take(pa.array(refused)))
        self.report.written += replace(self.lake.write(self.table, settled), refused=0)  # told as quarantined
        self.report.rows += batch.num_rows
        self._describe(settled.rows)

    def _quarantine_broken(self) -> None:
        broken = self.raw.broken
        self._quarantine(
            [row.number for row in broken],
            [row.reason for row in broken],
            [as_json({"line": row.text}) for row in broken],
        )
        self.report.rows += len(broken)

    def _quarantine(
        self, numbers: list[int], reasons: list[str], contents: list[str], read: pa.Table | None = None
    ) -> None:
        if reasons:
            refused = quarantine_rows(self.table, self.raw.source, numbers, reasons, contents, self.now, read)
            self.lake.upsert(QUARANTINE, refused)
            self.report.quarantined.update(reason.split(" (")[0] for reason in reasons)

    def _describe(self, rows: pa.Table) -> None:
        """What a person should know of the rows that entered."""
        if not rows.num_rows:
            return
        ends = pc.min_max(rows[time_column(self.table)])
        known = [
            time
            for time in (self.report.first, self.report.last, *(ends[key].as_py() for key in ("min", "max")))
            if time
        ]
        self.report.first, self.report.last = min(known), max(known)
        if "meter_id" in self.table.names:
            self.meters.update(rows["meter_id"].unique().to_pylist())
        warnings = {}
        if self.table is READING:
            warnings["kwh below zero: a net meter exports, else it is wrong"] = pc.sum(pc.less(rows["kwh"], 0)).as_py()
        if self.mapping.interval_minutes and self.table.measures:
            off = _off_grid(rows["timestamp"], self.mapping.interval_minutes)
            warnings[f"off the grid of {self.mapping.interval_minutes} minutes"] = off
        self.report.warnings.update({text: count for text, count in warnings.items() if count})


def _off_grid(times: pa.ChunkedArray, minutes: int) -> int:
    """How many times are off the grid that most are on."""
    phases = times.to_numpy().astype("datetime64[us]").astype(np.int64) % (minutes * 60_000_000)
    return len(phases) - int(np.unique(phases, return_counts=True)[1].max())
