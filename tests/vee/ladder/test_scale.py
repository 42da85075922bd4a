"""Estimates agree with the counter where it brackets their gap, and say why where they do not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.ladder import Estimates, estimate
from metrify.vee.rules import validate
from tests.vee.meters import evidence_of, hours_of, panel_of

SETTINGS = VeeSettings()
GAP = ("2013-06-20T05", "2013-06-20T15")


def home(seed: int = 2) -> Panel:
    rng = np.random.default_rng(seed)
    day = 0.3 + 0.2 * np.sin(np.arange(24) / 24 * 2 * np.pi)
    return panel_of(np.tile(day, (1, 40)) * rng.gamma(9, 1 / 9, (1, 960)) + 0.01)


def counter_of(panel: Panel, start: float = 12_345.0, digit: float = 0.001) -> Panel:
    states = start + np.cumsum(np.nan_to_num(panel.values.astype(np.float64)), axis=1)
    return panel.replace(np.round(states / digit) * digit)  # type: ignore[arg-type]  # counters are float64


def filled(panel: Panel, counter: Panel, **known) -> Estimates:
    evidence = evidence_of(panel, channels={"register_kwh": counter}, **known)
    return estimate(evidence, validate(evidence, SETTINGS), SETTINGS)


def gap_in(panel: Panel, *more: tuple[str, str]) -> tuple[Panel, np.ndarray]:
    found = np.zeros(panel.values.shape, bool)
    for first, until in (GAP, *more):
        found |= hours_of(panel, first, until)
    return panel.replace(np.where(found, np.float32(np.nan), panel.values)), found


def test_the_estimates_of_a_gap_sum_to_what_the_counter_counted() -> None:
    panel = home()
    holes, gap = gap_in(panel)
    found = filled(holes, counter_of(panel))
    assert found.values[gap].sum() == pytest.approx(panel.values[gap].sum(), abs=0.003)
    assert found.scaled[gap].all()
    assert not found.scaled[~gap].any()
    assert (found.low[gap] <= found.values[gap]).all()
    assert (found.values[gap] <= found.high[gap]).all()


def test_readings_between_the_gap_and_the_counter_are_taken_off() -> None:
    panel = home()
    holes, gap = gap_in(panel)
    counter = counter_of(panel)
    counter.values[:, panel.index(np.datetime64("2013-06-20T02")) : panel.index(np.datetime64("2013-06-20T19"))] = (
        np.nan
    )
    found = filled(holes, counter)
    assert found.values[gap].sum() == pytest.approx(panel.values[gap].sum(), abs=0.003)


def test_two_gaps_between_two_states_share_what_is_left() -> None:
    panel = home()
    holes, gap = gap_in(panel, ("2013-06-20T17", "2013-06-20T22"))
    counter = counter_of(panel)
    counter.values[:, panel.index(np.datetime64("2013-06-20T05")) : panel.index(np.datetime64("2013-06-20T21"))] = (
        np.nan
    )
    found = filled(holes, counter)
    assert found.values[gap].sum() == pytest.approx(panel.values[gap].sum(), abs=0.003)
    free = filled(holes, counter.replace(np.full_like(counter.values, np.nan)))
    ratio = found.values[gap] / free.values[gap]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    assert not free.scaled.any()


def test_a_rollover_goes_on_counting() -> None:
    panel = home()
    holes, gap = gap_in(panel)
    states = counter_of(panel, 0.0).values
    middle = panel.index(np.datetime64("2013-06-20T10"))
    counter = panel.replace(np.mod(states - states[0, middle] + 1e5, 1e5))
    assert np.diff(counter.values[0]).min() < -9e4
    found = filled(holes, counter)
    assert found.values[gap].sum() == pytest.approx(panel.values[gap].sum(), abs=0.003)


def said(found: Estimates, first: str = GAP[0], until: str = GAP[1]) -> str:
    rows = found.reasons
    assert rows["kind"].tolist() == ["not_scaled"]
    assert rows["timestamp"].iloc[0] == np.datetime64(first)
    assert rows["until"].iloc[0] == np.datetime64(until)
    return rows["reason"].iloc[0]


@pytest.mark.parametrize("every", [1, 2, 3])
def test_each_state_of_the_counter_inside_a_gap_ends_a_bracket(every: int) -> None:
    panel = home()
    gap = hours_of(panel, "2013-06-20T05", "2013-06-20T11")
    panel.values[gap] = 0.2, 2.0, 0.5, 0.3, 0.3, 1.1
    counter = counter_of(panel)
    inside = np.flatnonzero(gap[0])
    counter.values[0, np.setdiff1d(inside, inside[every - 1 :: every])] = np.nan
    found = filled(panel.replace(np.where(gap, np.float32(np.nan), panel.values)), counter)
    sums = found.values[gap].reshape(-1, every).sum(axis=1)
    np.testing.assert_allclose(sums, panel.values[gap].reshape(-1, every).sum(axis=1), atol=0.0011)
    width = (found.high - found.low)[gap]
    if every == 1:
        np.testing.assert_allclose(found.values[gap], panel.values[gap], atol=0.0011)
        assert (width <= 0.0021).all()
    else:
        assert (width > 0.01).all()
    assert (found.low[gap] <= found.values[gap]).all()
    assert (found.values[gap] <= found.high[gap]).all()


def test_what_a_coarse_counter_says_of_single_intervals_is_believed_together() -> None:
    panel = home()
    panel = panel.replace(panel.values * np.float32(3))
    holes, gap = gap_in(panel)
    truth = panel.replace(np.where(gap, panel.values + np.float32(0.6), panel.values))
    counter = counter_of(truth, digit=1.0)
    found = filled(holes, counter)
    assert found.scaled[gap].any()
    assert found.values[gap].sum() == pytest.approx(truth.values[gap].sum(), abs=2.0)
    assert not filled(holes, counter_of(panel, digit=10.0)).scaled.all()
    assert (found.low[gap] <= found.values[gap]).all()
    assert (found.values[gap] <= found.high[gap]).all()


def test_what_a_rule_would_flag_is_not_taken_from_the_counter() -> None:
    panel = home()
    holes, gap = gap_in(panel)
    truth = panel.replace(np.where(gap, np.float32(0.125), panel.values))
    found = filled(holes, counter_of(truth))
    assert np.isfinite(found.values[gap]).all()
    assert not found.scaled.any()
    assert set(found.reasons["reason"]) == {"not scaled to the register: a rule would flag what the register counted"}


@pytest.mark.parametrize(
    ("moved", "why"),
    [(-50.0, "ran backwards"), (500.0, "more than the meter ever used"), (9_000.0, "more than the meter ever used")],
)
def test_a_counter_that_jumps_is_not_believed(moved: float, why: str) -> None:
    panel = home()
    holes, gap = gap_in(panel)
    counter = counter_of(panel)
    counter.values[:, panel.index(np.datetime64("2013-06-20T10")) :] += moved
    found = filled(holes, counter)
    jump = hours_of(panel, "2013-06-20T10", "2013-06-20T11")
    assert why in said(found, "2013-06-20T10", "2013-06-20T11")
    assert not found.scaled[jump].any()
    free = filled(holes, counter.replace(np.full_like(counter.values, np.nan)))
    np.testing.assert_array_equal(found.values[jump], free.values[jump])
    np.testing.assert_allclose(found.values[gap & ~jump], panel.values[gap & ~jump], atol=0.0011)


def test_a_remainder_below_zero_is_refused() -> None:
    panel = home()
    holes, _ = gap_in(panel)
    counter = counter_of(panel)
    last = panel.index(np.datetime64("2013-06-20T17"))
    counter.values[:, last:] -= panel.values[hours_of(panel, *GAP)].sum() + 0.3
    counter.values[:, panel.index(np.datetime64("2013-06-20T05")) : last] = np.nan
    assert "already sum to more" in said(filled(holes, counter))


def test_nothing_is_scaled_across_an_exchange_or_an_unusable_reading() -> None:
    panel = home()
    holes, _gap = gap_in(panel)
    assert "exchanged" in said(
        filled(holes, counter_of(panel), exchanged=hours_of(panel, "2013-06-20T09", "2013-06-20T10")),
        "2013-06-20T09",
        "2013-06-20T10",
    )
    counter = counter_of(panel)
    counter.values[:, panel.index(np.datetime64("2013-06-20T05")) : panel.index(np.datetime64("2013-06-20T19"))] = (
        np.nan
    )
    outage = hours_of(panel, "2013-06-20T17", "2013-06-20T18")
    assert "cannot be used" in said(filled(holes, counter, outage=outage))


def test_a_gap_that_ends_the_panel_has_no_bracket() -> None:
    panel = home()
    holes, gap = gap_in(panel)
    counter = counter_of(panel)
    counter.values[:, panel.index(np.datetime64(GAP[0])) :] = np.nan
    found = filled(holes, counter)
    assert np.isfinite(found.values[gap]).all()
    assert not found.scaled.any()
    assert found.reasons.empty


def test_a_counter_of_whole_units_does_not_override_a_short_gap() -> None:
    panel = home()
    hour = hours_of(panel, "2013-06-20T05", "2013-06-20T06")
    holes = panel.replace(np.where(hour, np.float32(np.nan), panel.values))
    assert not filled(holes, counter_of(panel, digit=1.0)).scaled.any()
    assert filled(holes, counter_of(panel)).scaled[hour].all()


def test_zero_estimates_share_what_the_counter_counted() -> None:
    panel = home()
    nights = np.tile(np.r_[np.zeros(12), np.ones(12)], 40).astype(np.float32)
    panel = panel.replace(panel.values * nights)
    gap = hours_of(panel, "2013-06-20T02", "2013-06-20T06")
    truth = panel.replace(np.where(gap, np.float32(0.25), panel.values))
    found = filled(panel.replace(np.where(gap, np.float32(np.nan), panel.values)), counter_of(truth))
    np.testing.assert_allclose(found.values[gap], 0.25, atol=1e-3)
    still = filled(panel.replace(np.where(gap, np.float32(np.nan), panel.values)), counter_of(panel))
    assert (still.values[gap] == 0).all()


def test_each_column_has_its_own_counter() -> None:
    panel = home()
    holes, gap = gap_in(panel)
    wrong = counter_of(panel.replace(panel.values * np.float32(1.4)))
    channels = {"register_kwh": wrong, "register_export_kwh": counter_of(panel)}
    evidence = Evidence(holes, np.zeros(1, bool), column="kwh_export", channels=channels)
    found = estimate(evidence, validate(evidence, SETTINGS), SETTINGS)
    assert found.values[gap].sum() == pytest.approx(panel.values[gap].sum(), abs=0.003)


def test_a_net_meter_is_not_scaled() -> None:
    panel = home()
    holes, gap = gap_in(panel)
    holes.values[0, 5] = -0.5
    found = filled(holes, counter_of(panel), signed=np.array([True]))
    assert np.isfinite(found.values[gap]).all()
    assert not found.scaled.any()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 60)), min_size=1, max_size=5),
    st.integers(1, 80),
    st.sampled_from([0.001, 0.01, 0.1]),
)
def test_what_is_scaled_sums_to_the_difference(gaps: list[tuple[int, int]], every: int, digit: float) -> None:
    panel = home()
    mask = np.zeros(panel.values.shape, bool)
    for first, length in gaps:
        mask[0, first : first + length] = True
    counter = counter_of(panel, digit=digit)
    counter.values[0, np.arange(960) % every > 0] = np.nan
    found = filled(panel.replace(np.where(mask, np.float32(np.nan), panel.values)), counter)
    whole = np.where(mask, found.values, panel.values)[0].astype(np.float64)
    states = np.flatnonzero(np.isfinite(counter.values[0]))
    open_after = np.append(mask[0, :-1] & mask[0, 1:], False)
    ends = states[~open_after[states]]
    for before, last in itertools.pairwise(ends):
        inside = slice(before + 1, last + 1)
        if found.scaled[0, inside].any():
            counted = counter.values[0, last] - counter.values[0, before]
            agree = digit if len(states[(states > before) & (states < last)]) else 0.0  # those that agreed stay
            assert whole[inside].sum() == pytest.approx(counted, abs=agree + 2e-4)
