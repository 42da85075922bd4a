"""The intervals of a simulated fleet by the clock on the wall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metrify.errors import BadValue
from metrify.localtime import day_start, local_times
from metrify.sample.simulator.places import ZONE

__all__ = ["Clock"]

Times = NDArray[np.datetime64]
LENGTHS = (15, 30, 60)


@dataclass(frozen=True)
class Clock:
    """Whole local days, cut into intervals."""

    times: Times
    """start of each interval [UTC, datetime64[s]], shape [T]"""
    interval_minutes: int
    dates: NDArray[np.int64]
    """the local days, counted from 1970-01-01, shape [D]"""
    day: NDArray[np.int64]
    """number in `dates` of each interval, shape [T]"""
    hour: NDArray[np.int64]
    """local hour in which each interval starts, shape [T]"""

    @classmethod
    def of(cls, start: np.datetime64, days: int, interval_minutes: int) -> Self:
        """`days` local days from the date `start` on. Raises BadValue."""
        if interval_minutes not in LENGTHS:
            raise BadValue("interval_minutes", "15, 30 or 60", interval_minutes)
        if isinstance(days, bool) or not isinstance(days, int) or days < 1:
            raise BadValue("days", "a whole number from 1 on", days)
        first = int(np.datetime64(start, "D").astype(np.int64))
        begin, end = day_start(np.array([first, first + days], np.int32), ZONE)
        times = np.arange(begin, end, np.timedelta64(interval_minutes * 60, "s"))
        local = local_times(times, ZONE)
        dates = np.arange(first, first + days)
        return cls(times, interval_minutes, dates, local.day.astype(np.int64) - first, local.minute // np.int64(60))

    @property
    def begin(self) -> np.datetime64:
        return self.times[0]

    @property
    def end(self) -> np.datetime64:
        return self.times[-1] + self.step

    @property
    def step(self) -> np.timedelta64:
        return np.timedelta64(self.interval_minutes * 60, "s")

    @property
    def hours(self) -> float:
        """Length of an interval [h]."""
        return self.interval_minutes / 60

    @property
    def weekday(self) -> NDArray[np.int64]:
        """Of each local day, 0 is Monday, shape [D]."""
        return (self.dates + 3) % 7

    def index(self, times: Times) -> NDArray[np.int64]:
        """The first interval that starts at or after each time, from 0 to T."""
        return np.searchsorted(self.times, times.astype("datetime64[s]"))
