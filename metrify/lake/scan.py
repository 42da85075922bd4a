"""Reading a table: only the files, row groups and columns that may hold what is wanted are opened."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
from deltalake import DeltaTable

from metrify.errors import BadValue, MissingColumns
from metrify.lake.buckets import bucket_of
from metrify.schema import Table

__all__ = ["Time", "Wanted", "as_utc", "local_files", "scan", "time_column"]

Time = datetime | np.datetime64 | pd.Timestamp | str


def time_column(table: Table) -> str:
    """The column that the lake goes by in time: `timestamp`, else issue_time or local_date, else the first time."""
    times = [column.name for column in table.columns if pa.types.is_temporal(column.type)]
    return next((name for name in ("timestamp", "issue_time", "local_date") if name in times), times[0])


@dataclass(frozen=True)
class Wanted:
    """Which part of a table is wanted; None means all of it."""

    table: Table
    buckets: frozenset[int] | None = None
    meter_ids: tuple[str, ...] | None = None
    since: pd.Timestamp | None = None
    until: pd.Timestamp | None = None

    @classmethod
    def of(
        cls,
        table: Table,
        all_buckets: int,
        buckets: Iterable[int] | None = None,
        meter_ids: Iterable[str] | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> Wanted:
        """Meters narrow the buckets. Raises BadValue when a table without them is asked for meters or buckets."""
        if buckets is not None and not table.by_meter:
            raise BadValue("buckets", "a table with meters", table.name)
        if meter_ids is not None and "meter_id" not in table.names:
            raise BadValue("meter_ids", "a table with meters", table.name)
        meters = None if meter_ids is None else tuple(meter_ids)
        chosen = None if buckets is None else frozenset(int(bucket) for bucket in buckets)
        if meters is not None and table.by_meter:
            homes = frozenset(int(bucket) for bucket in bucket_of(meters, all_buckets))
            chosen = homes if chosen is None else chosen & homes
        return cls(table, chosen, meters, as_utc(since), as_utc(until))

    def files(self, delta: DeltaTable) -> list[str]:
        """Absolute paths of the files that may hold a wanted row."""
        if not self.table.by_meter:
            return local_files(delta)
        if self.buckets is not None and not self.buckets:
            return []
        filters: list[tuple[str, str, Any]] = []
        filters += [("bucket", "in", sorted(self.buckets))] if self.buckets is not None else []
        filters += [("month", ">=", self.since.strftime("%Y-%m"))] if self.since is not None else []
        filters += [("month", "<=", self.until.strftime("%Y-%m"))] if self.until is not None else []
        return local_files(delta, filters)

    def rows(self) -> pads.Expression | None:
        """What a wanted row fulfils; None where every row does."""
        conditions = []
        if self.since is not None:
            conditions.append(self._time() >= self._scalar(self.since))
        if self.until is not None:
            conditions.append(self._time() < self._scalar(self.until))
        if self.meter_ids is not None:
            conditions.append(pads.field("meter_id").isin(list(self.meter_ids)))
        return reduce(operator.and_, conditions) if conditions else None

    def _time(self) -> pads.Expression:
        return pads.field(time_column(self.table))

    def _scalar(self, moment: pd.Timestamp) -> pa.Scalar:
        kind = self.table[time_column(self.table)].type
        return pa.scalar(moment.date() if pa.types.is_date(kind) else moment, kind)


def local_files(delta: DeltaTable, filters: Sequence[tuple[str, str, Any]] = ()) -> list[str]:
    """Absolute paths of a table's files; deltalake quotes them as in an address."""
    return [unquote(uri) for uri in delta.file_uris(file_pruning_predicate=list(filters) or None)]


def _schema(table: Table, columns: Iterable[str]) -> pa.Schema:
    """The table's schema, all nullable, and those of `columns` that it may hold beyond. Raises MissingColumns."""
    beyond = [name for name in columns if name not in table.names]
    if beyond and table.further is None:
        raise MissingColumns(beyond, table.names, f"table {table.name}")
    fields = [field.with_nullable(True) for field in table.schema]
    return pa.schema([*fields, *(pa.field(name, table.further) for name in beyond)])


def scan(table: Table, files: Sequence[str], columns: list[str], rows: pads.Expression | None = None) -> pa.Table:
    """These columns of these Parquet files of a table, as the schema types them; columns that a file lacks are null."""
    schema = _schema(table, columns)
    meters = {"meter_id"} & set(table.names)  # decoding a dictionary is ten times as fast as decoding its strings
    encoded = [pa.field(f.name, pa.dictionary(pa.int32(), f.type)) if f.name in meters else f for f in schema]
    reader = pads.ParquetFileFormat(read_options=pads.ParquetReadOptions(dictionary_columns=meters))
    dataset = pads.dataset(list(files), schema=pa.schema(encoded), format=reader)
    found = dataset.to_table(columns=columns, filter=rows)
    return found.cast(pa.schema([schema.field(name) for name in columns]))


def as_utc(time: Time | None) -> pd.Timestamp | None:
    """A time as UTC; without a zone it is UTC."""
    if time is None:
        return None
    moment = pd.Timestamp(time)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
