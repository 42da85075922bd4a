"""A simulated fleet as Parquet files that `metrify ingest` takes as they are, and into a lake through that door."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from metrify.lake.files import IngestReport, ingest_all
from metrify.sample.simulator.devices import DeviceHistories
from metrify.sample.simulator.fleet import Fleet
from metrify.settings import Workspace

__all__ = ["load", "load_devices", "load_files", "write", "write_devices"]

Progress = Callable[[int], None]

FILES = {
    "meters": "METER",
    "assets": "ASSET",
    "events": "EVENT",
    "weather": "WEATHER",
    "grid": "GRID",
    "solar": "SOLAR",
    "readings": "READING",
}
"""Files of rows by the table that they are for; their columns are named like the table's, so they need no mapping."""


def write(fleet: Fleet, folder: Path, progress: Progress | None = None) -> list[Path]:
    """Write the fleet's tables as Parquet files into `folder`, and faults.parquet and hazards.parquet, the truth.

    The same fleet gives the same bytes. `progress` is told how many rows of readings are written. Memory is that of
    one transformer. Returns the files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = _Files(folder)
    for name, rows in fleet.around().items():
        files.add(name, rows)
    faults, done = [], 0
    try:
        for part in fleet.parts():
            for name, rows in part.tables.items():
                files.add(name, rows)
            faults.append(part.faults)
            done += part.tables["READING"].num_rows
            if progress:
                progress(done)
    finally:
        files.close()
    truth = {"faults": pd.concat(faults, ignore_index=True), "hazards": fleet.hazards}
    return files.paths + [_write_frame(frame, folder / f"{name}.parquet") for name, frame in truth.items()]


def load(workspace: Workspace, fleet: Fleet, progress: Progress | None = None) -> list[IngestReport]:
    """Put the fleet into the lake through the same door as any file. Again, it changes nothing.

    `progress` is told how many rows are done. Raises LakeConflict.
    """
    with tempfile.TemporaryDirectory(prefix="metrify-") as folder:
        write(fleet, Path(folder))
        return load_files(workspace, Path(folder), progress)


def write_devices(histories: DeviceHistories, folder: Path) -> list[Path]:
    """Write the histories' tables as Parquet files into `folder`, and hazards.parquet, the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    files = _Files(folder)
    for name, rows in (("ASSET", histories.assets), ("EVENT", histories.events), ("WEATHER", histories.weather)):
        files.add(name, rows)
    files.close()
    return [*files.paths, _write_frame(histories.hazards, folder / "hazards.parquet")]


def load_devices(
    workspace: Workspace, histories: DeviceHistories, progress: Progress | None = None
) -> list[IngestReport]:
    """Put the histories into the lake through the same door as any file. Again, it changes nothing."""
    with tempfile.TemporaryDirectory(prefix="metrify-") as folder:
        write_devices(histories, Path(folder))
        return load_files(workspace, Path(folder), progress)


def load_files(workspace: Workspace, folder: Path, progress: Progress | None = None) -> list[IngestReport]:
    """Put what `write` or `write_devices` wrote into the lake. Again, it changes nothing. Raises LakeConflict."""
    found = [(table, folder / f"{name}.parquet", None) for name, table in FILES.items()]
    return ingest_all(workspace, [load for load in found if load[1].exists()], progress)


class _Files:
    """Parquet files that grow part by part."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._names = {table: name for name, table in FILES.items()}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self.paths: list[Path] = []

    def add(self, table: str, rows: pa.Table) -> None:
        if table not in self._writers:
            path = self._folder / f"{self._names[table]}.parquet"
            self._writers[table] = _writer(path, rows.schema)
            self.paths.append(path)
        self._writers[table].write_table(rows)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    times = {field.name: "DELTA_BINARY_PACKED" for field in schema if pa.types.is_timestamp(field.type)}
    # measured values do not repeat: dictionaries of them cost time and save nothing
    texts = [field.name for field in schema if field.name not in times and not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, use_dictionary=texts, column_encoding=times
    )


def _write_frame(frame: pd.DataFrame, path: Path) -> Path:
    rows = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with _writer(path, rows.schema) as writer:
        writer.write_table(rows)
    return path
