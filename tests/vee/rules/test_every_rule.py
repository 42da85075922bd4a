"""What holds of every rule: it changes no reading, looks at one meter at a time, and says at once what it can know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrify.vee.evidence import Evidence
from metrify.vee.findings import findings
from metrify.vee.rules import RULES, flagged, trusted, validate
from metrify.vee.rules.rule import Rule
from tests.vee.evidence import LONDON, SETTINGS, a_panel, cut, evidence, home

EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
NAMES = [
    *("gap", "duplicate", "negative", "stuck", "spike", "off_grid", "non_numeric", "zero_run", "high_usage"),
    *("low_usage", "jump", "interpolated", "clipped", "clock_shift", "dst_shift", "register_sum"),
    *("register_backwards", "register_rollover", "reverse_energy", "power_factor", "voltage", "outage", "exchange"),
]


def a_fleet(seed: int, step: int = 60, days: int = 36, meters: int = 3) -> Evidence:
    """Meters to which everything happens, of which everything is known, around a change of the clock."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([home(days, seed * 10 + m, step) for m in range(meters)])
    length = values.shape[1]
    for row in values:
        for fault in (_gap, _stuck, _zero, _line, _spike, _negative):
            first = int(rng.integers(0, length - 12))
            fault(row, first, int(rng.integers(first + 1, min(first + 40, length))))
    panel = a_panel(values.round(3), step, np.datetime64("2020-03-01", "s"))
    some = lambda share: rng.random(values.shape) < share  # noqa: E731
    ends = panel.times.astype(np.int64) + step * 60
    register = np.cumsum(np.nan_to_num(panel.values.astype(np.float64)), axis=1) + 10 * some(0.002)
    channels = {
        "kwh_export": panel.replace((0.1 * some(0.2)).astype(np.float32)),
        "kvarh": panel.replace(np.abs(panel.values) * rng.uniform(0, 1.5)),
        "voltage_v": panel.replace(rng.normal(230, 12, values.shape).astype(np.float32)),
        "current_a": panel.replace(np.abs(panel.values) * 4),
        "register_kwh": panel.replace(register),
        "register_export_kwh": panel.replace(np.where(some(0.01), 1.0, 2.0)),
    }
    return evidence(
        panel,
        repeated=np.where(some(0.01), ends + 1800 * some(0.5), 0),
        available=np.where(some(0.05), ends + 7200, 0),
        off_grid=some(0.01),
        unreadable=some(0.01),
        outage=some(0.01),
        exchanged=some(0.002),
        generation=panel.replace(np.maximum(home(days, seed, step).repeat(meters, 0), 0).clip(0, 1).astype(np.float32)),
        pv_kw=np.array([np.nan, 0.0, 3.0])[:meters],
        calendar=LONDON,
        channels=channels,
    )


def _gap(row: np.ndarray, first: int, until: int) -> None:
    row[first:until] = np.nan


def _stuck(row: np.ndarray, first: int, until: int) -> None:
    row[first:until] = row[first]


def _zero(row: np.ndarray, first: int, until: int) -> None:
    row[first:until] = 0


def _line(row: np.ndarray, first: int, until: int) -> None:
    row[first:until] = np.linspace(1, 3, until - first)


def _spike(row: np.ndarray, first: int, until: int) -> None:
    row[first] = 80


def _negative(row: np.ndarray, first: int, until: int) -> None:
    row[first] = -1


def a_sparse_exporter(fleet: Evidence, hours: list[int]) -> Evidence:
    """The fleet with meters that give energy back in these intervals alone, of which METER and SOLAR say nothing."""
    export = np.zeros(fleet.panel.values.shape)
    export[:, hours] = 0.2
    channels = {**fleet.channels, "kwh_export": fleet.panel.replace(export.astype(np.float32))}
    return replace(fleet, channels=channels, pv_kw=None, generation=None)


whole_fleets = st.builds(a_fleet, st.integers(0, 10_000), st.sampled_from([15, 30, 60]))
fleets = whole_fleets | st.builds(a_sparse_exporter, whole_fleets, st.lists(st.integers(0, 800), max_size=24))
readings = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(0, 60)),
    elements=st.floats(-10, 1e6, width=32) | st.just(float("nan")) | st.sampled_from([0.0, 0.5]),
)


def test_bits_and_names_are_fixed_for_good() -> None:
    assert [(rule.bit, rule.name) for rule in RULES] == list(enumerate(NAMES))


@EVERY_RULE
def test_a_rule_says_what_it_means_to_a_utility(rule: Rule) -> None:
    assert rule.find.__doc__
    assert rule.meaning
    assert rule.teaches or rule.severity != "error"


def test_the_fleets_of_these_tests_give_the_rules_something_to_say() -> None:
    flags = np.concatenate([validate(a_fleet(seed), SETTINGS, hindsight=False) for seed in range(6)])
    for name in ("gap", "duplicate", "negative", "stuck", "spike", "zero_run", "jump", "interpolated", "voltage"):
        assert flagged(flags, name).any(), name


@given(fleets)
@settings(max_examples=15, deadline=None)
def test_no_rule_changes_a_reading_or_flags_what_is_missing(fleet: Evidence) -> None:
    before = {name: panel.values.copy() for name, panel in ({"panel": fleet.panel} | dict(fleet.channels)).items()}
    flags = validate(fleet, SETTINGS)
    for name, values in before.items():
        now = fleet.panel if name == "panel" else fleet.channels[name]
        np.testing.assert_array_equal(now.values, values, err_msg=name)
    assert flags.shape == fleet.panel.values.shape
    for name in ("negative", "stuck", "spike", "zero_run", "jump", "interpolated", "clock_shift", "high_usage"):
        assert not (flagged(flags, name) & ~fleet.panel.mask).any(), name
    kept = trusted(fleet.panel, flags).values
    wrong = np.any([flagged(flags, r.name) for r in RULES if r.severity == "error" or not r.teaches], axis=0)
    np.testing.assert_array_equal(np.isnan(kept), wrong | ~fleet.panel.mask)
    np.testing.assert_array_equal(kept[~wrong], fleet.panel.values[~wrong])


@given(fleets, st.permutations(range(3)), st.booleans())
@settings(max_examples=15, deadline=None)
def test_meters_in_another_order_have_the_same_flags(fleet: Evidence, order: list[int], hindsight: bool) -> None:
    flags = validate(fleet, SETTINGS, hindsight=hindsight)
    np.testing.assert_array_equal(validate(cut(fleet, order), SETTINGS, hindsight=hindsight), flags[order])


@given(fleets, st.integers(0, 2), st.booleans())
@settings(max_examples=15, deadline=None)
def test_meters_do_not_disturb_each_other(fleet: Evidence, meter: int, hindsight: bool) -> None:
    flags = validate(fleet, SETTINGS, hindsight=hindsight)
    alone = validate(cut(fleet, [meter]), SETTINGS, hindsight=hindsight)
    np.testing.assert_array_equal(alone[0], flags[meter])


@given(fleets, st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_what_is_said_at_once_uses_nothing_later(fleet: Evidence, share: float) -> None:
    until = int(share * fleet.panel.values.shape[1])
    whole = validate(fleet, SETTINGS, hindsight=False)[:, :until]
    past = validate(cut(fleet, until=until), SETTINGS, hindsight=False)
    for rule in RULES:
        if rule.name != "gap":  # it marks what has no reading anyway
            np.testing.assert_array_equal(flagged(whole, rule.name), flagged(past, rule.name), err_msg=rule.name)


def test_who_gives_energy_back_seldom_is_told_of_at_once_by_what_was_given_so_far() -> None:
    """Eight intervals of 864 are seldom in the end; fifteen more make it often, and change nothing before."""
    seldom, often = (
        validate(a_sparse_exporter(a_fleet(5), hours), SETTINGS, hindsight=False, only={"reverse_energy"})
        for hours in (list(range(500, 508)), [*range(500, 508), *range(849, 864)])
    )
    assert np.flatnonzero(flagged(seldom, "reverse_energy")[0]).tolist() == [500, 501, 502, 503, 504]  # 5 of 505
    np.testing.assert_array_equal(often[:, :849], seldom[:, :849])


@given(readings, st.sampled_from([15, 30, 60, 120, 1440]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_readings_have_flags_and_findings(values: np.ndarray, step: int, exports: bool) -> None:
    panel = a_panel(values.copy(), step)
    for hindsight in (True, False):
        known = evidence(panel, exports=exports)
        flags = validate(known, SETTINGS, hindsight=hindsight)
        np.testing.assert_array_equal(panel.values, values)
        assert flags.shape == values.shape
        found = findings(known, flags, SETTINGS)
        assert found["intervals"].sum() == sum(np.count_nonzero(flagged(flags, rule.name)) for rule in RULES)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_a_series_in_another_unit_has_the_same_flags(unit: float) -> None:
    """Nothing is measured in kWh: a transformer and a system load are judged as a home is."""
    values = a_fleet(3).panel.values * np.float32(2)
    steps = np.float32(2.0 ** round(np.log2(unit)))  # a power of two, so that no digit is lost
    flags = [validate(evidence(a_panel(some)), SETTINGS) for some in (values, values * steps)]
    np.testing.assert_array_equal(flags[0], flags[1])


def test_a_part_of_an_array_is_judged_like_an_array_of_its_own() -> None:
    part = cut(a_fleet(4), until=500).panel
    assert not part.values.flags.c_contiguous
    flags = [validate(evidence(panel), SETTINGS) for panel in (part, part.replace(part.values.copy()))]
    np.testing.assert_array_equal(flags[0], flags[1])
