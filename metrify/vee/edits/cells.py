"""Where rows of the lake lie in a panel: readings, and the edits of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.vee.edits.inforce import HOLDS

__all__ = ["cells_of", "repairs_on"]

Places = NDArray[np.int64]


def cells_of(panel: Panel, rows: pa.Table) -> tuple[Places, Places]:
    """The meter and the interval of each row (meter_id, timestamp) in the panel, [N]; both -1 outside of it."""
    if not rows.num_rows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    column = rows["meter_id"]
    coded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    coded = pa.chunked_array(coded.unify_dictionaries()).combine_chunks()
    names = coded.dictionary.to_numpy(zero_copy_only=False).astype(str)
    row = pd.Index(panel.meter_ids).get_indexer(names)[coded.indices.to_numpy()]
    times = rows["timestamp"].to_numpy().astype("datetime64[s]")
    column = (times - panel.start).astype(np.int64) // (panel.step_minutes * 60)
    inside = (row >= 0) & (column >= 0) & (column < panel.values.shape[1])
    return np.where(inside, row, -1), np.where(inside, column, -1)


def repairs_on(panel: Panel, edits: pa.Table, state: NDArray[np.str_]) -> pd.DataFrame:
    """Row and column in the panel, and method, of each edit that holds; `edits` are of the panel's column, [N]."""
    row, column = cells_of(panel, edits)
    mine = (row >= 0) & (state == HOLDS)
    method = edits["method"].to_numpy(zero_copy_only=False)[mine]
    found = pd.DataFrame({"row": row[mine], "column": column[mine], "method": method})
    return found.drop_duplicates(["row", "column"], keep="last", ignore_index=True)
