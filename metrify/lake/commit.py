"""Files written by many tasks, made visible by one commit of the driver: a killed job leaves nothing half-visible."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["Part", "commit", "write_part"]


@dataclass(frozen=True)
class Part:
    """One Parquet file below a table's folder that no reader sees yet."""

    path: str
    size: int
    rows: int
    bucket: int
    month: str


def write_part(root: Path, rows: pa.Table, bucket: int, month: str) -> Part:
    """Write one partition's rows, sorted by key, as a file of the table at `root`; `commit` makes it visible."""
    name = f"bucket={bucket}/month={month}/part-{uuid.uuid4().hex}.parquet"
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # only keys repeat: dictionaries of measured values cost time and save nothing
    keys = [field.name for field in rows.schema if not pa.types.is_floating(field.type)]
    pq.write_table(rows, path, compression="zstd", compression_level=1, use_dictionary=keys, write_statistics=keys)
    return Part(name, path.stat().st_size, rows.num_rows, bucket, month)


def commit(root: Path, schema: pa.Schema, parts: Iterable[Part], mode: Literal["append", "overwrite"]) -> int:
    """Make all parts visible at once; `overwrite` replaces what the table held. The new version of the table."""
    from deltalake import DeltaTable, Schema
    from deltalake.transaction import AddAction, create_table_with_add_actions

    whole = schema.append(pa.field("bucket", pa.int32())).append(pa.field("month", pa.string()))
    actions = [
        AddAction(
            part.path,
            part.size,
            {"bucket": str(part.bucket), "month": part.month},
            modification_time=int((root / part.path).stat().st_mtime * 1000),
            data_change=True,
            stats=f'{{"numRecords": {part.rows}}}',
        )
        for part in parts
    ]
    delta = Schema.from_arrow(whole)
    if not DeltaTable.is_deltatable(str(root)):
        create_table_with_add_actions(str(root), delta, actions, mode="error", partition_by=["bucket", "month"])
    else:
        table = DeltaTable(root)
        table.create_write_transaction(actions, mode=mode, schema=delta, partition_by=["bucket", "month"])
    return DeltaTable(root).version()
