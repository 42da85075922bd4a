"""Intervals by the clock on the wall: which local day, which slot of it, and what type of day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.localtime import Calendar, local_times
from metrify.panel import Panel

__all__ = ["DAY_TYPES", "DaySlots"]

DAY_TYPES = ("working day", "Saturday", "Sunday", "public holiday")


@dataclass(frozen=True)
class DaySlots:
    """D local days of S slots over the T intervals of a panel. A slot is an interval of the clock."""

    day: NDArray[np.int64]
    """the local day of each interval, counted from that of the first, [T]"""
    slot: NDArray[np.int64]
    """the slot of each interval, [T]; the repeated hour of autumn has the slots of the hour before"""
    at: NDArray[np.int64]
    """the interval of each slot, its first where it is repeated, -1 where there is none, [D, S]"""
    kind: NDArray[np.int64]
    """place in DAY_TYPES of each day, [D]"""

    @classmethod
    def of(cls, panel: Panel, calendar: Calendar) -> DaySlots:
        """The days that a panel touches, by the clock and the holidays of its place."""
        clock = local_times(panel.times, calendar.zone)
        first = int(clock.day[0]) if len(clock.day) else 0
        day = clock.day.astype(np.int64) - first
        slot = clock.minute.astype(np.int64) // panel.step_minutes
        days = np.arange(first, first + (int(day[-1]) + 1 if len(day) else 0), dtype=np.int32)
        at = np.full((len(days), max(-(-1440 // panel.step_minutes), 1)), -1)
        at[day[::-1], slot[::-1]] = np.arange(len(day))[::-1]  # what is written last stays: the first of a slot
        weekday = (days + 3) % 7
        kind = np.select([calendar.off_days(days), weekday == 6, weekday == 5], [3, 2, 1], 0)
        return cls(day, slot, at, kind.astype(np.int64))
