"""All that a validation rule, an estimate or a grade may look at: one group of meters that share a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metrify.localtime import Calendar, LocalTimes, local_times
from metrify.panel import Panel

__all__ = ["Evidence", "Flags", "Found"]

Flags = NDArray[np.uint32]
"""bit k of flags[m, t] says whether the rule of that bit holds, [M, T]"""
Found = NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """What is known of a panel of readings. What is None, or not among the channels, nobody reported."""

    panel: Panel
    """the readings as they came, the version that won"""
    signed: NDArray[np.bool_]
    """of which meters values below zero are right, [M]"""
    repeated: NDArray[np.int64] | None = None
    """when a second report with another value could be known [s since 1970; 0: there is none], [M, T]; None: none"""
    calendar: Calendar = field(default_factory=lambda: Calendar("UTC"))
    column: str = "kwh"
    """the READING column that `panel` holds"""
    channels: Mapping[str, Panel] = field(default_factory=dict)
    """other READING columns that hold any value, on the grid of `panel`: same meters, start, step and shape"""
    available: NDArray[np.int64] | None = None
    """when late values could be known [s since 1970; 0: when their interval ended], [M, T]; None: none is late"""
    off_grid: Found | None = None
    """a reading came whose stamp is off the meter's grid; it counts for the interval that contains it, [M, T]"""
    unreadable: Found | None = None
    """a report came whose value was no number, so that QUARANTINE holds it, [M, T]"""
    outage: Found | None = None
    """the interval touches an outage of the meter, [M, T]"""
    exchanged: Found | None = None
    """the interval in which the meter's device was exchanged, [M, T]"""
    generation: Panel | None = None
    """metered production behind the meter [kWh per interval], on the grid of `panel`"""

    @cached_property
    def clock(self) -> LocalTimes:
        """The clock on the wall at the start of each interval, [T]."""
        return local_times(self.panel.times, self.calendar.zone)
