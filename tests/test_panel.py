"""Long rows on a grid."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.panel import Panel

ONE = np.array(["m"])
START = np.datetime64("2020-01-01", "s")


def from_minutes(minutes: list[int], values: list[float], step: int, **options) -> Panel:
    times = START + np.array(minutes) * np.timedelta64(60, "s")
    return Panel.from_long(ONE, np.zeros(len(times), int), times, np.array(values, float), step, **options)


def test_a_gap_is_unknown_and_the_grid_begins_with_the_first_reading() -> None:
    panel = from_minutes([60, 240], [1.0, 2.0], 60)
    assert panel.start == START + np.timedelta64(1, "h")
    np.testing.assert_array_equal(panel.values, [[1, np.nan, np.nan, 2]])
    assert panel.end == START + np.timedelta64(5, "h")


def test_shorter_intervals_add_up_and_an_incomplete_one_is_unknown() -> None:
    minutes = [0, 15, 30, 45, 60, 75, 90, 120, 135, 150, 165]
    panel = from_minutes(minutes, [1, 2, 3, 4, 1, 1, 1, 2, 2, 2, 2], 60)
    np.testing.assert_array_equal(panel.values, [[10, np.nan, 8]])
    mean = from_minutes(minutes[:4], [1, 2, 3, 4], 60, add_up=False)
    np.testing.assert_array_equal(mean.values, [[2.5]])


def test_intervals_may_begin_between_multiples_of_their_length() -> None:
    panel = from_minutes([30, 90, 150], [1, 2, 3], 60, phase_minutes=30)
    assert panel.start == START + np.timedelta64(30, "m")
    np.testing.assert_array_equal(panel.values, [[1, 2, 3]])
    later = START + np.array([0, 30, 31, 90]) * np.timedelta64(60, "s")
    assert ((panel.next_start(later) - START) // np.timedelta64(60, "s")).tolist() == [30, 30, 90, 90]


@pytest.mark.parametrize("cut", [0, 1, 3, 9])
def test_between_keeps_whole_intervals_that_end_by_the_cut(cut: int) -> None:
    panel = from_minutes([0, 60, 120], [1, 2, 3], 60)
    kept = panel.between(START, START + np.timedelta64(cut, "h"))
    assert kept.values.shape[1] == min(cut, 3)
