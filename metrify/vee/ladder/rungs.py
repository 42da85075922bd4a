"""The rungs of the estimation ladder, each by itself: what it answers for wanted intervals of a trusted panel.

Every rung has the signature `rung(trusted, wanted, calendar, ...)`: readings [M, T] of which nothing is doubtful, the
intervals to estimate [M, T], the clock and the holidays. It answers float32 [M, T] in the unit of the panel, NaN where
it has none or was not asked, and uses no value of a wanted interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.localdays import DaySlots
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.vee.evidence import Found
from metrify.vee.ladder.classprofile import ClassProfiles, class_profiles, of_the_class
from metrify.vee.ladder.likedays import mean_of_like_days, mean_of_two_weeks
from metrify.vee.ladder.linear import on_the_line
from metrify.vee.ladder.segments import Floats, Segments, without

__all__ = ["METHODS", "RUNGS", "Ladder", "class_profile", "like_days", "linear", "two_weeks"]

METHODS = ("", "linear", "like_days", "two_weeks", "class_profile", "learned")
"""How a value was estimated, by the number in `Estimates.method`; 0: it was not."""
RUNGS = METHODS[1:5]
"""What a utility's ladder has, the first first."""


@dataclass(frozen=True)
class Ladder:
    """The rungs over readings of one calendar."""

    values: Floats
    """usable readings, NaN where there is none and where an estimate is wanted, [M, T]"""
    days: DaySlots
    profiles: ClassProfiles
    linear_intervals: int
    """the longest gap that the line answers, in intervals"""
    within_days: int
    """how far away days are like days, and the level of a class's profile is taken from [d]"""

    def solve(self, rung: str, segments: Segments) -> NDArray[np.float32]:
        """What the rung of that name answers for each interval of the segments, [N]; NaN: nothing."""
        solvers: dict[str, Callable[[], Floats]] = {
            "linear": lambda: on_the_line(self.values, segments, self.linear_intervals),
            "like_days": lambda: mean_of_like_days(self.values, segments, self.days, self.within_days),
            "two_weeks": lambda: mean_of_two_weeks(self.values, segments, self.days),
            "class_profile": lambda: of_the_class(self.values, segments, self.days, self.profiles, self.within_days),
        }
        return solvers[rung]()


def linear(trusted: Panel, wanted: Found, calendar: Calendar, *, hours: float = 2.0) -> Floats:
    """The straight line between the readings beside a gap of at most `hours` [h]."""
    values, days = without(trusted, wanted), DaySlots.of(trusted, calendar)
    segments = Segments.of(values, *np.nonzero(wanted), days)
    return segments.scatter(on_the_line(values, segments, intervals(hours, trusted)), values.shape)


def like_days(trusted: Panel, wanted: Found, calendar: Calendar, *, within_days: int = 28) -> Floats:
    """The mean of the three nearest days of the same type that have all slots of the gap."""
    values, days = without(trusted, wanted), DaySlots.of(trusted, calendar)
    segments = Segments.of(values, *np.nonzero(wanted), days)
    return segments.scatter(mean_of_like_days(values, segments, days, within_days), values.shape)


def two_weeks(trusted: Panel, wanted: Found, calendar: Calendar) -> Floats:
    """The mean of the like days one and two weeks before and after that have all slots of the gap."""
    values, days = without(trusted, wanted), DaySlots.of(trusted, calendar)
    segments = Segments.of(values, *np.nonzero(wanted), days)
    return segments.scatter(mean_of_two_weeks(values, segments, days), values.shape)


def class_profile(
    trusted: Panel,
    wanted: Found,
    calendar: Calendar,
    *,
    profiles: ClassProfiles | None = None,
    within_days: int = 28,
) -> Floats:
    """The load profile of the meter's class at its own level; by default all meters of the panel are one class."""
    values, days = without(trusted, wanted), DaySlots.of(trusted, calendar)
    profiles = profiles or class_profiles(trusted.replace(values), calendar)
    segments = Segments.of(values, *np.nonzero(wanted), days)
    return segments.scatter(of_the_class(values, segments, days, profiles, within_days), values.shape)


def intervals(hours: float, panel: Panel) -> int:
    """How many whole intervals of a panel fit into so many hours."""
    return int(hours * 60 // panel.step_minutes)
