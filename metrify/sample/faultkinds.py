"""What each kind of fault does to a stretch of one meter's readings.

Thefts are the six of Jokar, Arianpoor and Leung, "Electricity theft detection in AMI using customers' consumption
patterns", IEEE Transactions on Smart Grid 7(1), 2016, pp. 216-226, doi:10.1109/TSG.2015.2425222, there h1 to h6:
theft_scaled one factor for all values (h1), theft_off_hours nothing in a daily window of at least 4 h (h2),
theft_random a factor for each value (h3), theft_random_mean a factor for each value times the day's mean (h4),
theft_mean the day's mean throughout (h5), theft_reversed_day the day's values in reversed order (h6); the paper draws
factors from 0.1 to 0.8.
"""

# ruff: noqa: ARG001  (every kind has the same signature, whether it needs all of it or not)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.sample.faultplan import FaultPlan

__all__ = ["CHANGES", "COUNTED", "LENGTHS", "Stretch"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Stretch:
    """The part of a meter's readings that a fault is to change."""

    meter: Values
    """all of its readings, [T]"""
    first: int
    until: int
    day: NDArray[np.int32]
    """local day of each interval of the stretch"""
    minute: NDArray[np.int16]
    """minute of the local day at which it starts"""
    step_minutes: int

    @property
    def values(self) -> Values:
        return self.meter[self.first : self.until]

    @property
    def days(self) -> Values:
        """The mean of the local day of each interval [as the values]."""
        place = self.day - self.day[0]
        known = np.isfinite(self.values)
        total = np.bincount(place, np.where(known, self.values, 0))
        return (total / np.maximum(np.bincount(place, known), 1))[place]

    @property
    def mean(self) -> float:
        """Mean size of what the meter reads; 0 where it reads nothing."""
        known = np.abs(self.meter[np.isfinite(self.meter)])
        return float(known.mean()) if len(known) else 0.0


Change = Callable[[Stretch, FaultPlan, np.random.Generator], Values]


def _gap(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return np.full(len(stretch.values), np.nan)


def _stuck(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    above = stretch.values[stretch.values > 0]
    return np.full(len(stretch.values), above[0] if len(above) else stretch.mean)


def _spike(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    known = np.abs(stretch.meter[np.isfinite(stretch.meter)])
    high = np.quantile(known, 0.999) if len(known) else 0.0
    return np.full(len(stretch.values), rng.uniform(*plan.spike_factor) * high)


def _negative(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return -rng.uniform(*plan.negative_factor, len(stretch.values)) * stretch.mean


def _clock_shift(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    hours = rng.uniform(*plan.clock_shift_hours)
    shift = max(round(hours * 60 / stretch.step_minutes), 1) * int(rng.choice([-1, 1]))
    source = np.arange(stretch.first, stretch.until) - shift
    inside = (source >= 0) & (source < len(stretch.meter))
    return np.where(inside, stretch.meter[np.where(inside, source, 0)], np.nan)


def _reversed(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return -stretch.values


def _drop(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return stretch.values * rng.uniform(*plan.drop_share)


def _theft_scaled(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return stretch.values * rng.uniform(*plan.theft_share)


def _theft_off_hours(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    length = rng.uniform(*plan.theft_window_hours) * 60
    begins = rng.uniform(0, 1440 - length)
    off = (stretch.minute >= begins) & (stretch.minute < begins + length)
    return np.where(off, 0.0, stretch.values)


def _theft_random(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return stretch.values * rng.uniform(*plan.theft_share, len(stretch.values))


def _theft_random_mean(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return stretch.days * rng.uniform(*plan.theft_share, len(stretch.values))


def _theft_mean(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    return stretch.days


def _theft_reversed_day(stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> Values:
    after, known = stretch.values.copy(), np.isfinite(stretch.values)
    for day in np.unique(stretch.day):
        mine = known & (stretch.day == day)
        after[mine] = after[mine][::-1]
    return after


CHANGES: dict[str, Change] = {
    "gap": _gap,
    "stuck": _stuck,
    "spike": _spike,
    "negative": _negative,
    "clock_shift": _clock_shift,
    "reversed": _reversed,
    "drop": _drop,
    "theft_scaled": _theft_scaled,
    "theft_off_hours": _theft_off_hours,
    "theft_random": _theft_random,
    "theft_random_mean": _theft_random_mean,
    "theft_mean": _theft_mean,
    "theft_reversed_day": _theft_reversed_day,
}

LENGTHS: dict[str, str] = {
    "gap": "gap_hours",
    "stuck": "stuck_hours",
    "negative": "negative_hours",
    "clock_shift": "clock_shift_days",
    "reversed": "reversed_days",
    "drop": "drop_days",
    **{kind: "theft_days" for kind in CHANGES if kind.startswith("theft")},
}
"""The field of the plan that says how long a kind lasts; one interval where there is none."""

COUNTED = frozenset({"reversed", "drop", *(kind for kind in CHANGES if kind.startswith("theft"))})
"""Faults of measuring, which the register counts too; the others happen behind it, in memory or on the way."""
