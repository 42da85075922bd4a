"""Long rows of a table whose columns are fetched one by one: from a bucket's files, or from what is in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metrify.schema import Table

__all__ = ["FileRows", "LongRows", "TableRows"]

_KEY = ["meter_id", "timestamp"]


class LongRows(Protocol):
    """Rows of a table with meters; what is not asked for is not decoded."""

    @property
    def keys(self) -> pa.Table:
        """meter_id and timestamp of each row."""
        ...

    def holds(self, column: str) -> bool:
        """Whether any row may have a value in the column."""
        ...

    def values(self, column: str) -> NDArray:
        """The column, NaN or NaT where there is no value; shape [N]."""
        ...


class TableRows:
    """Rows in memory."""

    def __init__(self, rows: pa.Table):
        self._rows = rows

    @property
    def keys(self) -> pa.Table:
        return self._rows.select(_KEY)

    def holds(self, column: str) -> bool:
        return column in self._rows.column_names and self._rows[column].null_count < self._rows.num_rows

    def values(self, column: str) -> NDArray:
        return self._rows[column].to_numpy()


class FileRows:
    """Rows of a table's Parquet files, in the order of the files; they stay open as long as this lives."""

    def __init__(self, table: Table, files: Sequence[str]):
        self._table = table
        # a dictionary spares decoding every id; whole column chunks are read, so that buffers would only cost
        self._files = [pq.ParquetFile(file, read_dictionary=["meter_id"], pre_buffer=False) for file in files]

    @cached_property
    def keys(self) -> pa.Table:
        return self.table(_KEY)

    def holds(self, column: str) -> bool:
        return any(column in filled for filled in self._filled)

    def values(self, column: str) -> NDArray:
        kind = self._table[column].type
        chunks = []
        for file, filled in zip(self._files, self._filled, strict=True):
            rows = file.metadata.num_rows
            chunks += _read(file, [column])[column].cast(kind).chunks if column in filled else [pa.nulls(rows, kind)]
        return pa.chunked_array(chunks, kind).to_numpy()

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Several columns, each of which every file holds, at once."""
        return pa.concat_tables(_read(file, columns) for file in self._files)

    @cached_property
    def _filled(self) -> list[set[str]]:
        """Of each file: which columns may hold a value, as its statistics say."""
        return [_filled(file.metadata) for file in self._files]


def _read(file: pq.ParquetFile, columns: Sequence[str]) -> pa.Table:
    return file.read(columns=list(columns), use_threads=False)  # the actors of a pass are the threads


def _filled(metadata: pq.FileMetaData) -> set[str]:
    filled = set()
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            said = chunk.statistics
            if said is None or not said.has_null_count or said.null_count < chunk.num_values:
                filled.add(chunk.path_in_schema)
    return filled
