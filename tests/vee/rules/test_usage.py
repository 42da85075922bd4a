"""Rules about a day's use."""

from __future__ import annotations

import numpy as np

from metrify.localtime import day_start
from metrify.vee.rules import flagged, validate
from tests.vee.evidence import LONDON, SETTINGS, a_panel, evidence, ordinary, places

DAY = 24


def hours_of(day: int, days: int = 1) -> list[int]:
    return list(range(DAY * day, DAY * (day + days)))


def test_high_and_low_days_are_told_as_a_whole() -> None:
    values = ordinary(DAY * 70) + 1
    values[0, hours_of(50)] *= 2.5
    values[0, hours_of(60)] *= 0.2
    assert places(values, "high_usage") == hours_of(50)
    assert places(values, "low_usage") == hours_of(60)
    assert places(values, "high_usage", hindsight=False) == places(values, "low_usage", hindsight=False) == []


def test_like_days_are_working_days_or_days_off() -> None:
    values = ordinary(DAY * 140) + 1  # from Wednesday, 2020-01-01
    weekday = (np.arange(140) + 2) % 7
    for day in np.flatnonzero(weekday >= 5):
        values[0, hours_of(int(day))] *= 4
    assert places(values, "high_usage") == places(values, "low_usage") == []
    good_friday, tuesday = 100, 104
    values[0, hours_of(good_friday)] *= 4
    values[0, hours_of(tuesday)] *= 12
    assert places(values, "high_usage") == hours_of(good_friday) + hours_of(tuesday)
    assert places(values, "high_usage", calendar=LONDON) == [hour - 1 for hour in hours_of(tuesday)]  # summer time


def test_days_of_23_and_25_hours_are_compared_by_the_hour() -> None:
    limit = SETTINGS.model_copy(update={"high_usage_factor": 1.03, "low_usage_factor": 0.97})
    panel = a_panel(np.full((1, DAY * 330), 2.0))
    flags = validate(evidence(panel, calendar=LONDON), limit, only={"high_usage", "low_usage"})
    assert not flags.any()
    autumn = panel.index(day_start(np.array([18560]), LONDON.zone)[0])  # 2020-10-25
    panel.values[0, autumn : autumn + 25] *= 1.05
    found = flagged(validate(evidence(panel, calendar=LONDON), limit, only={"high_usage"}), "high_usage")
    assert np.flatnonzero(found[0]).tolist() == list(range(autumn, autumn + 25))


def test_days_of_which_little_is_known_are_neither_judged_nor_judges() -> None:
    values = ordinary(DAY * 70) + 1
    values[0, hours_of(50)] *= 4
    values[0, hours_of(50)[:12]] = np.nan
    assert places(values, "high_usage") == []
    values[0, hours_of(55)] *= 3
    assert places(values, "high_usage") == hours_of(55)
    assert places(ordinary(DAY * 7) * np.repeat([1, 1, 1, 1, 9, 9, 9], DAY), "high_usage") == []


def test_readings_of_a_day_each_are_judged_as_well() -> None:
    values = ordinary(70) + 1
    values[0, 50] *= 4
    assert places(values, "high_usage", 1440) == [50]
