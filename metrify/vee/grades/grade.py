"""Grades of meter-days: how much was measured, how much had to be estimated and by what, how much is not known.

A: every interval has a valid measurement, and no rule of severity warning holds.
B: every interval has a value; measured are at least `measured_b` of them, or all, but a rule warned of some.
C: every interval has a value; at least `measured_c` of them are measured.
D: every interval has a value; fewer are measured, or more than `profile_d` come from the class's profile.
E: an interval has no value: the day cannot be billed.
F: at least `empty_f` of the intervals have no value.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.localdays import LocalDays
from metrify.settings import GradeSettings
from metrify.vee.edits.inforce import MANUAL
from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.grades.words import Tallies, words
from metrify.vee.rules import RULES

__all__ = ["grades", "letters"]

_PROFILE = "class_profile"
Times = NDArray[np.datetime64]


def letters(day: Tallies, settings: GradeSettings) -> NDArray[np.str_]:
    """The grade of each meter-day, [N]."""
    of = np.maximum(day.intervals, 1)
    measured = day.measured / of
    holds = {
        "F": day.empty >= settings.empty_f * of,
        "E": day.empty > 0,
        "D": (measured < settings.measured_c) | (day.profiled > settings.profile_d * of),
        "C": measured < settings.measured_b,
        "B": (day.measured < day.intervals) | (day.doubtful > 0),
    }
    return np.select(list(holds.values()), list(holds), "A")


def grades(
    evidence: Evidence, flags: Flags, repairs: pd.DataFrame, settings: GradeSettings, ends: Times
) -> pd.DataFrame:
    """GRADE rows without `graded_at`: one a meter and local day, from the day of its first reading on.

    `repairs` are the edits that hold: row and column in the panel, and method, of each. `ends` [M] is until when each
    meter should have readings [UTC]: an interval that starts before and has none is without a value.
    """
    evidence, flags = _until(evidence, flags, ends)
    panel = evidence.panel
    if not panel.values.size:
        return _frame(np.empty(0, str), np.empty(0, "datetime64[D]"), np.empty(0, str), _nothing(), np.empty(0, object))
    days = LocalDays.of(panel, evidence.calendar.zone)
    valid = panel.mask & ((flags & _rules_of("error")) == 0)
    valid[repairs["row"], repairs["column"]] = False
    expected = _expected(evidence, repairs, ends)
    valid &= expected
    intervals = days.counts(expected)
    row, day = np.nonzero(intervals)
    of = days.spread(np.arange(len(days.dates)))
    tallies = Tallies(
        intervals[row, day],
        days.counts(valid)[row, day],
        *(_counted(some, of, intervals.shape)[row, day] for some in _kinds(repairs)),
        days.counts(valid & ((flags & _rules_of("warning")) > 0))[row, day],
    )
    grade = letters(tallies, settings)
    told = np.flatnonzero(grade != "A")
    hours = days.runs(expected & ~valid)[0][row, day] * (panel.step_minutes / 60)
    reason = words(tallies, days.rules(flags)[row, day], hours, _methods(of, repairs, row, day), told)
    return _frame(panel.meter_ids[row], days.dates[day].astype("datetime64[D]"), grade, tallies, reason)


def _until(evidence: Evidence, flags: Flags, ends: Times) -> tuple[Evidence, Flags]:
    """The panel and its flags, made longer by empty intervals where readings should go on after it."""
    panel = evidence.panel
    last = ends.max() if len(ends) else panel.end
    more = -int((panel.end - last.astype("datetime64[s]")) // np.timedelta64(panel.step_minutes * 60, "s"))
    if more <= 0:
        return evidence, flags
    values = np.pad(panel.values, ((0, 0), (0, more)), constant_values=np.nan)
    longer = Evidence(panel.replace(values), evidence.signed, calendar=evidence.calendar, column=evidence.column)
    return longer, np.pad(flags, ((0, 0), (0, more)))


def _expected(evidence: Evidence, repairs: pd.DataFrame, ends: Times) -> Found:
    """Which intervals should have a value, [M, T]: from each meter's first on to the end, or its last if that is later.

    A meter without any should have had them all.
    """
    there = evidence.panel.mask.copy()
    there[repairs["row"], repairs["column"]] = True
    silent = ~there.any(axis=1)
    begun = np.logical_or.accumulate(there, axis=1) | silent[:, None]
    last = np.logical_or.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    return begun & (last | (evidence.panel.times < ends[:, None]))


def _rules_of(severity: str) -> np.uint32:
    return np.bitwise_or.reduce([np.uint32(0), *(np.uint32(1 << r.bit) for r in RULES if r.severity == severity)])


def _kinds(repairs: pd.DataFrame) -> Iterable[pd.DataFrame]:
    """Estimated, edited by hand, and from the class's profile."""
    manual = repairs["method"] == MANUAL
    return repairs[~manual], repairs[manual], repairs[repairs["method"] == _PROFILE]


def _counted(repairs: pd.DataFrame, of: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """How many there are in each day, [M, D]; `of` is the place of each interval's day, [T]."""
    found = np.zeros(shape, np.int64)
    np.add.at(found, (repairs["row"].to_numpy(), of[repairs["column"]]), 1)
    return found


def _methods(of: NDArray, repairs: pd.DataFrame, row: NDArray, day: NDArray) -> dict[int, dict[str, int]]:
    """How often which method stands in, by place in `row` and `day`; what was edited by hand is counted apart."""
    automatic = repairs[repairs["method"] != MANUAL]
    cells = automatic.assign(day=of[automatic["column"]])
    place = np.full((int(row.max(initial=-1)) + 1, int(of[-1]) + 1), -1)
    place[row, day] = np.arange(len(row))
    found: dict[int, dict[str, int]] = {}
    for (r, d, method), count in cells.groupby(["row", "day", "method"]).size().items():
        found.setdefault(int(place[r, d]), {})[str(method)] = int(count)
    return found


def _nothing() -> Tallies:
    return Tallies(*(np.empty(0, np.int64) for _ in range(6)))


def _frame(meter_ids: NDArray, dates: Times, grade: NDArray, day: Tallies, reason: NDArray) -> pd.DataFrame:
    of = np.maximum(day.intervals, 1)
    shares = {"measured": day.measured / of, "estimated": (day.estimated + day.edited) / of}
    keys = {"meter_id": meter_ids.astype(object), "local_date": dates}
    return pd.DataFrame({**keys, "grade": grade, **shares, "reason": reason})
