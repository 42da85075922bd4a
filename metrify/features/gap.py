"""The gap frame: each missing interval beside all that is known around it, before and after.

This is no forecast: gaps are filled in hindsight, when the readings after them have come. What a row holds was known at
its `issue_time`, the end of the readings; an interval after the last reading is answered from what came before it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.analogs import ANALOGS, compare
from metrify.features.feature import TARGET_UNIT, Feature
from metrify.features.hindsight import STATISTICS, describe, usual
from metrify.localdays import DaySlots
from metrify.localtime import Calendar, local_times
from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Found
from metrify.vee.ladder.classprofile import ClassProfiles, class_profiles
from metrify.vee.ladder.rungs import Ladder, intervals
from metrify.vee.ladder.segments import Segments, without

__all__ = ["FEATURES", "LOOKBACK_DAYS", "RUNGS", "gap_frame"]

LOOKBACK_DAYS = 43
"""Local days on each side of a gap that its rows look at: four weeks, two more that say what was usual, and a rest."""

RUNGS = (
    Feature("linear", TARGET_UNIT, "the straight line between the readings beside the gap, however long it is"),
    Feature("like_days", TARGET_UNIT, "mean of the three nearest days of the same type"),
    Feature("two_weeks", TARGET_UNIT, "mean of the like days one and two weeks before and after"),
    Feature("class_profile", TARGET_UNIT, "load profile of the meter's class at the meter's level"),
)
"""What the rungs of the estimation ladder answer."""

FEATURES: tuple[Feature, ...] = (
    *RUNGS,
    *STATISTICS,
    *ANALOGS,
    Feature("fleet_unusual", "levels", "mean over the other meters of value minus usual, each by its own level"),
    Feature("minute", "min", "local time of day"),
    Feature("weekday", "", "day of the week, 0 is Monday"),
    Feature("day_type", "", "0 working day, 1 Saturday, 2 Sunday, 3 public holiday"),
)


def gap_frame(
    trusted: Panel,
    wanted: Found,
    calendar: Calendar,
    *,
    profiles: ClassProfiles | None = None,
    settings: VeeSettings | None = None,
) -> pd.DataFrame:
    """One row per wanted interval, by meter and time; nothing in it comes from a wanted interval.

    Columns: meter_id (categorical); timestamp and issue_time (end of the panel), datetime64[s] UTC; FEATURES, and
    `ladder`, what the rungs answer first with these settings (all float32). `trusted` [M, T] holds measured readings of
    which none is doubtful; `profiles` and `settings` are by default those of its meters and the default ones.
    """
    values = without(trusted, wanted)
    panel, days = trusted.replace(values), DaySlots.of(trusted, calendar)
    cells = np.nonzero(wanted)
    keys = {
        "meter_id": pd.Categorical.from_codes(cells[0].astype(np.int32), trusted.meter_ids),
        "timestamp": trusted.times[cells[1]],
        "issue_time": np.full(len(cells[0]), trusted.end),
    }
    profiles, settings = profiles or class_profiles(panel, calendar), settings or VeeSettings()
    short = intervals(settings.linear_hours, panel)
    rungs = _rungs(Ladder(values, days, profiles, short, settings.like_days_within), cells)
    clock = local_times(trusted.times, calendar.zone)
    when = {
        "minute": clock.minute[cells[1]],
        "weekday": clock.weekday[cells[1]],
        "day_type": days.kind[days.day[cells[1]]],
    }
    columns = rungs | _around(panel, days, cells) | when
    names = [*(feature.name for feature in FEATURES), "ladder"]
    return pd.DataFrame(keys | {name: columns[name].astype(np.float32) for name in names})


def _rungs(ladder: Ladder, cells: tuple[NDArray, NDArray]) -> dict[str, NDArray[np.float32]]:
    """What each of RUNGS answers, and what the ladder does, [N] each."""
    segments = Segments.of(ladder.values, *cells, ladder.days)
    found = {rung.name: ladder.solve(rung.name, segments) for rung in RUNGS}
    first = found["linear"]
    for rung in RUNGS[1:]:
        first = np.where(np.isnan(first), found[rung.name], first)
    longest = replace(ladder, linear_intervals=ladder.values.shape[1])
    return found | {"linear": longest.solve("linear", segments), "ladder": first}


def _around(panel: Panel, days: DaySlots, cells: tuple[NDArray, NDArray]) -> dict[str, NDArray[np.float32]]:
    """STATISTICS, ANALOGS and what the fleet did, [N] each."""
    clock, per_hour = (days.day, days.slot, days.at, days.kind), 60 / panel.step_minutes
    expected, holes = usual(panel.values, clock), _holes(panel.mask, cells)
    statistics = np.empty((len(STATISTICS), len(cells[0])), np.float32)
    describe(panel.values, expected, cells, holes, clock, per_hour, statistics)
    analogs = np.empty((len(ANALOGS), len(cells[0])), np.float32)
    compare(panel.values, cells, holes, clock, per_hour, analogs)
    names = [feature.name for feature in (*STATISTICS, *ANALOGS)]
    columns = dict(zip(names, np.concatenate([statistics, analogs]), strict=True))
    return columns | {"fleet_unusual": _fleet(panel.values, expected)[cells[1]]}


def _holes(known: Found, cells: tuple[NDArray, NDArray]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First column of the run without readings around each cell, and the one after its last, [N]."""
    width = known.shape[1]
    number = np.arange(width)
    before = np.maximum.accumulate(np.where(known, number, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, number, width)[:, ::-1], axis=1)[:, ::-1]
    return before[cells] + 1, after[cells]


def _fleet(values: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float64]:
    """How unusual each interval is in the mean of the meters that have a reading there, [T]; NaN: none has.

    A meter that misses the interval is not among them, so its own readings say nothing of it.
    """
    known = np.isfinite(values)
    level = np.where(known, np.abs(values), 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    compared = known & np.isfinite(expected) & (level > 0)[:, None]
    shares = np.where(compared, values - expected, 0) / np.where(level > 0, level, 1)[:, None]
    count = compared.sum(axis=0)
    return np.where(count > 0, shares.sum(axis=0) / np.maximum(count, 1), np.nan)
