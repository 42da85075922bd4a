"""What each rung of the estimation ladder answers by itself."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.localtime import Calendar
from metrify.vee.ladder.classprofile import class_profiles
from metrify.vee.ladder.rungs import class_profile, like_days, linear, two_weeks
from tests.vee.meters import LONDON, hours_of, panel_of, telling

UTC = Calendar("UTC")


@pytest.mark.parametrize(("step", "longest"), [(60, 2), (30, 4), (15, 8)])
def test_a_line_joins_the_neighbours_of_a_gap_of_up_to_two_hours(step: int, longest: int) -> None:
    panel = panel_of(np.random.default_rng(1).random((1, 50)), step=step)
    wanted = np.zeros((1, 50), bool)
    wanted[0, 10 : 10 + longest] = wanted[0, 30 : 30 + longest + 1] = True
    answer = linear(panel, wanted, UTC)
    ends = panel.values[0, [9, 10 + longest]]
    np.testing.assert_allclose(answer[0, 10 : 10 + longest], np.linspace(*ends, longest + 2)[1:-1], rtol=1e-5)
    assert np.isfinite(answer).sum() == longest


def test_no_line_at_the_start_or_the_end() -> None:
    panel, wanted = panel_of(np.ones((1, 24))), np.zeros((1, 24), bool)
    wanted[0, [0, 23]] = True
    assert np.isnan(linear(panel, wanted, UTC)).all()


def test_a_reading_that_cannot_be_used_makes_the_gap_longer() -> None:
    panel, wanted = panel_of(np.arange(24.0)[None]), np.zeros((1, 24), bool)
    wanted[0, 10] = True
    panel.values[0, 11] = np.nan
    assert linear(panel, wanted, UTC)[0, 10] == 10
    panel.values[0, 12] = np.nan
    assert np.isnan(linear(panel, wanted, UTC)).all()


def test_like_days_are_the_three_nearest_of_the_same_type() -> None:
    panel = telling()
    monday, saturday = hours_of(panel, "2013-06-24T05", "2013-06-24T09"), hours_of(panel, "2013-06-22", "2013-06-22T02")
    answer = like_days(panel, monday | saturday, LONDON)
    # local time is an hour ahead; Monday is day 22, beside a weekend: the 23rd, 24th and, before, the 19th are nearest
    np.testing.assert_allclose(answer[monday], (2300 + 1900 + 2400) / 3 + np.arange(6, 10))
    # the 20th day's Saturday: the 13th, 27th and, of two as near, the one before
    np.testing.assert_allclose(answer[saturday], (1300 + 2700 + 600) / 3 + np.arange(1, 3))
    assert np.isfinite(answer).sum() == 6


def test_a_like_day_has_all_slots_of_the_gap() -> None:
    panel, gap = telling(), hours_of(telling(), "2013-06-26T05", "2013-06-26T09")
    panel.values[hours_of(panel, "2013-06-25T08", "2013-06-25T09")] = np.nan
    panel.values[hours_of(panel, "2013-06-27T09", "2013-06-27T10")] = np.nan  # beside the gap's slots: no matter
    np.testing.assert_allclose(like_days(panel, gap, LONDON)[gap], (2500 + 2200 + 2600) / 3 + np.arange(6, 10))


def test_fewer_than_three_like_days_are_none() -> None:
    panel, gap = telling(20), hours_of(telling(20), "2013-06-15T05", "2013-06-15T06")
    assert np.isnan(like_days(panel, gap, LONDON)).all()
    assert two_weeks(panel, gap, LONDON)[gap] == pytest.approx((600 + 2000) / 2 + 6)
    assert np.isfinite(like_days(panel, hours_of(panel, "2013-06-12T05", "2013-06-12T06"), LONDON)).any()


def test_a_holiday_is_like_other_holidays_only() -> None:
    panel = telling(45, "2013-12-01")
    christmas, friday = hours_of(panel, "2013-12-25", "2013-12-26"), hours_of(panel, "2013-12-27", "2013-12-28")
    answer = like_days(panel, christmas | friday, LONDON)
    assert np.isnan(answer[christmas]).all()  # Boxing Day and New Year are two
    np.testing.assert_allclose(answer[friday], (2400 + 3000 + 2300) / 3 + np.arange(24))
    np.testing.assert_allclose(two_weeks(panel, christmas, LONDON)[christmas], 3200 + np.arange(24))
    elsewhere = like_days(panel, christmas, Calendar("Europe/London"))
    np.testing.assert_allclose(elsewhere[christmas], (2400 + 2600 + 2300) / 3 + np.arange(24))


def test_the_repeated_hour_of_autumn_has_the_slot_of_the_hour_before() -> None:
    panel = telling(60, "2013-10-01")
    gap = hours_of(panel, "2013-10-26T23", "2013-10-28T00")  # Sunday the 27th lasts 25 hours
    slots = np.r_[0, 1, 1, np.arange(2, 24)]
    np.testing.assert_allclose(like_days(panel, gap, LONDON)[gap], (2000 + 3400 + 1300) / 3 + slots, rtol=1e-6)


def test_the_skipped_hour_of_spring_is_asked_of_nobody() -> None:
    panel = telling(60, "2013-03-01")
    gap = hours_of(panel, "2013-03-31T00", "2013-03-31T23")  # Sunday the 31st, Easter Sunday, lasts 23 hours
    slots = np.r_[0, np.arange(2, 24)]
    np.testing.assert_allclose(like_days(panel, gap, LONDON)[gap], (2400 + 3800 + 1700) / 3 + slots, rtol=1e-6)
    sunday = hours_of(panel, "2013-04-07T00", "2013-04-07T02")  # the Sunday after lacks the 31st's 01:00
    answer = like_days(panel, sunday, LONDON)[sunday]
    np.testing.assert_allclose(answer, (4500 + 2400 + 5200) / 3 + np.array([1, 2]), rtol=1e-6)


def test_two_weeks_take_the_same_weekday_that_is_there() -> None:
    panel, gap = telling(), hours_of(telling(), "2013-07-03T05", "2013-07-03T07")
    np.testing.assert_allclose(two_weeks(panel, gap, LONDON)[gap], 3100 + np.array([6, 7]))
    panel.values[hours_of(panel, "2013-06-26", "2013-06-27")] = np.nan
    expected = (1700 + 3800 + 4500) / 3 + np.array([6, 7])
    np.testing.assert_allclose(two_weeks(panel, gap, LONDON)[gap], expected, rtol=1e-6)


def test_a_class_profile_has_the_shape_of_the_class_and_the_level_of_the_meter() -> None:
    day = 1 + np.sin(np.arange(24) / 24 * 2 * np.pi) ** 2
    values = np.tile(day, 30) * np.array([[1.0], [3.0], [10.0]])
    values[2, 48:] = np.nan
    panel = panel_of(values)
    wanted = np.isnan(values)
    answer = class_profile(panel, wanted, UTC)
    np.testing.assert_allclose(answer[wanted], np.tile(day, 28) * 10, rtol=1e-4)


def test_a_class_learns_from_its_own_meters() -> None:
    flat, peak = np.ones(24 * 30), np.tile(np.r_[np.zeros(23), 24.0], 30)
    panel = panel_of(np.stack([flat, peak, flat * 5, peak * 5]))
    wanted = hours_of(panel, "2013-06-20", "2013-06-21", row=2)
    profiles = class_profiles(panel, UTC, np.array(["a", "b", "a", "b"]))
    np.testing.assert_allclose(class_profile(panel, wanted, UTC, profiles=profiles)[wanted], 5, rtol=1e-5)
    signs = class_profiles(panel, UTC, signed=np.array([False, True, False, True]))
    assert signs.member.tolist() == [signs.member[0], signs.member[1]] * 2
    assert signs.member[0] != signs.member[1]


def test_a_class_without_holidays_takes_them_for_sundays() -> None:
    panel = telling(45, "2013-06-03")
    profiles = class_profiles(panel, LONDON)
    np.testing.assert_array_equal(profiles.shapes[0, 3], profiles.shapes[0, 2])
    saturdays = class_profiles(telling(5, "2013-06-03"), LONDON)
    assert np.isfinite(saturdays.shapes).all()


def test_a_class_profile_needs_a_days_readings_of_the_meter() -> None:
    values = np.ones((2, 24 * 20))
    values[1, 23:] = np.nan
    panel, wanted = panel_of(values), hours_of(panel_of(values), "2013-06-10", "2013-06-11", row=1)
    assert np.isnan(class_profile(panel, wanted, UTC)).all()
    panel.values[1, 23] = 1
    np.testing.assert_allclose(class_profile(panel, wanted, UTC)[wanted], 1)


@pytest.mark.parametrize("rung", [linear, like_days, two_weeks, class_profile])
def test_nothing_is_made_of_itself(rung) -> None:
    rng = np.random.default_rng(3)
    panel = panel_of(rng.gamma(2, 0.2, (3, 24 * 60)))
    wanted = rng.random(panel.values.shape) < 0.02
    wanted[1, 600:650] = True
    before = panel.values.copy()
    answer = rung(panel, wanted, LONDON)
    np.testing.assert_array_equal(panel.values, before)
    assert np.isfinite(answer).any()
    assert np.isnan(answer[~wanted]).all()
    panel.values[wanted] = 1e6
    np.testing.assert_array_equal(rung(panel, wanted, LONDON), answer)
    panel.values[wanted] = np.nan
    np.testing.assert_array_equal(rung(panel, wanted, LONDON), answer)


@pytest.mark.parametrize("rung", [linear, like_days, two_weeks, class_profile])
def test_nothing_wanted_is_nothing_answered(rung) -> None:
    for shape in ((2, 100), (2, 0)):
        panel = panel_of(np.ones(shape))
        assert np.isnan(rung(panel, np.zeros(shape, bool), LONDON)).all()
