"""All that a validation rule, an estimate or a grade may look at: one group of meters that share a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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
    """other READING columns that hold any value, on the grid of `panel`: same meters, start, step and shape. Counters
    (register_...) are float64: float32 loses the watt-hours of a counter that has run far"""
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
    pv_kw: NDArray[np.float64] | None = None
    """rated solar power behind each meter [kW], NaN where METER does not say, [M]; None: nothing is said of any"""

    @cached_property
    def shared(self) -> dict[str, Any]:
        """What one rule worked out of it and others may take, by a name of their choice."""
        return {}

    def channel(self, column: str) -> Panel | None:
        """A READING column, be it the panel itself or one of the channels; None: nobody reported it."""
        return self.panel if column == self.column else self.channels.get(column)

    @cached_property
    def clock(self) -> LocalTimes:
        """The clock on the wall at the start of each interval, [T]."""
        return local_times(self.panel.times, self.calendar.zone)
