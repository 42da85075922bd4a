"""Figures and times as a person reads them. What is not known is a dash, never a nought."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

__all__ = ["MISSING", "change", "count", "duration", "moment", "number", "percent", "period", "plain", "stretch"]

MISSING = "\N{EN DASH}"
_MINUTE = 60
_THREE_DIGITS = 100
_TWO_DIGITS, _NEXT_TO_NONE = 10, 0.05  # seconds


def percent(share: Any, digits: int = 1) -> str:
    """0.4223 is 42.2 %."""
    return MISSING if pd.isna(share) else f"{share:.{digits}%}".replace("%", "\N{NO-BREAK SPACE}%")


def change(share: Any) -> str:
    """A share with its sign: -0.068 is -6.8 %, with a minus that is one."""
    text = percent(share)
    if text == MISSING or not text.strip("-0.%\N{NO-BREAK SPACE}"):
        return text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}") if share < 0 else f"+{text}"


def number(value: Any) -> str:
    """Three significant digits: 0.21934 is 0.219, 1234.5 is 1,234."""
    if pd.isna(value):
        return MISSING
    if abs(value) >= _THREE_DIGITS:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def count(value: Any) -> str:
    """A whole number with its thousands apart."""
    return MISSING if pd.isna(value) else f"{int(value):,}"


def plain(value: Any) -> str:
    """A name or setting as it is; a whole number without a point, though a gap made its column one of floats."""
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return MISSING
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: Any) -> str:
    """< 0.1 s, 0.4 s, 12 s, 2 min 05 s, 1 h 02 min."""
    if pd.isna(seconds):
        return MISSING
    if seconds < _NEXT_TO_NONE:
        return "< 0.1 s"
    if seconds < _TWO_DIGITS:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02d} min"


def moment(time: datetime) -> str:
    """A time to the minute with its zone."""
    return f"{time:%Y-%m-%d %H:%M} {time.tzname() or 'UTC'}"


def period(first: datetime, until: datetime, zone: str) -> str:
    """From the first to the last local day, both included."""
    clock = ZoneInfo(zone)
    start, end = (pd.to_datetime(time, utc=True).tz_convert(clock) for time in (first, until))
    return f"{start:%Y-%m-%d} to {end - timedelta(seconds=1):%Y-%m-%d}"


def stretch(first: datetime, until: datetime, zone: str) -> str:
    """From when to when by the clock of the place: 2024-10-27 00:30 BST to 03:00 GMT; what is the same is said once."""
    start, end = (pd.to_datetime(time, utc=True).tz_convert(zone) for time in (first, until))
    begin = f"{start:%Y-%m-%d %H:%M}" if start.tzname() == end.tzname() else f"{start:%Y-%m-%d %H:%M %Z}"
    return f"{begin} to {end:%H:%M %Z}" if start.date() == end.date() else f"{begin} to {end:%Y-%m-%d %H:%M %Z}"
