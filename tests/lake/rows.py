"""Rows for tests of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa

from metrify.lake.tables import Lake
from metrify.schema import QUARANTINE, READING, READING_HISTORY

__all__ = ["START", "history", "quarantined", "reading", "readings", "state"]

START = datetime(2024, 1, 1, tzinfo=UTC)


def reading(meter: str, hour: int, kwh: float | None, version: int = 1, ingested: int | None = None) -> dict:
    """One READING row; `hour` counts from START, `ingested` in seconds from START."""
    row = {"meter_id": meter, "timestamp": START + timedelta(hours=hour), "kwh": kwh, "version": version}
    return row if ingested is None else {**row, "ingested_at": START + timedelta(seconds=ingested)}


def readings(rows: Sequence[dict]) -> pa.Table:
    names = ["meter_id", "timestamp", "kwh", "version", *(["ingested_at"] if "ingested_at" in rows[0] else [])]
    return pa.Table.from_pylist(list(rows), pa.schema([READING.schema.field(name) for name in names]))


def state(lake: Lake) -> dict[tuple[str, int], tuple[float, int]]:
    """READING as (meter, hour) -> (kwh, version); a key that is there twice fails."""
    rows = lake.read(READING).to_pylist()
    found = {(row["meter_id"], _hour(row)): (row["kwh"], row["version"]) for row in rows}
    assert len(found) == len(rows)
    return found


def history(lake: Lake) -> list[tuple[str, int, float, int]]:
    """READING_HISTORY as sorted (meter, hour, kwh, version)."""
    rows = lake.read(READING_HISTORY).to_pylist()
    return sorted((row["meter_id"], _hour(row), row["kwh"], row["version"]) for row in rows)


def quarantined(lake: Lake) -> pd.DataFrame:
    return lake.read(QUARANTINE).to_pandas().sort_values(["source", "row"], ignore_index=True)


def _hour(row: dict) -> int:
    return int((row["timestamp"] - START).total_seconds() // 3600)
