"""Rows of a file put aside by series, so that all rows of a meter are seen together in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metrify.lake.buckets import bucket_of

__all__ = ["Staging"]

BATCH = 1_000_000
"""Rows that are loaded at once, more only if one part alone holds more."""
PARTS_PER_BUCKET = 4


class Staging:
    """A folder of Arrow files, one a part; a part is a fraction of a bucket, so that batches touch few partitions."""

    def __init__(self, folder: Path, buckets: int):
        self._folder = folder
        self._buckets = buckets
        self._parts = buckets * PARTS_PER_BUCKET
        self._writers: dict[int, pa.RecordBatchStreamWriter] = {}
        self._rows = np.zeros(self._parts, np.int64)

    def add(self, rows: pa.Table, series: str | None) -> None:
        """Put rows aside by the values of the column `series`; all together where there is no such column."""
        if series is None:
            part = np.zeros(rows.num_rows, np.int64)
        else:
            names = pc.fill_null(rows[series].cast(pa.string()), "")
            part = bucket_of(names, self._parts).astype(np.int64)
        order = np.argsort(part, kind="stable")
        rows = rows.take(pa.array(order)) if np.any(np.diff(part) < 0) else rows
        counts = np.bincount(part, minlength=self._parts)
        ends = np.cumsum(counts)
        for index in np.flatnonzero(counts):
            self._writer(int(index), rows.schema).write_table(rows.slice(ends[index] - counts[index], counts[index]))
        self._rows += counts

    def batches(self) -> Iterator[pa.Table]:
        """All rows, whole series at a time, each series in the order of the file."""
        for writer in self._writers.values():
            writer.close()
        batch: list[pa.Table] = []
        size = 0
        for index in sorted(self._writers, key=lambda part: (part % self._buckets, part)):
            if batch and size + self._rows[index] > BATCH:
                yield pa.concat_tables(batch)
                batch, size = [], 0
            with pa.OSFile(str(self._path(index))) as file:
                batch.append(pa.ipc.open_stream(file).read_all())
            size += int(self._rows[index])
        if batch:
            yield pa.concat_tables(batch)

    def _path(self, index: int) -> Path:
        return self._folder / f"{index}.arrows"

    def _writer(self, index: int, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
        if index not in self._writers:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writers[index] = pa.ipc.new_stream(str(self._path(index)), schema, options=options)
        return self._writers[index]
