"""Which faults a plan asks for, how many, and of what size."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from metrify.errors import BadValue, UnknownName

__all__ = ["KINDS", "FaultPlan"]

KINDS = (
    "gap",
    "stuck",
    "spike",
    "negative",
    "clock_shift",
    "reversed",
    "drop",
    "theft_scaled",
    "theft_off_hours",
    "theft_random",
    "theft_random_mean",
    "theft_mean",
    "theft_reversed_day",
)
"""Every kind of fault, by name; `metrify.sample.faultkinds` says what each does."""

Range = tuple[float, float]


@dataclass(frozen=True)
class FaultPlan:
    """Which kinds of faults, how many, and their sizes as (least, most), drawn evenly between the two.

    Raises UnknownName for a kind that does not exist, BadValue for a size that makes no sense.
    """

    kinds: tuple[str, ...] = KINDS
    """drawn evenly; a kind that is named twice comes twice as often"""
    events_per_meter: float = 2.0
    """expected number of events over the whole panel of a meter that has any; the number is drawn by Poisson"""
    meters_share: float = 1.0
    """share of meters that may have events"""
    gap_hours: Range = (1, 72)
    """how long nothing is delivered [h]"""
    stuck_hours: Range = (6, 48)
    """how long one value above zero is repeated [h]"""
    spike_factor: Range = (5, 10)
    """one interval, in multiples of the meter's own 99.9th percentile"""
    negative_hours: Range = (1, 6)
    """how long values are below zero [h]"""
    negative_factor: Range = (0.1, 2)
    """by how much, in multiples of the meter's own mean"""
    clock_shift_hours: Range = (2, 6)
    """by how much the clock is wrong, ahead or behind [h]"""
    clock_shift_days: Range = (14, 28)
    """how long [days]"""
    reversed_days: Range = (2, 14)
    """how long the device is connected the wrong way round [days]"""
    drop_share: Range = (0, 0.2)
    """what is left of each value"""
    drop_days: Range = (7, 7)
    """how long [days]"""
    theft_days: Range = (14, 56)
    """how long a theft lasts, in whole local days"""
    theft_share: Range = (0.1, 0.8)
    """what a theft that scales leaves of each value"""
    theft_window_hours: Range = (4, 24)
    """length of the daily window in which nothing is metered [h]"""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise UnknownName("kind of fault", kind, KINDS)
        if not self.kinds:
            raise BadValue("kinds", f"at least one of {', '.join(KINDS)}", self.kinds)
        if not (math.isfinite(self.events_per_meter) and self.events_per_meter >= 0):
            raise BadValue("events_per_meter", "a number from 0 on", self.events_per_meter)
        if not 0 <= self.meters_share <= 1:
            raise BadValue("meters_share", "a share from 0 to 1", self.meters_share)
        for name in (field.name for field in fields(self)[3:]):
            _check_range(name, getattr(self, name))


def _check_range(name: str, size: Range) -> None:
    share = name.endswith("_share")
    most = 1.0 if share else 24.0 if name == "theft_window_hours" else math.inf
    try:
        low, high = size
        fits = 0 <= low <= high <= most and math.isfinite(high) and (share or low > 0)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        limits = "from 0 to 1" if share else f"above 0 and up to {most:g}" if math.isfinite(most) else "above 0"
        raise BadValue(name, f"(least, most), {limits}, the least first", size)
