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
    table: Table, source: str, numbers: Sequence[int], reasons: Sequence[str], contents: Sequence[str], now: datetime
) -> pa.Table:
    """QUARANTINE rows for refused rows: row number in the source (counted from 1), reason, and the row as JSON.

    The id is a hash of all but the time: quarantining the same row of the same source again changes nothing.
    """
    ids = [
        hashlib.blake2b(json.dumps([table.name, source, *row]).encode(), digest_size=16).hexdigest()
        for row in zip(numbers, reasons, contents, strict=True)
    ]
    count = len(ids)
    columns = [ids, [table.name] * count, [source] * count, list(numbers), list(reasons), list(contents), [now] * count]
    return pa.table(columns, schema=QUARANTINE.schema)


def as_json(row: Mapping[str, Any]) -> str:
    """A row as it came, as JSON; what JSON does not know (times, bytes, NaN) as its text."""
    return json.dumps({name: _plain(value) for name, value in row.items()}, default=str, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
