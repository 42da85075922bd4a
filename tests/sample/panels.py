"""Panels to put faults into: the homes of the sample, and made-up meters."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from metrify.panel import Panel
from metrify.sample import FOLDER
from metrify.sample.faults import Injected

__all__ = ["HOUR", "changed", "homes", "made_up"]

HOUR = np.timedelta64(3600, "s")


def homes() -> Panel:
    """Real readings, [17, 8760], as if the clock were never changed."""
    rows = pq.read_table(FOLDER / "readings.parquet", columns=["meter_id", "kwh"])
    meter_ids = np.unique(rows["meter_id"].cast("string").to_numpy())
    values = rows["kwh"].to_numpy().reshape(len(meter_ids), -1).astype(np.float32)
    return Panel(meter_ids, np.datetime64("2016-08-01T07:00", "s"), 60, values)


def made_up(meters: int = 6, days: int = 90, step_minutes: int = 60) -> Panel:
    rng = np.random.default_rng(5)
    values = rng.gamma(2, 0.4, (meters, days * 1440 // step_minutes)).astype(np.float32)
    ids = np.array([f"m-{number}" for number in range(meters)])
    return Panel(ids, np.datetime64("2024-02-01T00:00", "s"), step_minutes, values)


def changed(before: Panel, injected: Injected) -> np.ndarray:
    after = injected.panel.values
    return ~((before.values == after) | (np.isnan(before.values) & np.isnan(after)))
