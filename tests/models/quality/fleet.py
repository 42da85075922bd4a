"""A fleet of which some meters are prone to faults, as rows of meter-days."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from metrify.features.day import day_frame
from tests.features.days import judged

__all__ = ["CUT", "DAYS", "prone_fleet", "split"]

DAYS = 180
CUT = np.datetime64("2023-05-20", "s")
"""The local day from which on rows are held out."""


@lru_cache(maxsize=1)
def prone_fleet(meters: int = 120) -> pd.DataFrame:
    """Meters whose faults come singly at a rate of their own, and, in a fifth of them, in spells of some days."""
    random = np.random.default_rng(11)
    values = random.gamma(4.0, 0.1, (meters, DAYS * 24)) + 0.05
    rate = random.beta(0.5, 4.0, meters)
    spells = np.arange(meters) % 5 == 0
    for meter in range(meters):
        bad = random.random(DAYS) < rate[meter]
        if spells[meter]:
            for first in np.flatnonzero(random.random(DAYS) < 0.04):
                bad[first : first + random.geometric(0.2)] = True
        for day in np.flatnonzero(bad):
            first = day * 24 + random.integers(0, 20)
            length = random.integers(1, 5)
            values[meter, first : first + length] = np.nan if random.random() < 0.8 else -0.5
    values[:, [0, -1]] = 0.3  # the first and the last day are whole
    return day_frame(judged(values), 24.0)


def split() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to learn from, and the days after them with a known target."""
    rows = prone_fleet()
    known = rows["target"].notna()
    early = rows["local_date"] < CUT - np.timedelta64(1, "D")
    return rows[known & early], rows[known & (rows["local_date"] >= CUT)]
