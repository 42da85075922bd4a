"""Edits: who put which value in place of which, when and why. The reading itself is never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.errors import BadValue, UnknownMeter
from metrify.lake.keys import match, pack
from metrify.lake.scan import Time, as_utc
from metrify.lake.tables import Lake
from metrify.schema import EDIT, READING
from metrify.schema.table import TEXT, TIME
from metrify.vee.edits.corrections import checked
from metrify.vee.edits.inforce import HOLDS, MANUAL, columns_of, current_values, states

__all__ = ["Edited", "apply", "edit_rows", "held", "undo", "undone"]

_SHOWN = "edit list --all"
_CELL = ["meter_id", "timestamp", "column"]
_SAID = [*_CELL, "after", "method", "author", "reason"]
"""Edits that hold and are equal in this are one."""


@dataclass(frozen=True)
class Edited:
    """What became of edits."""

    written: int
    unchanged: int
    """were so already"""
    edit_ids: list[str]
    """of all of them"""


def apply(lake: Lake, edits: pd.DataFrame, author: str, reason: str) -> Edited:
    """Let `edits` (meter_id, timestamp [UTC], column, value) stand in place of what READING holds; all or none.

    What holds already, by the same author and for the same reason, writes nothing; anything else is a row of its own,
    so that what was undone or overruled stays on record. Raises as `corrections.checked`, and BadValue for an empty
    author or reason.
    """
    _require_words(author=author, reason=reason)
    wanted = checked(lake, edits)
    if not wanted.num_rows:
        return Edited(0, 0, [])
    current = current_values(wanted, _readings(lake, wanted))
    method = np.full(wanted.num_rows, MANUAL, object)
    known = held(lake, pc.unique(wanted["meter_id"]).to_pylist())
    words = np.full(len(method), reason.strip(), object)
    rows = edit_rows(wanted, current, method, author.strip(), words, known)
    standing = known.filter(pc.equal(known["state"], HOLDS))
    place = match(rows, standing, _SAID)
    fresh = rows.filter(pa.array(place < 0))
    if fresh.num_rows:
        lake.upsert(EDIT, fresh)
    ids = pc.coalesce(standing["edit_id"].take(pa.array(place, mask=place < 0)), rows["edit_id"])
    return Edited(fresh.num_rows, rows.num_rows - fresh.num_rows, ids.to_pylist())


def undo(
    lake: Lake,
    edit_ids: Collection[str] | None = None,
    *,
    meter_id: str | None = None,
    since: Time | None = None,
    until: Time | None = None,
    author: str,
) -> Edited:
    """Take edits back, by id, or all of a meter from `since` on and before `until` [UTC]: what was before shows again.

    Undoing twice equals undoing once. Raises BadValue for an unknown id or an empty author, or where neither ids nor a
    meter are named; UnknownMeter.
    """
    _require_words(author=author)
    if bool(edit_ids) == (meter_id is not None):
        raise BadValue("edits to undo", "ids, or a meter", f"ids {list(edit_ids or [])} and meter {meter_id}")
    if meter_id is not None and meter_id not in set(known := lake.meters()["meter_id"]):
        raise UnknownMeter([meter_id], len(known))
    meters = None if meter_id is None else [meter_id]
    rows = lake.read(EDIT, meter_ids=meters, since=since, until=until)
    if edit_ids:
        rows = rows.filter(pc.is_in(rows["edit_id"], pa.array(list(edit_ids), TEXT)))
        if missing := sorted(set(edit_ids) - set(rows["edit_id"].to_pylist())):
            raise BadValue("edit_id", f"that of an edit, as `metrify {_SHOWN}` shows it", missing[0])
    open_ones = rows.filter(rows["undone_at"].is_null())
    if open_ones.num_rows:
        lake.upsert(EDIT, undone(open_ones, author.strip()))
    return Edited(open_ones.num_rows, rows.num_rows - open_ones.num_rows, rows["edit_id"].to_pylist())


def held(lake: Lake, meter_ids: Collection[str] | None = None) -> pa.Table:
    """The EDIT rows of these meters (None: of all) with the `state` of each, by meter, time and when they were made."""
    rows = lake.read(EDIT, meter_ids=meter_ids)
    rows = rows.sort_by([(name, "ascending") for name in ("meter_id", "timestamp", "edited_at", "edit_id")])
    found = states(rows, current_values(rows, _readings(lake, rows)))
    return rows.append_column("state", pa.array(found, TEXT))


def undone(rows: pa.Table, author: str) -> pa.Table:
    """The same EDIT rows, undone now."""
    for name, value in (("undone_at", pa.scalar(datetime.now(UTC), TIME)), ("undone_by", pa.scalar(author, TEXT))):
        rows = rows.set_column(rows.column_names.index(name), name, pa.repeat(value, rows.num_rows))
    return rows


def edit_rows(
    wanted: pa.Table,
    before: NDArray[np.float64],
    method: NDArray[np.object_],
    author: str,
    reason: NDArray[np.object_],
    known: pa.Table,
) -> pa.Table:
    """EDIT rows made now. `wanted` has meter_id, timestamp, column, value and perhaps low and high, [N].

    `known` are the EDIT rows that there are of these values, undone or not: none of them is replaced.
    """
    count = wanted.num_rows
    after = wanted["value"].to_numpy()
    columns = {name: wanted[name] for name in ("meter_id", "timestamp", "column", "low", "high") if _has(wanted, name)}
    keys = zip(
        wanted["meter_id"].to_pylist(), wanted["timestamp"].cast(pa.int64()).to_pylist(), wanted["column"].to_pylist(),
        before.tolist(), after.tolist(), method, reason, _counts(wanted, known).tolist(), strict=True,
    )  # fmt: skip
    columns["edit_id"] = pa.array([_edit_id(*key, author) for key in keys], TEXT)
    columns["before"] = pa.array(before, from_pandas=True)
    columns["after"] = pa.array(after)
    columns |= {"method": pa.array(method, TEXT), "author": pa.repeat(author, count), "reason": pa.array(reason, TEXT)}
    columns["edited_at"] = pa.repeat(pa.scalar(datetime.now(UTC), TIME), count)
    return EDIT.conform(pa.table(columns))


def _counts(wanted: pa.Table, known: pa.Table) -> NDArray[np.int64]:
    """How many edits there are of each value already, [N]: unlike a time, the same when a job is retried."""
    rows = [table.select(_CELL).set_column(0, "meter_id", table["meter_id"].cast(TEXT)) for table in (wanted, known)]
    key = np.unique(pack(pa.concat_tables(rows), _CELL), return_inverse=True)[1]
    there = np.bincount(key[wanted.num_rows :], minlength=len(key))
    return there[key[: wanted.num_rows]]


def _edit_id(*what: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, what)).encode()).hexdigest()[:32]


def _has(rows: pa.Table, name: str) -> bool:
    return name in rows.column_names


def _require_words(**words: str) -> None:
    for field, text in words.items():
        if not text.strip():
            raise BadValue(field, "words that say it", text)


def _readings(lake: Lake, edits: pa.Table) -> pa.Table:
    """The readings that the edits are of, as they are now."""
    columns = ["meter_id", "timestamp", *columns_of(edits, READING.measures)]
    if not edits.num_rows:
        return READING.schema.empty_table().select(columns)
    meters = pc.unique(edits["meter_id"]).to_pylist()
    ends = pc.min_max(edits["timestamp"])
    until = as_utc(ends["max"].as_py()) + pd.Timedelta(1, "us")
    return lake.read(READING, columns=columns, meter_ids=meters, since=ends["min"].as_py(), until=until)
