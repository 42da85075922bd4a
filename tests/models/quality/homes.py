"""Homes with habits: what imputers learn from, and what they are asked."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from metrify.features.gap import gap_frame
from metrify.localtime import Calendar
from metrify.models.base import Batch
from metrify.panel import Panel
from metrify.sample.gaps import cut

__all__ = ["LONDON", "asked", "homes", "taught"]

LONDON = Calendar("Europe/London", "GB", "ENG")
START = np.datetime64("2013-05-01", "s")
DAYS, METERS = 84, 6


@lru_cache(maxsize=1)
def homes() -> Panel:
    """Half-hourly: a daily curve, on some days more of it, and noise."""
    random = np.random.default_rng(12)
    slots = np.arange(DAYS * 48) % 48
    size = random.uniform(0.2, 0.8, METERS)[:, None]
    peak = random.uniform(34, 42, METERS)[:, None]
    curve = 0.4 + np.exp(-np.square((slots - peak) / 5))
    mood = np.repeat(random.gamma(6, 1 / 6, (METERS, DAYS)), 48, axis=1)
    values = size * curve * mood * random.gamma(12, 1 / 12, (METERS, DAYS * 48))
    return Panel(np.array([f"m{row}" for row in range(METERS)]), START, 30, values.astype(np.float32))


def _batch(lengths: tuple[float, ...], seed: int) -> Batch:
    panel = homes()
    holes, wanted, _ = cut(panel, lengths, 1, seed)
    rows = gap_frame(holes, wanted, LONDON).assign(target=panel.values[wanted])
    meters = pd.DataFrame({"zone": "Europe/London", "country": "GB", "subdivision": "ENG"}, index=panel.meter_ids)
    return Batch(rows, holes, meters)


@lru_cache(maxsize=1)
def taught() -> Batch:
    return _batch((1,) * 20 + (2,) * 10 + (6, 12) * 6 + (24,) * 4 + (48, 72) * 2, 21)


@lru_cache(maxsize=1)
def asked() -> Batch:
    return _batch((1,) * 15 + (6,) * 6 + (24,) * 4 + (72,) * 2, 22)
