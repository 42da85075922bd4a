"""Which of several rows of one key holds: within a load, and against what the lake already has.

The rule: the higher `version` wins, then the later `ingested_at`; equal content changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.keys import match, pack
from metrify.schema import Table

__all__ = ["Settled", "Verdict", "compare", "conflict_reasons", "content", "settle"]

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Settled:
    """A load in which each key is there once."""

    rows: pa.Table
    """the rows that hold, in the order of partition and key"""
    superseded: pa.Table
    """rows that a higher version (or a later ingested_at) of the same load replaces"""
    repeated: int
    """how many rows said again what another row of the load says"""
    refused: Places
    """places, in the load, of rows that contradict another row of the same key and version"""
    kept: Places
    """for each refused row the place of the row that stays instead: the first one"""


@dataclass(frozen=True)
class Verdict:
    """What each of some rows, one a key, means beside the rows that are held. Masks of shape [N]."""

    place: Places
    """index of the held row of the same key, -1 where there is none"""
    new: Mask
    wins: Mask
    loses: Mask
    """an older version than the held row: it changes nothing, but must not be lost"""
    same: Mask


def content(table: Table) -> list[str]:
    """The columns that must be equal for two rows of one key to say the same."""
    return list(table.measures) or [n for n in table.names if n not in table.key and n != "ingested_at"]


def settle(table: Table, rows: pa.Table) -> Settled:
    """Put a load in order, each key once. `rows` have the table's columns, and bucket and month if it has meters."""
    partition = [name for name in ("bucket", "month") if name in rows.column_names]
    keys = pack(rows, [*partition, *table.key])
    rising = bool(np.all(np.diff(keys) > 0))
    order = np.arange(len(keys)) if rising else np.argsort(keys, kind="stable")
    if rising or bool(np.all(np.diff(keys[order]) > 0)):
        settled = rows if rising else rows.take(pa.array(order))
        return Settled(settled, rows.slice(0, 0), 0, np.empty(0, np.int64), np.empty(0, np.int64))
    return _settle_repeats(table, rows, keys)


def _settle_repeats(table: Table, rows: pa.Table, keys: Places) -> Settled:
    version, ingested = _rank(rows, "version"), _rank(rows, "ingested_at")
    order = np.lexsort((-ingested, -version, keys))  # stable: rows that are equal in all three keep their order
    first_of_key = _starts(keys[order])
    first_of_rank = _starts(keys[order], version[order], ingested[order])
    winner = order[_leader(first_of_key)]
    leader = order[_leader(first_of_rank)]
    said_by_leader = ~first_of_rank & _equal(rows, order, leader, content(table))
    same_version = first_of_rank & ~first_of_key & (version[order] == version[winner])
    repeated = said_by_leader | (same_version & _equal(rows, order, winner, content(table)))
    refused = ~first_of_rank & ~said_by_leader
    superseded = first_of_rank & ~first_of_key & ~repeated
    return Settled(
        rows.take(pa.array(order[first_of_key])),
        rows.take(pa.array(order[superseded])),
        int(repeated.sum()),
        order[refused],
        leader[refused],
    )


def compare(table: Table, rows: pa.Table, held: pa.Table) -> Verdict:
    """Judge rows, one a key, against the held rows of those keys."""
    place = match(rows, held, table.key)
    new = place < 0
    same, later = np.zeros(len(place), bool), np.zeros(len(place), bool)
    mine, theirs = np.flatnonzero(~new), place[~new]
    both = pa.concat_tables([rows.select(table.names), held.select(table.names)])
    theirs = theirs + rows.num_rows
    version, ingested = _rank(both, "version"), _rank(both, "ingested_at")
    same[mine] = _equal(both, mine, theirs, content(table)) & (version[mine] == version[theirs])
    younger = ingested[mine] > ingested[theirs] if "ingested_at" in table.names else np.ones(len(mine), bool)
    later[mine] = (version[mine] > version[theirs]) | ((version[mine] == version[theirs]) & younger)
    return Verdict(place, new, ~new & ~same & later, ~new & ~same & ~later, same)


def conflict_reasons(table: Table, rows: pa.Table, settled: Settled) -> list[str]:
    """For each refused row of `settled` a sentence with both values. `rows` are those that were settled."""
    names = content(table)
    refused = rows.select(names).take(pa.array(settled.refused)).to_pylist()
    kept = rows.select(names).take(pa.array(settled.kept)).to_pylist()
    return [
        "contradicts an earlier row of the same key and version ("
        + ", ".join(f"{name} {b[name]} came first, this says {a[name]}" for name in names if a[name] != b[name])
        + ")"
        for a, b in zip(refused, kept, strict=True)
    ]


def _rank(rows: pa.Table, name: str) -> Places:
    """A column as integers; zeros where the table has no such column."""
    return rows[name].cast(pa.int64()).to_numpy() if name in rows.column_names else np.zeros(rows.num_rows, np.int64)


def _starts(*sorted_codes: Places) -> Mask:
    """Where a run of equal codes begins."""
    changes = reduce(np.logical_or, (np.diff(codes) != 0 for codes in sorted_codes))
    return np.concatenate([[True], changes])


def _leader(starts: Mask) -> Places:
    """For each place the place at which its run began."""
    return np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))


def _equal(rows: pa.Table, left: Places, right: Places, names: list[str]) -> Mask:
    """Whether rows at `left` and at `right` agree in all columns; missing equals missing, NaN equals NaN."""
    result = np.ones(len(left), bool)
    for name in names:
        a, b = rows[name].take(pa.array(left)), rows[name].take(pa.array(right))
        agree = pc.or_(pc.fill_null(pc.equal(a, b), False), pc.and_(pc.is_null(a), pc.is_null(b)))
        if pa.types.is_floating(rows.schema.field(name).type):
            agree = pc.or_(agree, pc.fill_null(pc.and_(pc.is_nan(a), pc.is_nan(b)), False))
        result &= agree.to_numpy(zero_copy_only=False)
    return result
