"""Voltage, reactive energy and energy given back."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules.channels import RULES
from metrify.vee.rules.nominal import nominal_voltage

SETTINGS = VeeSettings()
RULE = {rule.name: rule for rule in RULES}
HOURS = 24 * 30


def panel(values: np.ndarray) -> Panel:
    ids = np.array([f"M{m}" for m in range(len(values))])
    return Panel(ids, np.datetime64("2020-01-01", "s"), 60, np.asarray(values, np.float32))


def usage(meters: int = 1) -> np.ndarray:
    return np.random.default_rng(4).gamma(2.0, 0.8, (meters, HOURS))


def evidence(kwh: np.ndarray, *, signed: bool = False, **more) -> Evidence:
    channels = {name: panel(more.pop(name)) for name in ("kwh_export", "kvarh", "voltage_v") if name in more}
    return Evidence(panel(kwh), np.full(len(kwh), signed), channels=channels, **more)


def found(rule: str, seen: Evidence) -> list[list[int]]:
    return np.argwhere(RULE[rule].find(seen, SETTINGS)).tolist()


def test_what_nobody_reports_is_found_nowhere() -> None:
    for kwh in (usage(), np.full((1, HOURS), np.nan), np.zeros((1, HOURS)), np.zeros((2, 0))):
        bare = evidence(kwh)
        empty = evidence(kwh, kwh_export=kwh * np.nan, kvarh=kwh * np.nan, voltage_v=kwh * np.nan)
        for seen in (bare, empty):
            for rule in RULES:
                for find in (rule.find, rule.at_once or rule.find):
                    marks = find(seen, SETTINGS)
                    assert marks.shape == kwh.shape
                    assert not marks.any()


def given_back(places: list[int], meters: int = 1) -> np.ndarray:
    export = np.zeros((meters, HOURS))
    export[:, places] = 0.4
    return export


@pytest.mark.parametrize(("pv_kw", "expected"), [(0.0, [[0, 12], [0, 36]]), (3.0, []), (np.nan, [[0, 12], [0, 36]])])
def test_energy_given_back_needs_generation(pv_kw: float, expected: list[list[int]]) -> None:
    seen = evidence(usage(), kwh_export=given_back([12, 36]), pv_kw=np.array([pv_kw]))
    assert found("reverse_energy", seen) == expected


def test_a_meter_that_exports_daily_generates_unless_meter_denies_it() -> None:
    noons = list(range(12, HOURS, 24))
    assert found("reverse_energy", evidence(usage(), kwh_export=given_back(noons))) == []
    denied = evidence(usage(), kwh_export=given_back(noons), pv_kw=np.zeros(1))
    assert len(found("reverse_energy", denied)) == len(noons)


def test_metered_production_is_generation() -> None:
    production = panel(given_back([12, 13], meters=2))
    production.values[1] = 0
    seen = evidence(usage(2), kwh_export=given_back([12], 2), pv_kw=np.array([np.nan, np.nan]), generation=production)
    assert found("reverse_energy", seen) == [[1, 12]]


def test_reactive_energy_is_missed_where_it_usually_comes() -> None:
    kwh = usage(2)
    kvarh = kwh * 0.3
    kvarh[0, 300:310] = np.nan
    kvarh[1, 5::3] = kvarh[1, 6::3] = np.nan  # comes with a third of the readings
    kwh[0, 305] = np.nan  # no reading at all
    assert found("power_factor", evidence(kwh, kvarh=kvarh)) == [[0, t] for t in range(300, 310) if t != 305]


def test_a_low_power_factor_counts_under_load_only_and_not_behind_generation() -> None:
    kwh, kvarh = np.full((1, HOURS), 2.0), np.full((1, HOURS), 0.5)
    kwh[0, 40], kvarh[0, 40] = 1.0, 2.0  # 0.45
    kwh[0, 50], kvarh[0, 50] = 0.1, 0.2  # as low, but next to no load
    kwh[0, 60], kvarh[0, 60] = 1.0, -2.0
    kwh[0, 70], kvarh[0, 70] = 1.0, 1.5  # 0.55
    assert found("power_factor", evidence(kwh, kvarh=kvarh)) == [[0, 40], [0, 60]]
    assert found("power_factor", evidence(kwh, kvarh=kvarh, signed=True)) == []


LEVELS = [(119.0, 120), (229.0, 230), (241.0, 240), (278.0, 277), (478.0, 480), (11_050.0, 11_050), (100.0, 100)]


@pytest.mark.parametrize(("median", "nominal"), LEVELS)
def test_nominal_voltage_is_the_next_level_or_else_the_meters_own(median: float, nominal: float) -> None:
    volts = median + np.random.default_rng(1).normal(0, 0.002 * median, (1, HOURS))
    volts[0, 100:110] = 0
    volts[0, 200:300] = np.nan
    assert nominal_voltage(panel(volts))[0][0] == pytest.approx(nominal, rel=1e-3)


def test_a_meter_without_voltage_has_no_nominal_one() -> None:
    for volts in (np.full((1, 9), np.nan), np.zeros((1, 9)), np.zeros((1, 0))):
        assert np.isnan(nominal_voltage(panel(volts))[0]).all()


def test_voltage_out_of_band_is_found_but_an_outage_is_no_news() -> None:
    volts = 231 + np.random.default_rng(1).normal(0, 2, (2, HOURS))
    volts[0, 100], volts[1, 200], volts[1, 300] = 199.0, 256.0, 0.0
    dark = np.zeros(volts.shape, bool)
    dark[1, 300] = True
    kwh = usage(2)
    assert found("voltage", evidence(kwh, voltage_v=volts)) == [[0, 100], [1, 200], [1, 300]]
    assert found("voltage", evidence(kwh, voltage_v=volts, outage=dark)) == [[0, 100], [1, 200]]


def test_without_hindsight_nothing_depends_on_what_comes_later() -> None:
    rng = np.random.default_rng(2)
    volts, kwh = 231 + rng.normal(0, 12, (2, HOURS)), usage(2)
    kvarh = np.where(rng.random(kwh.shape) < 0.2, np.nan, kwh * rng.uniform(0, 3, kwh.shape))
    for cut in (30, 48, 49, 400):
        for name in ("voltage", "power_factor"):
            find = RULE[name].at_once or RULE[name].find
            whole = find(evidence(kwh, voltage_v=volts, kvarh=kvarh), SETTINGS)
            past = find(evidence(kwh[:, :cut], voltage_v=volts[:, :cut], kvarh=kvarh[:, :cut]), SETTINGS)
            np.testing.assert_array_equal(whole[:, :cut], past)
            assert whole.any()


def test_production_that_is_metered_later_is_no_excuse_before() -> None:
    production = panel(given_back([400]))
    seen = evidence(usage(), kwh_export=given_back([300, 500]), generation=production)
    find = RULE["reverse_energy"].at_once
    assert find is not None
    assert np.argwhere(find(seen, SETTINGS)).tolist() == [[0, 300]]
    assert found("reverse_energy", seen) == []
