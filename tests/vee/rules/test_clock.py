"""Rules about clocks that run wrong."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.localtime import local_times
from tests.vee.evidence import LONDON, START, home, places

DAY = 24


def shifted(values: np.ndarray, hours: int, first: int, until: int) -> np.ndarray:
    """Stamped `hours` too late from day `first` to before day `until`."""
    moved, part = values.copy(), slice(DAY * first, DAY * until)
    moved[:, part] = np.roll(values, hours, axis=1)[:, part]
    return moved


def days_of(found: list[int]) -> list[int]:
    return sorted({place // DAY for place in found})


@pytest.mark.parametrize("hours", [2, -2, 5, -9])
def test_a_clock_that_is_wrong_for_two_weeks_is_found_with_its_days(hours: int) -> None:
    found = days_of(places(shifted(home(200), hours, 100, 116), "clock_shift"))
    assert set(range(101, 115)) <= set(found) <= set(range(99, 117))


def test_a_right_clock_a_small_error_and_a_few_days_are_not_told() -> None:
    assert places(home(200), "clock_shift") == []
    assert places(shifted(home(200), 1, 100, 130), "clock_shift") == []
    assert places(shifted(home(200), 5, 100, 105), "clock_shift") == []


def test_two_stretches_are_both_found_and_nothing_is_said_at_once() -> None:
    values = shifted(shifted(home(300), 4, 60, 80), -3, 200, 216)
    found = days_of(places(values, "clock_shift"))
    assert {70, 208} <= set(found)
    assert not set(range(85, 195)) & set(found)
    assert places(values, "clock_shift", hindsight=False) == []


def test_a_meter_without_shape_or_finer_than_days_says_nothing() -> None:
    assert places(np.random.default_rng(1).gamma(2, 0.2, (1, DAY * 200)), "clock_shift") == []
    assert places(home(200)[:, :400], "clock_shift", 120) == []
    assert places(np.full((1, DAY * 200), np.nan), "clock_shift") == []


def by_the_wall(days: int, zone: str = LONDON.zone) -> np.ndarray:
    """A home that lives by the clock on the wall, hourly readings from 2020 on, in UTC."""
    times = START + np.arange(days * DAY) * np.timedelta64(3600, "s")
    hour = local_times(times, zone).minute / 60
    usual = 0.2 + np.exp(-((hour - 7.5) ** 2) / 2) + 2 * np.exp(-((hour - 19) ** 2) / 5)
    return (usual * np.random.default_rng(3).gamma(4.0, 0.25, len(hour)))[None]


def test_a_missed_change_of_the_clock_is_told_from_one_change_to_the_next() -> None:
    right, missed = by_the_wall(366), home(366)  # the second stays with standard time all year
    assert places(right, "dst_shift", calendar=LONDON) == []
    found = days_of(places(missed, "dst_shift", calendar=LONDON))
    assert (found[0], found[-1], len(found)) == (88, 297, 210)  # 2020-03-29 to 2020-10-24
    assert places(missed, "dst_shift") == []  # UTC has no changes
    assert places(missed, "dst_shift", calendar=LONDON, hindsight=False) == []


def test_a_change_made_twice_is_told_too_and_one_change_is_enough() -> None:
    twice = by_the_wall(366)
    twice[:, DAY * 88 : DAY * 298] = np.roll(twice, -1, axis=1)[:, DAY * 88 : DAY * 298]
    assert len(days_of(places(twice, "dst_shift", calendar=LONDON))) == 210
    assert days_of(places(twice[:, : DAY * 150], "dst_shift", calendar=LONDON)) == list(range(88, 150))
    assert places(twice[:, : DAY * 92], "dst_shift", calendar=LONDON) == []


def test_a_timer_that_stays_with_standard_time_is_no_wrong_clock() -> None:
    values = by_the_wall(366)
    values[0, 3::DAY] += 2  # a boiler, every night from 3 to 4 UTC
    assert places(values, "dst_shift", calendar=LONDON) == []


def test_a_new_habit_is_no_wrong_clock() -> None:
    values = home(200)
    for day in range(100, 120):
        values[0, DAY * day + 10] += 4  # somebody washes
    assert places(values, "clock_shift") == []


def test_what_follows_the_sun_is_not_judged_by_the_wall() -> None:
    missed = home(366) - 0.5
    assert places(missed, "dst_shift", calendar=LONDON, exports=True) == []
    assert places(home(366), "dst_shift", calendar=LONDON, column="kwh_export") == []
