"""A bucket's rows as files of a table with meters: one a UTC month, sorted by key, seen by nobody yet."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from metrify.lake.commit import Part, write_part
from metrify.lake.keys import pack
from metrify.lake.scan import time_column
from metrify.schema import Table

__all__ = ["write_months"]


def write_months(root: Path, table: Table, rows: pa.Table, bucket: int) -> list[Part]:
    """Write rows that conform to `table`; none for no rows. `commit` makes them visible."""
    if not rows.num_rows:
        return []
    months = rows[time_column(table)].to_numpy().astype("datetime64[M]")
    order = np.lexsort((pack(rows, table.key), months))
    rows, months = rows.take(pa.array(order)), months[order]
    edges = np.flatnonzero(np.concatenate([[True], months[1:] != months[:-1], [True]]))
    return [
        write_part(root, rows.slice(first, until - first), bucket, str(months[first]))
        for first, until in pairwise(edges.tolist())
    ]
