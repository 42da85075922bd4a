"""The lake: one Delta table a table of the schema, in the workspace, written by upsert and read with pruning."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from metrify.errors import LakeConflict
from metrify.lake.delta import merge, open_table, placed
from metrify.lake.keys import match, pack
from metrify.lake.quarantine import as_json, quarantine_rows
from metrify.lake.scan import Time, Wanted, as_utc, local_files, scan
from metrify.lake.settle import Settled, Verdict, compare, conflict_reasons, content, settle
from metrify.schema import METER, QUARANTINE, READING, READING_HISTORY, Table
from metrify.schema.table import TIME
from metrify.settings import Workspace

__all__ = ["Lake", "Written"]

TRIES = 30


@dataclass(frozen=True)
class Written:
    """What became of the rows of an upsert: each is counted once."""

    inserted: int = 0
    updated: int = 0
    superseded: int = 0
    """older versions than what the load or the lake holds; those of READING are in READING_HISTORY"""
    unchanged: int = 0
    """said what the lake says already"""
    repeated: int = 0
    """said again what another row of the load says"""
    refused: int = 0
    """contradicted a row of the same load, key and version; they are in QUARANTINE"""

    def __add__(self, other: Written) -> Written:
        return Written(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


class Lake:
    """The tables of a workspace. Writers may work at the same time: one that loses a race reads again and retries."""

    _merge = staticmethod(merge)

    def __init__(self, workspace: Workspace):
        self.workspace = workspace

    def exists(self, table: Table) -> bool:
        return DeltaTable.is_deltatable(str(self._folder(table)))

    def version(self, table: Table) -> int:
        """The table's version; -1 where there is none yet. A write that changes nothing leaves it."""
        return DeltaTable(self._folder(table)).version() if self.exists(table) else -1

    def count(self, table: Table) -> int:
        """Rows that the table holds now."""
        return DeltaTable(self._folder(table)).count() if self.exists(table) else 0

    def upsert(self, table: Table, rows: pa.Table, *, source: str = "upsert") -> Written:
        """Make `rows` hold: the higher `version` wins, then the later `ingested_at`; equal content writes nothing.

        `ingested_at` is now where the rows name none. A row that contradicts another of the same key and version in
        `rows` goes to QUARANTINE under the name of `source`; a superseded reading goes to READING_HISTORY.
        Raises MissingColumns, pa.ArrowInvalid for values that do not fit, LakeConflict when others kept winning.
        """
        now = datetime.now(UTC)
        came = rows
        if "ingested_at" in table.names and "ingested_at" not in rows.column_names:
            rows = rows.append_column("ingested_at", pa.repeat(pa.scalar(now, TIME), rows.num_rows))
        rows = placed(table, table.conform(rows), self.workspace.buckets)
        settled = settle(table, rows)
        if len(settled.refused):
            numbers = [int(place) + 1 for place in settled.refused]
            contents = [as_json(row) for row in came.take(pa.array(settled.refused)).to_pylist()]
            reasons = conflict_reasons(table, rows, settled)
            self.upsert(QUARANTINE, quarantine_rows(table, source, numbers, reasons, contents, now))
        return self.write(table, settled)

    def write(self, table: Table, settled: Settled) -> Written:
        """Make a settled load hold (the door of those who settle and quarantine on their own). Raises LakeConflict."""
        for attempt in range(TRIES):
            try:
                return self._try_write(table, settled)
            except CommitFailedError:
                time.sleep(random.uniform(0, min(0.05 * 2**attempt, 2.0)))
        raise LakeConflict(table.name, TRIES)

    def _try_write(self, table: Table, settled: Settled) -> Written:
        """One try, on one snapshot: what others commit meanwhile to the same partitions makes the merge fail."""
        rows, delta = settled.rows, open_table(self._folder(table), table)
        held = self._held(delta, table, rows)
        verdict = compare(table, rows, held)
        if table is READING:
            self._keep_history(held, rows, verdict, settled.superseded)
        write = verdict.new | verdict.wins
        if write.any():
            self._merge(delta, table, rows.filter(pa.array(write)))
        return Written(
            int(verdict.new.sum()),
            int(verdict.wins.sum()),
            int(verdict.loses.sum()) + settled.superseded.num_rows,
            int(verdict.same.sum()),
            settled.repeated,
            len(settled.refused),
        )

    def _keep_history(self, held: pa.Table, rows: pa.Table, verdict: Verdict, superseded: pa.Table) -> None:
        """What READING is about to lose, or refuses as older, enters READING_HISTORY first.

        A writer that dies between the two leaves a history row too early, which the next run finds there; never the
        other way round. Each content of a version is kept once, however often it comes.
        """
        replaced = held.take(pa.array(verdict.place[verdict.wins]))
        older = pa.concat_tables([rows.filter(pa.array(verdict.loses)), superseded])
        both = pa.concat_tables([replaced, older.select(held.column_names)])
        if not both.num_rows:
            return
        same = ["meter_id", "timestamp", "version", *content(READING)]
        both = both.take(pa.array(np.unique(pack(both, same), return_index=True)[1]))
        delta = open_table(self._folder(READING_HISTORY), READING_HISTORY)
        fresh = both.filter(pa.array(match(both, self._held(delta, READING_HISTORY, both), same) < 0))
        if fresh.num_rows:
            now = pa.scalar(datetime.now(UTC), TIME)
            fresh = fresh.append_column("superseded_at", pa.repeat(now, fresh.num_rows))
            self._merge(delta, READING_HISTORY, settle(READING_HISTORY, fresh).rows)

    def read(
        self,
        table: Table,
        *,
        columns: Iterable[str] | None = None,
        buckets: Iterable[int] | None = None,
        since: Time | None = None,
        until: Time | None = None,
        meter_ids: Iterable[str] | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Rows from `since` on and before `until` [UTC] of these buckets and meters; only what may match is opened.

        The rows come in no particular order; a table that does not exist yet has none. Time is `timestamp`, or else
        the table's first time column. Raises MissingColumns, and BadValue when a table without meters is asked for
        meters or buckets.
        """
        names = list(columns) if columns is not None else table.names
        wanted = Wanted.of(table, self.workspace.buckets, buckets, meter_ids, since, until)
        if not self.exists(table):
            return scan(table, [], names)
        delta = DeltaTable(self._folder(table), version=version)
        return scan(table, wanted.files(delta), names, wanted.rows())

    def paths(self, table: Table) -> dict[int, list[str]]:
        """Absolute Parquet files by bucket at the current version; those of a table without meters under -1.

        Each file is of one bucket and month; it was written in the order of its key, but a later merge that touched
        it may have changed the order. `bucket` and `month` are in the path, not in the file.
        """
        if not self.exists(table):
            return {}
        files: dict[int, list[str]] = {}
        for path in sorted(local_files(DeltaTable(self._folder(table)))):
            inside = Path(path).relative_to(self._folder(table)).parts
            files.setdefault(int(inside[0].removeprefix("bucket=")) if table.by_meter else -1, []).append(path)
        return files

    def meters(self, now: Time | None = None) -> pd.DataFrame:
        """The METER row of each meter that is in force `now` [UTC, the clock's unless named], by meter_id.

        Where none is, the one that began last, or else the first that will begin: a meter keeps its place. A meter that
        is only in READING gets a row with the defaults of the settings' [site]. The columns are those of METER.
        """
        files = [path for found in self.paths(READING).values() for path in found]
        seen = set(pc.unique(scan(READING, files, ["meter_id"])["meter_id"]).to_pylist())
        rows = self.read(METER)
        missing = sorted(seen - set(rows["meter_id"].to_pylist()))
        site = self.workspace.settings.site.model_dump()
        columns = {name: pa.repeat(pa.scalar(value, pa.string()), len(missing)) for name, value in site.items()}
        assumed = {"meter_id": pa.array(missing, pa.string()), "valid_from": pa.nulls(len(missing), TIME), **columns}
        found = pa.concat_tables([rows, METER.conform(pa.table(assumed))]).to_pandas()
        return _in_force(found, as_utc(now) or pd.Timestamp.now("UTC"))

    def _folder(self, table: Table) -> Path:
        return self.workspace.lake / table.name

    def _held(self, delta: DeltaTable, table: Table, rows: pa.Table) -> pa.Table:
        """The rows of this snapshot that may share a key with `rows`, with their partition."""
        if not rows.num_rows:
            return rows
        span = None
        touched = Wanted(table)
        if "timestamp" in table.key:
            ends = pc.min_max(rows["timestamp"])
            span = (pads.field("timestamp") >= ends["min"]) & (pads.field("timestamp") <= ends["max"])
            touched = Wanted(table, since=pd.Timestamp(ends["min"].as_py()), until=pd.Timestamp(ends["max"].as_py()))
        if table.by_meter:
            touched = replace(touched, buckets=frozenset(rows["bucket"].unique().to_pylist()))
        held = scan(table, touched.files(delta), table.names, span)
        return placed(table, held, self.workspace.buckets)


def _in_force(meters: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """One METER row a meter: in force before ended before not begun, and of several the nearest to now."""
    rank = np.where(meters["valid_from"] > now, 2, np.where(meters["valid_to"] <= now, 1, 0))
    order = meters.assign(rank=rank, away=(meters["valid_from"] - now).abs()).sort_values(["meter_id", "rank", "away"])
    return order.drop_duplicates("meter_id").drop(columns=["rank", "away"]).reset_index(drop=True)
