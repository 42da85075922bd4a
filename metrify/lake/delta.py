"""Delta tables as the lake lays them out, and the one way into them: merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import DeltaError

from metrify.lake.buckets import bucket_of
from metrify.lake.scan import time_column
from metrify.schema import Table

__all__ = ["merge", "open_table", "placed"]

BUCKET = pa.field("bucket", pa.int32(), nullable=False)
MONTH = pa.field("month", pa.string(), nullable=False)


def open_table(folder: Path, table: Table) -> DeltaTable:
    """The Delta table at `folder` at its current version, made empty where there is none."""
    if not DeltaTable.is_deltatable(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        fields = [*table.schema, *((BUCKET, MONTH) if table.by_meter else ())]
        partition = [BUCKET.name, MONTH.name] if table.by_meter else None
        try:
            DeltaTable.create(str(folder), pa.schema(fields), mode="ignore", partition_by=partition, name=table.name)
        except DeltaError:
            if not DeltaTable.is_deltatable(str(folder)):  # else another writer made it at the same moment
                raise
    return DeltaTable(folder)


def placed(table: Table, rows: pa.Table, buckets: int) -> pa.Table:
    """Add the partition that each row belongs to: bucket of its meter and UTC month; nothing for other tables."""
    if not table.by_meter:
        return rows
    bucket = pa.array(bucket_of(rows["meter_id"], buckets))
    return rows.append_column(BUCKET, bucket).append_column(MONTH, _months(rows[time_column(table)]))


def merge(delta: DeltaTable, table: Table, rows: pa.Table) -> None:
    """Put rows, one a key and with their partition, in place of those of the same key, or beside them.

    The touched partitions are spelled out, so that only their files are read and only writers to the same
    partitions conflict. A table that was made before the schema had all these columns gets them. Raises
    CommitFailedError when another writer changed the partitions since `delta` was opened.
    """
    same = [f's."{name}" = t."{name}"' for name in table.key]
    if table.by_meter:
        same = [f"s.{name} = t.{name}" for name in (BUCKET.name, MONTH.name)] + same
        same += [f"t.{BUCKET.name} IN ({', '.join(map(str, rows[BUCKET.name].unique().to_pylist()))})"]
        same += ["t.{} IN ({})".format(MONTH.name, ", ".join(f"'{m}'" for m in rows[MONTH.name].unique().to_pylist()))]
    merger = delta.merge(
        rows,
        predicate=" AND ".join(same),
        source_alias="s",
        target_alias="t",
        writer_properties=WriterProperties(compression="ZSTD", compression_level=1),
        merge_schema=not set(rows.column_names) <= {field.name for field in delta.schema().fields},
    )
    merger.when_matched_update_all().when_not_matched_insert_all().execute()


def _months(times: pa.ChunkedArray) -> pa.Array:
    """YYYY-MM of each time."""
    if not len(times):
        return pa.array([], pa.string())
    months = times.to_numpy().astype("datetime64[M]")
    first, last = months.min(), months.max()
    names = pa.array([str(month) for month in np.arange(first, last + 1)], pa.string())
    places = pa.array((months - first).astype(np.int32))
    return pa.DictionaryArray.from_arrays(places, names).cast(pa.string())
