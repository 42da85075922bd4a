"""Shapes of load and of solar production, hour by hour, from the homes of the shipped sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metrify.sample import FOLDER

__all__ = ["DAYS", "FIRST", "Shapes"]

FIRST = np.datetime64("2016-08-01", "D").astype(np.int64)
"""The sample's first day, a Monday, in days since 1970-01-01."""
DAYS = 364
"""Days that are used: 52 whole weeks, so that the year can be repeated without a break in the week."""
STUCK = ("home-12", "home-15")
"""Homes whose load repeats itself for much of the year: no shapes for others."""


@dataclass(frozen=True)
class Shapes:
    """Values by local day and hour, float32; home h is the same one in both."""

    load: NDArray[np.float32]
    """load of real homes in multiples of each home's mean, [homes, DAYS, 24]"""
    sun: NDArray[np.float32]
    """solar production of real panels that face about south [kWh per kW and hour], [DAYS, 24]"""

    @classmethod
    def read(cls) -> Self:
        """From the files of the sample."""
        load = _by_home("readings", "kwh")
        homes = [values for name, values in load.items() if name not in STUCK]
        rated = dict(zip(*_columns("meters", "meter_id", "pv_kw"), strict=True))
        sun = _by_home("solar", "generation_kwh")
        south = np.mean([sun[name] / rated[name] for name in ("home-01", "home-07", "home-08")], axis=0)
        return cls(np.stack([values / values.mean() for values in homes]), np.maximum(south, 0).astype(np.float32))


def _columns(file: str, *names: str) -> list[NDArray]:
    rows = pq.read_table(FOLDER / f"{file}.parquet", columns=list(names))
    return [rows[name].cast("string").to_numpy() if name == "meter_id" else rows[name].to_numpy() for name in names]


def _by_home(file: str, name: str) -> dict[str, NDArray[np.float32]]:
    """Values of each home by day and hour: the source has 24 hours for every day, in order."""
    meter_ids, values = _columns(file, "meter_id", name)
    return {
        str(home): values[meter_ids == home][: DAYS * 24].reshape(DAYS, 24).astype(np.float32)
        for home in np.unique(meter_ids)
    }
