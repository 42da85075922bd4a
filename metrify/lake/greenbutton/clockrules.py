"""The clock of a place as ESPI writes it: LocalTimeParameters, with the rules of daylight saving in 32 bits each."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

__all__ = ["ClockRules", "clock_rules"]

_ON_THE_DAY, _FIRST, _LAST = 0, 2, 7
"""Operators of a rule: on this day of the month; on the first (3: second ... 6: fifth), on the last such weekday."""


@dataclass(frozen=True)
class ClockRules:
    """Offsets [s] to UTC in winter and beyond it in summer, and the moments of change as hexadecimal rules."""

    offset: int
    summer: int
    start: str
    end: str


def clock_rules(zone: str, year: int) -> ClockRules:
    """The rules of an IANA zone around a year; a place without daylight saving has none.

    A rule of DstRuleType (NAESB REQ.21) holds, from its lowest bit: second 12, hour 5, day of the week 3 (1 is Monday),
    day of the month 5, operator 3, month 4 bits; its time is that of the clock before the change.
    """
    place = ZoneInfo(zone)
    years = range(year - 1, year + 3)
    changes = {one: _changes(place, one) for one in years}
    now = changes[year]
    if len(now) != 2:
        return ClockRules(_offset(place, datetime(year, 1, 1, tzinfo=UTC)), 0, "00000000", "00000000")
    starts = [next((c for c in found if c.forward), None) for found in changes.values()]
    ends = [next((c for c in found if not c.forward), None) for found in changes.values()]
    own = sorted(now, key=lambda change: not change.forward)
    standard = min(change.before for change in now)
    return ClockRules(standard, own[0].after - own[0].before, _rule(own[0], starts), _rule(own[1], ends))


@dataclass(frozen=True)
class _Change:
    """One change of the clock, by what it showed before."""

    clock: datetime
    before: int
    after: int

    @property
    def forward(self) -> bool:
        return self.after > self.before

    @property
    def turn(self) -> int:
        """Which such weekday of its month it is, from 1."""
        return (self.clock.day + 6) // 7

    @property
    def last(self) -> bool:
        return self.clock.day + 7 > calendar.monthrange(self.clock.year, self.clock.month)[1]


def _offset(place: ZoneInfo, moment: datetime) -> int:
    shift = moment.astimezone(place).utcoffset()
    return int(shift.total_seconds()) if shift else 0


def _changes(place: ZoneInfo, year: int) -> list[_Change]:
    found = []
    moment = datetime(year, 1, 1, tzinfo=UTC)
    while moment.year == year:
        later = moment + timedelta(days=7)  # no place changes its clock and back within a week
        before, after = _offset(place, moment), _offset(place, later)
        if before != after:
            at = _between(place, moment, later, before)
            found.append(_Change((at + timedelta(seconds=before)).replace(tzinfo=None), before, after))
        moment = later
    return found


def _between(place: ZoneInfo, low: datetime, high: datetime, before: int) -> datetime:
    """The minute from which the offset is another one."""
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=(high - low) // timedelta(minutes=1) // 2)
        low, high = (middle, high) if _offset(place, middle) == before else (low, middle)
    return high


def _rule(own: _Change, years: list[_Change | None]) -> str:
    """The rule that gives the change in each of the years, or else its day in its own year."""
    alike = [c for c in years if c and (c.clock.month, c.clock.weekday()) == (own.clock.month, own.clock.weekday())]
    operator, weekday, day = _ON_THE_DAY, 0, own.clock.day
    if len(alike) == len(years) and all(c.last for c in alike):
        operator, weekday, day = _LAST, own.clock.isoweekday(), 0
    elif len(alike) == len(years) and {c.turn for c in alike} == {own.turn}:
        operator, weekday, day = _FIRST + own.turn - 1, own.clock.isoweekday(), 0
    clock = own.clock
    seconds = clock.minute * 60 + clock.second
    bits = seconds | clock.hour << 12 | weekday << 17 | day << 20 | operator << 25 | clock.month << 28
    return f"{bits:08X}"
