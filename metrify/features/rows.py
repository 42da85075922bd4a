"""Forecast rows: which intervals are answered for which issue time, and where each lies in local days and slots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify import localtime
from metrify.errors import BadValue
from metrify.localtime import Calendar, LocalTimes

__all__ = ["ForecastRows", "issue_times", "slots_per_day"]

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class ForecastRows:
    """R rows that are the same for every meter of one calendar and interval length.

    Row r answers for the interval that starts at `times[r]`, issued at `issues[issue[r]]`.
    """

    calendar: Calendar
    step_minutes: int
    issues: Times
    """issue times, ascending, shape [I]"""
    issue: NDArray[np.int32]
    """index into `issues`, shape [R]"""
    times: Times
    """starts of the answered intervals, shape [R]"""
    local: LocalTimes
    """the clock at `times`, shape [R]"""

    @classmethod
    def build(cls, issues: Times, horizon: str, step_minutes: int, calendar: Calendar) -> ForecastRows:
        """All intervals from each issue time on, for `horizon` (`24h`; `1d` is a local day of 23 to 25 hours)."""
        slots_per_day(step_minutes)
        step = np.timedelta64(step_minutes * 60, "s")
        issues = np.sort(issues.astype("datetime64[s]"))
        lengths = (localtime.add(issues, horizon, calendar.zone) - issues) // step
        if len(lengths) and lengths.min() < 1:
            raise BadValue("horizon", f"at least one interval of {step_minutes} minutes", horizon)
        issue = np.repeat(np.arange(len(issues), dtype=np.int32), lengths)
        first_row = np.repeat(np.cumsum(lengths) - lengths, lengths)
        lead = np.arange(len(issue)) - first_row
        times = issues[issue] + lead * step
        return cls(calendar, step_minutes, issues, issue, times, localtime.local_times(times, calendar.zone))

    def at(self, where: NDArray[np.int_]) -> ForecastRows:
        """Only these rows, for the same issue times."""
        local = LocalTimes(self.local.day[where], self.local.minute[where])
        return replace(self, issue=self.issue[where], times=self.times[where], local=local)

    def issued_once(self, issue: int) -> ForecastRows:
        """Rows that all belong to issue number `issue`, with that as their only issue time."""
        return replace(self, issues=self.issues[issue : issue + 1], issue=np.zeros_like(self.issue))

    @property
    def lead_minutes(self) -> NDArray[np.int32]:
        return ((self.times - self.issues[self.issue]) // np.timedelta64(60, "s")).astype(np.int32)

    @property
    def slot(self) -> NDArray[np.int32]:
        """Interval of the local day, shape [R]."""
        return (self.local.minute // self.step_minutes).astype(np.int32)

    def known_day(self) -> NDArray[np.int32]:
        """Last local day on which each slot had ended by the issue time, shape [I, S], days since 1970-01-01."""
        return ((self._clock()[:, None] - self._slot_ends()[None, :]) // 1440).astype(np.int32)

    def minutes_since(self, day: NDArray[np.int32]) -> NDArray[np.int64]:
        """Minutes by the clock from the end of each row's slot on local `day` to the row's issue time, shape [R]."""
        return self._clock()[self.issue] - (day.astype(np.int64) * 1440 + self._slot_ends()[self.slot])

    def _clock(self) -> NDArray[np.int64]:
        """What the clock shows at each issue time, in minutes since 1970 of the local calendar, shape [I].

        Where the clock is about to be put back, the repeated hour is not over: it counts as far as it falls back.
        """
        ahead = np.arange(0, 61, 15) * np.timedelta64(60, "s")
        soon = localtime.local_times((self.issues[:, None] + ahead).ravel(), self.calendar.zone)
        return (soon.day.astype(np.int64) * 1440 + soon.minute).reshape(-1, len(ahead)).min(axis=1)

    def _slot_ends(self) -> NDArray[np.int64]:
        """Minutes after local midnight at which slots end, shape [S]; beyond their own time where they begin askew."""
        askew = int((self.local.minute % self.step_minutes).max(initial=0))
        return (np.arange(slots_per_day(self.step_minutes)) + 1) * self.step_minutes + askew


def slots_per_day(step_minutes: int) -> int:
    """Intervals of an ordinary day. Raises BadValue where the length does not divide a day."""
    if step_minutes < 1 or 1440 % step_minutes:
        raise BadValue("interval length", "minutes that divide a day, such as 15, 30, 60", step_minutes)
    return 1440 // step_minutes


def issue_times(first: np.datetime64, until: np.datetime64, issue_at: str, zone: str) -> Times:
    """One issue time a local day, at the clock time `issue_at`, from `first` up to but without `until` [UTC]."""
    bounds = localtime.local_times(np.array([first, until], "datetime64[s]"), zone).day
    days = np.arange(bounds[0], bounds[1] + 1, dtype=np.int32)
    hour, minute = map(int, issue_at.split(":"))
    naive = days.astype("datetime64[D]").astype("datetime64[s]") + np.timedelta64(hour * 3600 + minute * 60, "s")
    local = pd.DatetimeIndex(naive).tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(naive), bool))
    times = local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")
    return times[(times >= first) & (times < until)]
