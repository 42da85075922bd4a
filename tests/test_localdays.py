"""Local days of a panel: days of 23, 24 and 25 hours, one that a place left out, and windows over them."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.localdays import DAY_TYPES, DaySlots, LocalDays, days_since, ratio, trailing_median, trailing_sum
from metrify.localtime import Calendar
from metrify.panel import Panel


def _panel(start: str, values: np.ndarray, step: int = 60) -> Panel:
    meters = np.array([f"m{k}" for k in range(len(values))])
    return Panel(meters, np.datetime64(start, "s"), step, values.astype(np.float32))


@pytest.mark.parametrize(("start", "hours"), [("2024-03-31T00:00", 23), ("2024-10-26T23:00", 25)])
def test_a_day_of_the_clock_change_has_its_own_length(start: str, hours: int) -> None:
    days = LocalDays.of(_panel(start, np.zeros((1, 72))), "Europe/London")
    assert days.lengths[:2].tolist() == [hours, 24]
    assert np.diff(days.starts).astype("timedelta64[h]").astype(int)[:2].tolist() == [hours, 24]


def test_a_day_that_the_place_left_out_counts_nothing() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    days = LocalDays.of(_panel("2011-12-29T10:00", np.zeros((1, 48))), "Pacific/Apia")
    dates = days.dates.astype("datetime64[D]").astype(str).tolist()
    assert dict(zip(dates, days.lengths.tolist(), strict=True)) == {
        "2011-12-29": 24, "2011-12-30": 0, "2011-12-31": 24
    }  # fmt: skip
    marks = np.ones((1, 48), bool)
    assert days.counts(marks).tolist() == [[24, 0, 24]]
    assert days.rules(np.full((1, 48), 5, np.uint32)).tolist() == [[5, 0, 5]]
    assert days.runs(marks)[0].tolist() == [[24, 0, 24]]


def test_what_is_counted_of_a_day_is_what_a_loop_counts() -> None:
    rng = np.random.default_rng(3)
    values = rng.random((3, 200))
    marks, flags = values < 0.4, rng.integers(0, 2**22, (3, 200)).astype(np.uint32)
    panel = _panel("2024-10-25T07:00", values)
    days = LocalDays.of(panel, "Europe/London")
    parts = [slice(*edges) for edges in zip(days.edges[:-1], days.edges[1:], strict=True)]
    assert days.edges[[0, -1]].tolist() == [0, 200]
    assert days.counts(marks).dtype == np.int64
    np.testing.assert_array_equal(days.counts(marks), np.stack([marks[:, p].sum(axis=1) for p in parts], 1))
    np.testing.assert_allclose(days.sums(values), np.stack([values[:, p].sum(axis=1) for p in parts], 1))
    expected = np.stack([np.bitwise_or.reduce(flags[:, p], axis=1) for p in parts], 1)
    np.testing.assert_array_equal(days.rules(flags), expected)
    longest = [[_longest(row[p]) for p in parts] for row in marks]
    np.testing.assert_array_equal(days.runs(marks)[0], longest)


def _longest(marks: np.ndarray) -> int:
    return max(map(len, "".join("x" if mark else " " for mark in marks).split()), default=0)


def test_a_run_that_goes_over_midnight_is_one_in_each_day() -> None:
    marks = np.zeros((1, 72), bool)
    marks[0, 20:30] = True
    longest, last = LocalDays.of(_panel("2024-01-01", np.zeros((1, 72))), "Europe/London").runs(marks)
    assert longest.tolist() == [[4, 6, 0]]
    assert last.tolist() == [[4, 0, 0]]


def test_windows_end_with_their_day() -> None:
    daily = np.array([[1.0, 2.0, np.nan, 8.0]])
    assert trailing_sum(np.array([[1, 2, 4, 8]]), 2).tolist() == [[1, 3, 6, 12]]
    assert trailing_median(daily, 3).tolist() == [[1, 1.5, 1.5, 5]]
    np.testing.assert_array_equal(trailing_median(daily[:, 2:3], 3), [[np.nan]])
    np.testing.assert_array_equal(days_since(np.array([[False, True, False, False]]), 2), [[np.nan, 0, 1, np.nan]])
    np.testing.assert_array_equal(ratio(np.array([1.0, 1.0]), np.array([4.0, 0.0])), [0.25, np.nan])


def test_slots_are_those_of_the_clock() -> None:
    slots = DaySlots.of(_panel("2024-10-26T23:00", np.zeros((1, 49))), Calendar("Europe/London", "GB"))
    assert slots.slot[:4].tolist() == [0, 1, 1, 2], "the repeated hour has the slots of the hour before"
    assert slots.at[0, :3].tolist() == [0, 2, 3], "of which the last counts"
    spring = DaySlots.of(_panel("2024-03-31T00:00", np.zeros((1, 47))), Calendar("Europe/London", "GB", "ENG"))
    assert spring.at[0, :3].tolist() == [0, -1, 1]
    assert [DAY_TYPES[kind] for kind in spring.kind] == ["Sunday", "public holiday"]
