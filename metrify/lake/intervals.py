"""The interval length of each meter, and where in the hour its intervals begin, as its readings show them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["grids"]

Times = NDArray[np.datetime64]
_DAY = 1440
_USUAL = np.array([m for m in range(1, _DAY + 1) if _DAY % m == 0])
"""Lengths that divide a day [min]."""


def grids(
    rows: NDArray[np.int64], times: Times, meters: int, stated: pd.Series
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Minutes per interval and minutes after a multiple of them at which intervals begin, each of shape [meters].

    `rows[i]` is the meter of the reading at `times[i]`. The length is the one that METER states, else the most
    frequent distance between the meter's readings, rounded down to one that divides a day; one reading alone says
    nothing: 60 minutes are assumed.
    """
    minutes = times.astype(np.int64) // 60
    named = pd.to_numeric(stated, errors="coerce").to_numpy(np.float64)
    known = np.isfinite(named)
    seen = named if known.all() else _most_frequent_distance(rows, minutes, meters)
    length = np.where(known, named, seen).astype(np.int64)
    length = _USUAL[np.searchsorted(_USUAL, np.clip(length, 1, _DAY), side="right") - 1]
    phase = _most_frequent(rows, minutes % length[rows], meters)
    return length, np.where(np.bincount(rows, minlength=meters) > 0, phase, 0)


def _most_frequent_distance(rows: NDArray[np.int64], minutes: NDArray[np.int64], meters: int) -> NDArray[np.int64]:
    meter_step, time_step = np.diff(rows), np.diff(minutes)
    if not np.all((meter_step > 0) | ((meter_step == 0) & (time_step > 0))):
        order = np.lexsort((minutes, rows))
        rows, minutes = rows[order], minutes[order]
        meter_step, time_step = np.diff(rows), np.diff(minutes)
    usable = (meter_step == 0) & (time_step > 0) & (time_step <= _DAY)
    found = _most_frequent(rows[1:][usable], time_step[usable], meters)
    return np.where(found > 0, found, 60)


def _most_frequent(rows: NDArray[np.int64], values: NDArray[np.int64], meters: int) -> NDArray[np.int64]:
    """The most frequent value (0 to a day) of each meter, the lowest of equals; 0 for a meter without any."""
    counts = np.bincount(rows * (_DAY + 1) + values, minlength=meters * (_DAY + 1)).reshape(meters, -1)
    return counts.argmax(axis=1)
