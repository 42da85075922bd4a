"""Rows that could not enter their table, kept whole, with the reason: nothing is dropped in silence."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from metrify.schema import QUARANTINE, Table

__all__ = ["as_json", "quarantine_rows"]


def quarantine_rows(
    table: Table,
    source: str,
    numbers: Sequence[int],
    reasons: Sequence[str],
    contents: Sequence[str],
    now: datetime,
    read: pa.Table | None = None,
) -> pa.Table:
    """QUARANTINE rows for refused rows: row number in the source (counted from 1), reason, and the row as JSON.

    `read` is what could be read of each row, as columns of `table`: its meter and time help to find it again. The id
    is a hash of table, source, row and reason: quarantining the same row of the same source again changes nothing.
    """
    ids = [
        hashlib.blake2b(json.dumps([table.name, source, *row]).encode(), digest_size=16).hexdigest()
        for row in zip(numbers, reasons, contents, strict=True)
    ]
    count = len(ids)
    found = {
        "quarantine_id": ids,
        "table": [table.name] * count,
        "source": [source] * count,
        "row": list(numbers),
        "reason": list(reasons),
        "content": list(contents),
        "ingested_at": [now] * count,
        **_found_by(read),
    }
    return QUARANTINE.conform(pa.table(found)).cast(QUARANTINE.schema)


def _found_by(read: pa.Table | None) -> dict[str, pa.ChunkedArray]:
    """The columns by which a refused row is found again, as far as its table has them."""
    return {name: read[name] for name in ("meter_id", "timestamp") if read is not None and name in read.column_names}


def as_json(row: Mapping[str, Any]) -> str:
    """A row as it came, as JSON; what JSON does not know (times, bytes, NaN) as its text."""
    return json.dumps({name: _plain(value) for name, value in row.items()}, default=str, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
