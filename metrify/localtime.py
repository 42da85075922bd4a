"""Local time and holidays: the lake stores UTC, people live by the clock on the wall."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import BadValue

__all__ = [
    "Calendar",
    "LocalTimes",
    "add",
    "country_error",
    "day_start",
    "holiday_days",
    "local_times",
    "parse_time",
    "to_utc",
    "zone_error",
]

Times = NDArray[np.datetime64]
_SPAN = re.compile(r"(\d+)(d|h|min)")
_COUNTRY = re.compile(r"[A-Z]{2,3}")


@dataclass(frozen=True)
class LocalTimes:
    """Clock readings at a place, each of shape [N]."""

    day: NDArray[np.int32]
    """days since 1970-01-01 by the local calendar"""
    minute: NDArray[np.int16]
    """minute of the local day as the clock shows it, 0 to 1439 (an hour is repeated in autumn, left out in spring)"""

    @property
    def weekday(self) -> NDArray[np.int8]:
        """0 is Monday."""
        return ((self.day + 3) % 7).astype(np.int8)  # 1970-01-01 was a Thursday

    @property
    def day_of_year(self) -> NDArray[np.int16]:
        """1 is the first of January."""
        dates = self.day.astype("datetime64[D]")
        return ((dates - dates.astype("datetime64[Y]")).astype(np.int16) + 1).astype(np.int16)


def parse_time(text: str, field: str) -> np.datetime64:
    """A date or time (UTC unless it says otherwise) as datetime64[s]. Raises BadValue."""
    try:
        stamp = pd.Timestamp(text)
    except ValueError as error:
        raise BadValue(field, "a date or time such as 2013-11-01 or 2013-11-01T00:00Z", text) from error
    stamp = stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
    return stamp.to_numpy().astype("datetime64[s]")


def zone_error(zone: str) -> str | None:
    """Why `zone` is no IANA time zone, or None if it is one."""
    try:
        pd.Timestamp(0, tz=zone)
    except (KeyError, ValueError, OSError) as error:
        return f"{zone!r} is no IANA time zone such as Europe/London ({error})"
    return None


def local_times(times: Times, zone: str) -> LocalTimes:
    """What the clock at `zone` shows at `times` [UTC]."""
    local = pd.DatetimeIndex(times.astype("datetime64[s]")).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    minutes = local.to_numpy().astype("datetime64[m]").astype(np.int64)
    return LocalTimes((minutes // 1440).astype(np.int32), (minutes % 1440).astype(np.int16))


def day_start(days: NDArray[np.int32], zone: str) -> Times:
    """UTC start of local days (days since 1970-01-01), datetime64[s]; where midnight is skipped, the first moment."""
    midnights = pd.DatetimeIndex(np.asarray(days).astype("datetime64[D]").astype("datetime64[s]"))
    local = midnights.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(midnights), bool))
    return local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")


def to_utc(stamps: Times, zone: str, series: NDArray | None = None) -> tuple[Times, NDArray[np.object_]]:
    """Read clock stamps without an offset as UTC; say for each that cannot be read why (None where it can).

    `series` [N] says which stamps belong together, such as the meter of each: rows of many meters may interleave.
    In the repeated hour of autumn a stamp that is there twice in its series is read by its order, the order of
    time; alone, or there more than twice, it is ambiguous and refused. A stamp in the skipped hour of spring does
    not exist. Stamps that are NaT stay NaT, without a reason.
    """
    naive = pd.DatetimeIndex(stamps)
    reasons = np.full(len(naive), None, dtype=object)
    utc = naive.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    doubtful = np.flatnonzero(np.asarray(utc.isna() & naive.notna()))
    result = _plain(utc)
    if not len(doubtful):
        return result, reasons
    summer = naive[doubtful].tz_localize(zone, ambiguous=np.ones(len(doubtful), bool), nonexistent="NaT")
    winter = naive[doubtful].tz_localize(zone, ambiguous=np.zeros(len(doubtful), bool), nonexistent="NaT")
    exists = np.asarray(summer.notna())
    reasons[doubtful[~exists]] = f"this clock time does not exist in {zone}: the clock was put forward"
    keys = pd.DataFrame({"series": 0 if series is None else series[doubtful], "stamp": naive[doubtful]})
    occurrence = keys.groupby(["series", "stamp"], sort=False).cumcount().to_numpy()
    count = keys.groupby(["series", "stamp"], sort=False)["stamp"].transform("size").to_numpy()
    paired = exists & (count == 2)
    chosen = np.where(occurrence == 1, _plain(winter), _plain(summer))
    result[doubtful[paired]] = chosen[paired]
    reasons[doubtful[exists & ~paired]] = (
        f"this clock time happens twice in {zone}: the clock was put back; give an offset"
    )
    return result, reasons


def _plain(times: pd.DatetimeIndex) -> Times:
    return times.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")


def add(times: Times, span: str, zone: str) -> Times:
    """Add a span such as `30min`, `24h` or `2d` to UTC times. Days are local: a day can have 23 or 25 hours.

    Raises BadValue for anything else.
    """
    found = _SPAN.fullmatch(span)
    if not found:
        raise BadValue("span", "a whole number of days, hours or minutes such as 1d, 24h, 30min", span)
    amount, unit = int(found[1]), found[2]
    if unit != "d":
        return times.astype("datetime64[s]") + np.timedelta64(amount * (3600 if unit == "h" else 60), "s")
    local = pd.DatetimeIndex(times.astype("datetime64[s]")).tz_localize("UTC").tz_convert(zone)
    moved = local + pd.DateOffset(days=amount)
    return moved.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")


def country_error(country: str, subdivision: str = "") -> str | None:
    """Why no public holidays are known for a country, or a region of it; None if they are."""
    if not _has_holidays(country, ""):
        return f"{country!r} is no ISO 3166 country with known holidays, such as GB"
    if subdivision and not _has_holidays(country, subdivision):
        import holidays

        known = ", ".join(holidays.country_holidays(country).subdivisions) or "none"
        return f"{subdivision!r} is no region of {country} with holidays of its own; leave it empty (known: {known})"
    return None


@lru_cache(maxsize=256)
def holiday_days(country: str, subdivision: str, first_year: int, last_year: int) -> frozenset[int]:
    """Public holidays of a country or region as days since 1970-01-01; none for a country that is not known.

    A region that is not known has the holidays of its country. Either is logged, once.
    """
    import holidays

    _warn_of_unknown(country, subdivision)
    if not _has_holidays(country, ""):
        return frozenset()
    region = subdivision if subdivision and _has_holidays(country, subdivision) else None
    found = holidays.country_holidays(country, subdiv=region, years=range(first_year, last_year + 1))
    return frozenset(int(np.datetime64(date, "D").astype(np.int64)) for date in found)


@lru_cache(maxsize=256)
def _has_holidays(country: str, subdivision: str) -> bool:
    import holidays

    if not _COUNTRY.fullmatch(country):  # the library takes any name in its module for a country
        return False
    try:
        holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError:  # what the library raises for a place that it does not know
        return False
    return True


@lru_cache(maxsize=256)
def _warn_of_unknown(country: str, subdivision: str) -> None:
    problem = country_error(country, subdivision)
    if problem:
        logging.getLogger(__name__).warning("Public holidays: %s", problem)


@dataclass(frozen=True)
class Calendar:
    """The clock and the holidays that a group of meters lives by."""

    zone: str
    country: str = ""
    subdivision: str = ""
    extra_holidays: frozenset[int] = frozenset()
    """days of the HOLIDAY table, as days since 1970-01-01"""

    def off_days(self, days: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether each local day is a public holiday."""
        if not len(days):
            return np.zeros(0, bool)
        known = self.extra_holidays
        if self.country:
            years = (
                np.asarray([days.min(), days.max()]).astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
            )
            known = known | holiday_days(self.country, self.subdivision, int(years[0]), int(years[1]))
        return np.isin(days, np.fromiter(known, np.int64, len(known)))
