"""Files written by many tasks, made visible by one commit of the driver: a killed job leaves nothing half-visible."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from metrify.errors import LakeConflict

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.exceptions import DeltaError
    from deltalake.transaction import AddAction

__all__ = ["Part", "commit", "write_part"]

Mode = Literal["append", "overwrite"]

TRIES = 6
_PARTITION = ["bucket", "month"]


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


def commit(
    root: Path,
    schema: pa.Schema,
    parts: Iterable[Part],
    mode: Mode,
    *,
    read: Callable[[Path], DeltaTable | None] | None = None,
    metadata: dict[str, str] | None = None,
) -> int:
    """Make all parts visible at once; `overwrite` replaces what the table held. The new version of the table.

    `read` opens the table at its current version, None where there is none yet. Each try reads it anew: what another
    writer committed since makes the try fail. `metadata` stays with the commit, in the table's history. Raises
    LakeConflict when others kept winning.
    """
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.exceptions import DeltaError

    whole = schema.append(pa.field("bucket", pa.int32())).append(pa.field("month", pa.string()))
    actions, said = [_action(root, part) for part in parts], CommitProperties(custom_metadata=metadata)
    for attempt in range(TRIES):
        table = (read or _current)(root)
        try:
            _try_commit(root, table, Schema.from_arrow(whole), actions, mode, said)
        except DeltaError as error:
            if not _lost_race(error, table, root):
                raise
            time.sleep(random.uniform(0, 0.05 * 2**attempt))
        else:
            return DeltaTable(root).version()
    raise LakeConflict(root.name, TRIES)


def _action(root: Path, part: Part) -> AddAction:
    from deltalake.transaction import AddAction

    return AddAction(
        part.path,
        part.size,
        {"bucket": str(part.bucket), "month": part.month},
        modification_time=int((root / part.path).stat().st_mtime * 1000),
        data_change=True,
        stats=f'{{"numRecords": {part.rows}}}',
    )


def _current(root: Path) -> DeltaTable | None:
    from deltalake import DeltaTable

    return DeltaTable(root) if DeltaTable.is_deltatable(str(root)) else None


def _lost_race(error: DeltaError, table: DeltaTable | None, root: Path) -> bool:
    """Whether another writer committed, or made the table, at the same moment."""
    from deltalake.exceptions import CommitFailedError

    return isinstance(error, CommitFailedError) or (table is None and _current(root) is not None)


def _try_commit(
    root: Path,
    table: DeltaTable | None,
    schema: Schema,
    actions: list[AddAction],
    mode: Mode,
    said: CommitProperties,
) -> None:
    from deltalake.transaction import create_table_with_add_actions

    if table is None:
        create_table_with_add_actions(
            str(root), schema, actions, mode="error", partition_by=_PARTITION, commit_properties=said
        )
    else:
        table.create_write_transaction(
            actions, mode=mode, schema=schema, partition_by=_PARTITION, commit_properties=said
        )
