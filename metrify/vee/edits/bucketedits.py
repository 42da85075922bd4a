"""The edits of one bucket, beside the readings that they are of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.bucketpass import BucketFiles
from metrify.lake.scan import scan
from metrify.panel import Panel
from metrify.schema import EDIT, READING
from metrify.vee.edits.cells import repairs_on
from metrify.vee.edits.inforce import columns_of, current_values, states

__all__ = ["BucketEdits"]


@dataclass(frozen=True)
class BucketEdits:
    """EDIT rows of the files of one bucket pass, with the state of each as of its READING files."""

    rows: pa.Table
    current: NDArray[np.float64]
    """what READING holds where each is, NaN: nothing"""
    state: NDArray[np.str_]
    target: str

    @classmethod
    def read(cls, bucket: BucketFiles, target: str) -> BucketEdits:
        """Of the bucket's files; its readings are read only where there are edits."""
        rows = scan(EDIT, bucket.files.get(EDIT.name, []), EDIT.names)
        if not rows.num_rows:
            return cls.of(rows, np.empty(0), target)
        columns = ["meter_id", "timestamp", *columns_of(rows, READING.measures)]
        named = pc.field("meter_id").isin(pc.unique(rows["meter_id"]))
        return cls.of(rows, current_values(rows, scan(READING, bucket.files[READING.name], columns, named)), target)

    @classmethod
    def of(cls, rows: pa.Table, current: NDArray[np.float64], target: str) -> BucketEdits:
        """The same of rows in memory."""
        return cls(rows, current, states(rows, current), target)

    def changed(self, places: NDArray[np.int64], undone: pa.Table, new: pa.Table) -> BucketEdits:
        """With the rows at `places` as they are in `undone`, and with `new` ones, which were made of the readings."""
        kept = np.setdiff1d(np.arange(self.rows.num_rows), places)
        rows = pa.concat_tables([self.rows.take(pa.array(kept)), undone, new])
        before = new["before"].to_numpy().astype(np.float64)
        return self.of(rows, np.concatenate([self.current[kept], self.current[places], before]), self.target)

    def on_target(self) -> BucketEdits:
        """Those of the target's column."""
        mine = pc.equal(self.rows["column"], self.target).to_numpy()
        return BucketEdits(self.rows.filter(pa.array(mine)), self.current[mine], self.state[mine], self.target)

    def repairs_on(self, panel: Panel) -> pd.DataFrame:
        """Those that hold in a panel of the target, as `cells.repairs_on`."""
        mine = self.on_target()
        return repairs_on(panel, mine.rows, mine.state)
