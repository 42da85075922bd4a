"""Answers as rows: what each task answers with, and how the answers about several groups become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from metrify.schema import TIME, Table

__all__ = ["SILENT", "as_rows", "flagged", "joined"]

SILENT = "silent"
"""Entry of an answer's `attrs`: meter_id -> why the meter has no row in the answer."""


def joined(
    table: Table, frames: Sequence[pd.DataFrame], name: str, reasons: Mapping[str, str], further: Sequence[str] = ()
) -> pd.DataFrame:
    """Answers about several groups as one: columns of `table` and `further`, sorted by key, with the model's name.

    Times have their zone, UTC. `reasons` says of each meter asked about why it would have no row; those that have none
    keep theirs in `attrs`.
    """
    columns = [*table.names, *further]
    found = [frame.assign(meter_id=frame["meter_id"].astype(str)) for frame in frames if len(frame)]
    answer = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    answer = answer.assign(model=name)[columns].sort_values(list(table.key), ignore_index=True)
    for column in table.columns:
        if column.type == TIME:
            answer[column.name] = pd.to_datetime(answer[column.name], utc=True)
    answered = set(answer["meter_id"])
    answer.attrs = {SILENT: {meter: why for meter, why in reasons.items() if meter not in answered}}
    return answer


def as_rows(table: Table, answer: pd.DataFrame, name: str) -> pa.Table:
    """An answer as rows of its table, with the model's name. NaN becomes null."""
    return table.conform(pa.Table.from_pandas(answer.assign(model=name), preserve_index=False))


def flagged(rows: pa.Table) -> int:
    """How many anomalies; equipment without a probability; of the other tasks answers with a reason."""
    if "verdict" in rows.column_names:
        return pc.sum(rows["verdict"]).as_py() or 0
    if "probability" in rows.column_names:
        return rows["probability"].null_count
    return pc.sum(pc.fill_null(pc.not_equal(rows["reason"], ""), False)).as_py() or 0
