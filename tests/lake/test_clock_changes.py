"""Stamps without an offset on the days of 23 and 25 hours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metrify.localtime import to_utc

ZONE = "Europe/London"
AUTUMN, SPRING = "2013-10-27", "2013-03-31"


def _day(day: str, minutes: int) -> tuple[np.ndarray, np.ndarray]:
    """Every interval of a local day: its UTC start, and what the clock shows then."""
    ends = pd.date_range(day, periods=2, freq="D", tz=ZONE)
    moments = pd.date_range(*ends, freq=f"{minutes}min", inclusive="left")
    return moments.tz_convert("UTC").tz_localize(None).to_numpy("M8[us]"), moments.tz_localize(None).to_numpy("M8[us]")


@pytest.mark.parametrize(("day", "hours"), [(AUTUMN, 25), (SPRING, 23), ("2013-06-01", 24)])
@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_a_whole_day_reads_back_as_it_was(day: str, hours: int, minutes: int) -> None:
    utc, clock = _day(day, minutes)
    assert len(utc) == hours * 60 / minutes
    found, reasons = to_utc(clock, ZONE)
    assert np.array_equal(found, utc)
    assert not any(reasons)


@pytest.mark.parametrize("order", ["by meter", "by time", "shuffled between meters"])
def test_the_repeated_hour_is_paired_within_each_meter(order: str) -> None:
    utc, clock = _day(AUTUMN, 30)
    meters, count = 5, len(clock)
    series = np.repeat(np.arange(meters), count)
    place = np.tile(np.arange(count), meters)
    if order == "by time":
        take = np.lexsort((series, place))
    elif order == "by meter":
        take = np.arange(len(series))
    else:  # meters interleave at random, each in its own order of time
        turn = np.random.default_rng(0).permutation(series)
        take = np.empty(len(series), int)
        for meter in range(meters):
            take[turn == meter] = np.flatnonzero(series == meter)
    found, reasons = to_utc(clock[place[take]], ZONE, series[take])
    assert np.array_equal(found, utc[place[take]])
    assert not any(reasons)


def test_without_series_rows_of_several_meters_are_not_guessed_at() -> None:
    _, clock = _day(AUTUMN, 60)
    found, reasons = to_utc(np.concatenate([clock, clock]), ZONE)
    assert np.isnat(found).sum() == 4
    assert sum("happens twice" in reason for reason in reasons if reason) == 4


def test_a_lone_stamp_of_the_repeated_hour_is_refused_and_so_is_one_of_the_skipped_hour() -> None:
    stamps = np.array(["2013-10-27T00:30", "2013-10-27T01:30", "2013-03-31T01:30", "NaT"], "M8[us]")
    found, reasons = to_utc(stamps, ZONE)
    assert found[0] == np.datetime64("2013-10-26T23:30")
    assert np.isnat(found[1:]).all()
    assert reasons[0] is None
    assert "happens twice" in reasons[1]
    assert "does not exist" in reasons[2]
    assert reasons[3] is None
