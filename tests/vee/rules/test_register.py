"""The counter against its intervals: sums, drops, rollovers; net meters, two registers, exchanges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.counter import last_digit
from metrify.vee.rules.register import RULES

SETTINGS = VeeSettings()
RULE = {rule.name: rule for rule in RULES}


def panel(values: np.ndarray) -> Panel:
    ids = np.array([f"M{m}" for m in range(len(values))])
    return Panel(ids, np.datetime64("2020-01-01", "s"), 60, np.asarray(values))


def usage(hours: int = 240, meters: int = 1, seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 0.3, (meters, hours)).round(3).astype(np.float32)


def counted(kwh: np.ndarray, begun: float = 5000.0) -> np.ndarray:
    return (begun + np.cumsum(np.nan_to_num(kwh).astype(np.float64), axis=1)).round(3)


def daily(counter: np.ndarray) -> np.ndarray:
    """Only the reading at the end of each day."""
    sparse = np.full(counter.shape, np.nan)
    sparse[:, 23::24] = counter[:, 23::24]
    return sparse


def evidence(
    kwh: np.ndarray, *, signed: bool = False, exchanged: Found | None = None, **channels: np.ndarray
) -> Evidence:
    others = {name: panel(values) for name, values in channels.items()}
    return Evidence(panel(kwh), np.full(len(kwh), signed), channels=others, exchanged=exchanged)


def found(rule: str, seen: Evidence) -> list[list[int]]:
    return np.argwhere(RULE[rule].find(seen, SETTINGS)).tolist()


def nothing(seen: Evidence) -> bool:
    return not any(found(rule, seen) for rule in RULE)


@pytest.mark.parametrize("seen_at", [np.asarray, daily])
def test_a_counter_that_agrees_is_told_nothing_of(seen_at) -> None:
    kwh = usage(meters=3)
    assert nothing(evidence(kwh, register_kwh=seen_at(counted(kwh))))


def test_without_a_counter_or_with_an_empty_one_nothing_is_found() -> None:
    kwh = usage()
    assert nothing(evidence(kwh))
    assert nothing(evidence(kwh, register_kwh=np.full(kwh.shape, np.nan)))
    assert nothing(evidence(np.full(kwh.shape, np.nan, np.float32), register_kwh=counted(kwh)))
    assert nothing(evidence(np.zeros((1, 0), np.float32), register_kwh=np.zeros((1, 0))))


def test_a_wrong_interval_marks_the_span_between_two_readings() -> None:
    kwh = usage()
    counter = counted(kwh)
    kwh[0, 60] += 2.5
    assert found("register_sum", evidence(kwh, register_kwh=counter)) == [[0, 60]]
    assert found("register_sum", evidence(kwh, register_kwh=daily(counter))) == [[0, t] for t in range(48, 72)]
    at_once = RULE["register_sum"].at_once
    assert at_once is not None
    assert np.argwhere(at_once(evidence(kwh, register_kwh=daily(counter)), SETTINGS)).tolist() == [[0, 71]]


def test_a_span_with_a_gap_says_nothing() -> None:
    kwh = usage()
    counter = daily(counted(kwh))
    kwh[0, 60] += 2.5
    kwh[0, 50] = np.nan
    assert nothing(evidence(kwh, register_kwh=counter))


def test_a_counter_of_whole_kilowatt_hours_may_be_one_off_and_one_of_watt_hours_not() -> None:
    kwh = usage()
    whole = np.floor(counted(kwh))
    assert nothing(evidence(kwh, register_kwh=whole))
    fine = counted(kwh)
    fine[0, 100:] += 0.7
    assert found("register_sum", evidence(kwh, register_kwh=fine)) == [[0, 100]]


def test_a_wrong_multiplier_is_found() -> None:
    kwh = usage()
    counter = daily(counted(kwh))
    assert len(found("register_sum", evidence(kwh * 20, register_kwh=counter))) == 240 - 24


def test_a_large_counter_keeps_its_watt_hours() -> None:
    kwh = usage()
    assert nothing(evidence(kwh, register_kwh=counted(kwh, 8_765_432.1)))


def test_a_counter_that_goes_down_is_told_where_it_is_lower() -> None:
    kwh = usage()
    counter = counted(kwh)
    counter[0, 100:] -= 500
    seen = evidence(kwh, register_kwh=counter)
    assert found("register_backwards", seen) == [[0, 100]]
    assert not found("register_rollover", seen)
    assert not found("register_sum", seen)


@pytest.mark.parametrize("digits", [4, 5, 6])
@pytest.mark.parametrize("seen_at", [np.asarray, daily])
def test_a_rollover_is_no_step_back_and_the_difference_continues(digits: int, seen_at) -> None:
    kwh = usage(hours=480)
    counter = counted(kwh, 10**digits - 100) % 10**digits
    seen = evidence(kwh, register_kwh=seen_at(counter.round(3)))
    assert len(found("register_rollover", seen)) == 1
    assert not found("register_backwards", seen)
    assert not found("register_sum", seen)
    kwh[0, int(np.argmin(counter[0]))] += 5
    assert found("register_sum", evidence(kwh, register_kwh=seen_at(counter.round(3))))


def test_a_fall_to_nothing_from_the_middle_of_the_digits_is_no_rollover() -> None:
    kwh = usage()
    counter = counted(kwh, 45_000)
    counter[0, 100:] -= counter[0, 99]
    assert found("register_backwards", evidence(kwh, register_kwh=counter)) == [[0, 100]]


def test_nothing_is_compared_across_an_exchange() -> None:
    kwh = usage()
    counter = counted(kwh)
    counter[0, 100:] -= counter[0, 99]
    exchanged = np.zeros(kwh.shape, bool)
    exchanged[0, 100] = True
    assert nothing(evidence(kwh, register_kwh=counter, exchanged=exchanged))
    assert not nothing(evidence(kwh, register_kwh=counter))
    counter[0, 150:] -= 1.5
    assert found("register_backwards", evidence(kwh, register_kwh=counter, exchanged=exchanged)) == [[0, 150]]


def exporting(hours: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Energy taken and given back, each of its own interval."""
    taken, given = usage(hours), usage(hours, seed=9)
    day = (np.arange(hours) % 24 > 9) & (np.arange(hours) % 24 < 16)
    taken[0, day], given[0, ~day] = 0, 0
    return taken, given


def test_each_of_two_registers_is_checked_against_its_own_column() -> None:
    taken, given = exporting()
    channels = {
        "kwh_export": given,
        "register_kwh": counted(taken),
        "register_export_kwh": counted(given, 70.0),
    }
    assert nothing(evidence(taken, signed=True, **channels))
    wrong = given.copy()
    wrong[0, 36] += 3
    assert found("register_sum", evidence(taken, signed=True, **channels | {"kwh_export": wrong})) == [[0, 36]]
    back = channels["register_export_kwh"] - np.where(np.arange(240) >= 130, 40, 0)
    assert found("register_backwards", evidence(taken, signed=True, **channels | {"register_export_kwh": back})) == [
        [0, 130]
    ]


def test_one_reading_below_zero_makes_no_net_meter_of_one_that_counts_both_ways_apart() -> None:
    taken, given = exporting()
    taken[0, 30] = -1.0
    registers = {"register_kwh": counted(np.maximum(taken, 0)), "register_export_kwh": counted(given, 70.0)}
    assert found("register_sum", evidence(taken, signed=True, kwh_export=given, **registers)) == [[0, 30]]


def test_a_net_meter_is_checked_by_the_difference_of_its_registers() -> None:
    taken, given = exporting()
    net = taken - given
    registers = {"register_kwh": counted(taken), "register_export_kwh": counted(given, 99_990.0) % 100_000}
    assert found("register_sum", evidence(net, signed=True, **registers)) == []
    net[0, 40] += 2
    assert found("register_sum", evidence(net, signed=True, **registers)) == [[0, 40]]
    assert len(found("register_rollover", evidence(net, signed=True, **registers))) == 1


def test_the_one_register_of_a_net_meter_may_go_down_while_energy_is_given_back() -> None:
    taken, given = exporting()
    net = taken - given
    both_ways, taken_only = counted(net), counted(taken)
    for counter in (both_ways, taken_only):
        assert nothing(evidence(net, signed=True, register_kwh=counter))
        assert nothing(evidence(net, signed=True, register_kwh=daily(counter)))
    both_ways[0, 150:] -= 50  # at night: nothing was given back
    assert found("register_backwards", evidence(net, signed=True, register_kwh=both_ways)) == [[0, 150]]


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9), st.floats(0, 0.9))
def test_whatever_is_missing_true_counters_are_never_accused(seed: int, gaps: float, unread: float) -> None:
    rng = np.random.default_rng(seed)
    kwh = rng.gamma(2.0, 0.3, (2, 120)).round(3).astype(np.float32)
    counter = counted(kwh, float(rng.uniform(0, 99_999)))
    kwh[rng.random(kwh.shape) < gaps] = np.nan
    counter[rng.random(counter.shape) < unread] = np.nan
    seen = evidence(kwh, register_kwh=counter)
    before = kwh.copy(), counter.copy()
    assert nothing(seen)
    np.testing.assert_array_equal(kwh, before[0])
    np.testing.assert_array_equal(counter, before[1])


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.integers(24, 119))
def test_without_hindsight_nothing_depends_on_what_comes_later(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    kwh = rng.gamma(2.0, 0.3, (2, 120)).round(3).astype(np.float32)
    counter = counted(kwh)
    counter[:, ::5] += rng.normal(0, 1, counter[:, ::5].shape).round(2)
    for rule in RULES:
        find = rule.at_once or rule.find
        whole = find(evidence(kwh, register_kwh=counter), SETTINGS)
        past = find(evidence(kwh[:, :cut], register_kwh=counter[:, :cut]), SETTINGS)
        np.testing.assert_array_equal(whole[:, :cut], past)


def test_the_last_digit_is_the_coarsest_that_all_readings_show() -> None:
    shown = {1.0: [12.0, np.nan, 15.0], 0.1: [12.0, 12.3], 0.01: [12.25, 12.5], 0.001: [1e6 + 0.125, 0.00007]}
    for digit, readings in shown.items():
        assert last_digit(np.array(readings)) == pytest.approx(digit)
