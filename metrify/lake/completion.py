"""Files by channel follow each other: what the lake holds of a reading completes what a file does not say."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metrify.lake.keys import match
from metrify.lake.tables import Lake
from metrify.schema import Table

__all__ = ["completed"]


def completed(rows: pa.Table, lake: Lake, table: Table) -> pa.Table:
    """Rows with the channels that the lake holds of the same reading and version (or a lower one) and these do not say.

    Without this the file of the second channel would put empty cells in the place of the first.
    """
    if not rows.num_rows:
        return rows
    ends, meters = pc.min_max(rows["timestamp"]), rows["meter_id"].unique().to_pylist()
    after = ends["max"].as_py() + timedelta(microseconds=1)
    held = lake.read(table, meter_ids=meters, since=ends["min"].as_py(), until=after)
    place = match(rows, held, table.key)
    theirs = held.take(pa.array(np.maximum(place, 0))) if held.num_rows else None
    if theirs is None:
        return rows
    valid = pc.and_(pa.array(place >= 0), pc.less_equal(theirs["version"], rows["version"]))
    filled = pa.array(np.zeros(rows.num_rows, bool))
    for name in table.measures:
        take = pc.and_(valid, pc.and_(pc.is_null(rows[name]), pc.is_valid(theirs[name])))
        filled = pc.or_(filled, take)
        rows = rows.set_column(rows.column_names.index(name), name, pc.if_else(take, theirs[name], rows[name]))
    later = pc.and_(filled, pc.greater(theirs["available_at"], rows["available_at"]))
    late = pc.if_else(pc.fill_null(later, False), theirs["available_at"], rows["available_at"])
    return rows.set_column(rows.column_names.index("available_at"), "available_at", late)
