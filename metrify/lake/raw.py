"""Files as they come, chunk by chunk in bounded memory: CSV and Green Button (also gzipped), Parquet; long and wide."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from metrify.errors import UnreadableFile
from metrify.lake.mapping import CELL_COLUMN, CELL_VALUE, Mapping

__all__ = ["ROW", "BrokenRow", "RawFile", "is_feed", "melt"]

ROW = "row number"
"""The column that chunks carry beside the file's own: the number of the row in the file, the first of data being 1."""

CHUNK = 262_144
CSV_BLOCK = 8 << 20


@dataclass(frozen=True)
class BrokenRow:
    """A line of a CSV file with the wrong number of cells."""

    number: int
    text: str
    reason: str


@dataclass
class RawFile:
    """One file: the names of its columns, and its rows. Text stays text: what it means is the mapping's business."""

    path: Path
    names: list[str]
    delimiter: str = ","
    broken: list[BrokenRow] = field(default_factory=list)
    """lines that could not be split into cells, found so far; whoever stores them empties the list"""
    mapping: Mapping | None = None
    """what a person says of the file"""

    @classmethod
    def open(cls, path: Path | str, mapping: Mapping | None = None) -> RawFile:
        """Look at a file's columns. Raises UnreadableFile."""
        path = Path(path)
        delimiter = mapping.delimiter if mapping else ","
        if is_feed(path):
            from metrify.lake.greenbutton.read import NAMES

            return cls(path, NAMES, mapping=mapping)
        with _readable(path):
            if _is_parquet(path):
                return cls(path, _distinct(path, pq.read_schema(path).names), delimiter)
            _refuse_binary(path)
            options = pacsv.ParseOptions(delimiter=delimiter, invalid_row_handler=lambda _: "skip")
            return cls(path, _distinct(path, pacsv.open_csv(path, parse_options=options).schema.names), delimiter)

    @cached_property
    def source(self) -> str:
        """The file's name and a hash of its content: the same file in any folder, another one of the same name not."""
        with _readable(self.path), self.path.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4))
        return f"{self.path.name}#{content.hexdigest()}"

    def chunks(self, width: int = 1) -> Iterator[pa.Table]:
        """The file's rows with ROW; `width` is how many rows each will become. Raises UnreadableFile."""
        if is_feed(self.path):
            yield from self._feed()
            return
        with _readable(self.path):
            yield from self._parquet(max(CHUNK // width, 1)) if _is_parquet(self.path) else self._csv(width)

    def _parquet(self, rows: int) -> Iterator[pa.Table]:
        seen = 0
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=rows):
                numbers = pa.array(np.arange(seen + 1, seen + 1 + batch.num_rows))
                yield _plain(pa.Table.from_batches([batch])).append_column(ROW, numbers)
                seen += batch.num_rows

    def _feed(self) -> Iterator[pa.Table]:
        from metrify.lake.greenbutton.read import read_values

        said = self.mapping or Mapping.green_button()
        seen = 0
        for chunk in read_values(self.path, said.interval_minutes, said.meter_column):
            yield chunk.append_column(ROW, pa.array(np.arange(seen + 1, seen + 1 + chunk.num_rows)))
            seen += chunk.num_rows

    def _csv(self, width: int) -> Iterator[pa.Table]:
        skipped: list[int] = []

        def skip(row: pacsv.InvalidRow) -> str:
            number = (row.number or 0) - 1  # the header is row 1
            skipped.append(number)
            reason = f"wrong number of cells ({row.actual_columns} instead of {row.expected_columns})"
            self.broken.append(BrokenRow(number, row.text, reason))
            return "skip"

        reader = pacsv.open_csv(
            self.path,
            read_options=pacsv.ReadOptions(use_threads=False, block_size=max(CSV_BLOCK // width, 1 << 20)),
            parse_options=pacsv.ParseOptions(delimiter=self.delimiter, invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
        seen = 0
        for batch in reader:
            places = np.arange(seen + 1, seen + 1 + batch.num_rows)
            before = np.asarray(skipped) - np.arange(len(skipped))
            numbers = places + np.searchsorted(before, places, side="right")
            yield pa.Table.from_batches([batch]).append_column(ROW, pa.array(numbers))
            seen += batch.num_rows


def melt(chunk: pa.Table, mapping: Mapping) -> pa.Table:
    """A row for each filled cell of a wide chunk: its column's name, its value, and what is the same for its row."""
    cells = mapping.cells([name for name in chunk.column_names if name != ROW])
    shared = [*(source.column for source in mapping.columns.values()), ROW]
    kinds = {chunk.schema.field(name).type for name in cells}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    parts = []
    for name in cells:
        values = chunk[name].cast(kind)
        label = pa.repeat(name, chunk.num_rows)
        part = chunk.select(shared).append_column(CELL_COLUMN, label).append_column(CELL_VALUE, values)
        parts.append(part.filter(pc.is_valid(values)))
    return pa.concat_tables(parts)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say what is wrong with a file in our own words."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableFile(path, "Parquet" if _is_parquet(path) else "CSV", str(error).splitlines()[0]) from error


def _plain(rows: pa.Table) -> pa.Table:
    """Without dictionaries and with one type of text: each chunk of a file may bring another dictionary."""
    fields = []
    for found in rows.schema.remove_metadata():
        kind = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
        text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        fields.append(pa.field(found.name, pa.string() if text else kind))
    return rows.cast(pa.schema(fields))


def is_feed(path: Path) -> bool:
    """Whether it is a Green Button feed, by its name."""
    return path.name.lower().endswith((".xml", ".xml.gz"))


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _refuse_binary(path: Path) -> None:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        start = file.read(1 << 16)
    if not start:
        raise UnreadableFile(path, "CSV", "the file is empty")
    if b"\0" in start:
        raise UnreadableFile(path, "CSV", "it holds binary data, not text")


def _distinct(path: Path, names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableFile(path, "a table", f"the column {twice[0]!r} is there {names.count(twice[0])} times")
    return names
