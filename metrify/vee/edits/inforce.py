"""Which edits hold: those that nobody undid, of a reading that still is what they edited, the strongest of each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.keys import match, pack

__all__ = ["HOLDS", "MANUAL", "OVERRULED", "STALE", "UNDONE", "columns_of", "current_values", "states"]

MANUAL = "manual"
"""The method of what a person put in."""
HOLDS, OVERRULED, STALE, UNDONE = "holds", "overruled", "stale", "undone"
"""States of an edit; overruled: a later edit, or one by hand, holds instead; stale: the reading changed since."""
_KEY = ["meter_id", "timestamp"]


def columns_of(edits: pa.Table, among: Iterable[str]) -> list[str]:
    """Which columns of READING the edits are about, of these."""
    named = set(pc.unique(edits["column"]).to_pylist())
    return [name for name in among if name in named]


def current_values(edits: pa.Table, readings: pa.Table) -> NDArray[np.float64]:
    """What READING holds now where each of the `edits` is, NaN where nothing is, [N].

    `readings` have meter_id, timestamp and the edited columns; those that they lack hold nothing.
    """
    found = np.full(edits.num_rows, np.nan)
    place = match(edits, readings, _KEY)
    about = edits["column"].to_numpy(zero_copy_only=False)
    for name in columns_of(edits, readings.column_names):
        mine = np.flatnonzero((about == name) & (place >= 0))
        found[mine] = readings[name].take(pa.array(place[mine])).to_numpy()
    return found


def states(edits: pa.Table, current: NDArray[np.float64]) -> NDArray[np.str_]:
    """The state of each EDIT row, [N]; `current` as `current_values` gives it.

    Of several edits of one value that could hold, one by hand comes before an estimate, then the latest.
    """
    before = edits["before"].to_numpy().astype(np.float64)
    undone = edits["undone_at"].is_valid().to_numpy()
    fresh = (before == current) | (np.isnan(before) & np.isnan(current))
    able = fresh & ~undone
    manual = pc.equal(edits["method"], MANUAL).to_numpy()
    key, number = pack(edits, [*_KEY, "column"]), pack(edits, ["edit_id"])
    order = np.lexsort((number, pack(edits, ["edited_at"]), manual, able, key))
    last = np.append(np.diff(key[order]) != 0, True)[: len(order)]
    first = np.zeros(len(order), bool)
    first[order[last]] = True
    return np.select([undone, ~fresh, first], [UNDONE, STALE, HOLDS], OVERRULED)
