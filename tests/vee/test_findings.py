"""FINDING rows: one a run, with its figures in words."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrify.panel import Panel
from metrify.schema import FINDING
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.findings import counts, findings
from metrify.vee.rules import RULES

SETTINGS = VeeSettings()
RULE = {rule.name: rule for rule in RULES}
HOURS = 240


def panel(values: np.ndarray, step: int = 60) -> Panel:
    ids = np.array([f"M{m}" for m in range(len(values))])
    return Panel(ids, np.datetime64("2020-01-01", "s"), step, np.asarray(values))


def evidence(kwh: np.ndarray, column: str = "kwh", **channels: np.ndarray) -> Evidence:
    others = {name: panel(v if name.startswith("register") else v.astype(np.float32)) for name, v in channels.items()}
    return Evidence(panel(kwh.astype(np.float32)), np.zeros(len(kwh), bool), column=column, channels=others)


def found_by(rule: str, seen: Evidence) -> Flags:
    return RULE[rule].find(seen, SETTINGS) * np.uint32(1 << RULE[rule].bit)


def marked(rule: str, seen: Evidence, first: int, until: int) -> Flags:
    flags = np.zeros(seen.panel.values.shape, np.uint32)
    flags[0, first:until] = 1 << RULE[rule].bit
    return flags


def detail(rule: str, seen: Evidence, flags: Flags) -> str:
    (said,) = findings(seen, flags, SETTINGS)["detail"]
    assert said.startswith(RULE[rule].meaning)
    return said.removeprefix(RULE[rule].meaning).removeprefix(": ")


def a_ramp() -> np.ndarray:
    return np.arange(HOURS)[None, :] / 10


@pytest.mark.parametrize(
    ("rule", "figures"),
    [
        ("gap", "12 h"),
        ("duplicate", "5 kWh stands"),
        ("negative", "lowest 5 kWh"),
        ("stuck", "5 kWh for 12 h"),
        ("spike", "highest 6.1 kWh"),
        ("high_usage", "66.6 kWh in 12 h"),
        ("jump", "from 4.9 to 5 kWh"),
        ("interpolated", "from 5 to 6.1 kWh"),
        ("outage", "12 h"),
        ("exchange", ""),
    ],
)
def test_each_rule_tells_the_figures_of_its_run(rule: str, figures: str) -> None:
    seen = evidence(a_ramp())
    assert detail(rule, seen, marked(rule, seen, 50, 62)) == figures


def test_long_runs_are_told_in_days_and_units_are_those_of_the_column() -> None:
    seen = evidence(a_ramp(), column="voltage_v")
    assert detail("gap", seen, marked("gap", seen, 0, 84)) == "3.5 days"
    assert detail("spike", seen, marked("spike", seen, 0, 11)) == "highest 1 V"


def test_what_has_no_value_is_told_without_figures() -> None:
    seen = evidence(np.full((1, HOURS), np.nan))
    for rule in RULES:
        (row,) = findings(seen, marked(rule.name, seen, 5, 7), SETTINGS).itertuples()
        assert row.detail.startswith(rule.meaning)


def usage() -> np.ndarray:
    return np.random.default_rng(4).gamma(2.0, 0.3, (1, HOURS)).round(3)


def test_a_counter_and_its_intervals_are_told_with_both_sums() -> None:
    kwh = usage()
    counter = 5000 + np.cumsum(kwh, axis=1)
    kwh[0, 60] += 2.5
    seen = evidence(kwh, register_kwh=np.where(np.arange(HOURS) % 24 == 23, counter, np.nan))
    said = f"intervals {kwh[0, 48:72].sum():.6g} kWh, counter {kwh[0, 48:72].sum() - 2.5:.6g} kWh"
    assert detail("register_sum", seen, found_by("register_sum", seen)) == said


def test_a_counter_that_goes_down_is_told_with_both_readings() -> None:
    kwh = usage()
    counter = (99_990 + np.cumsum(kwh, axis=1)).round(3) % 100_000
    over = int(np.argmin(counter[0]))
    seen = evidence(kwh, register_kwh=counter)
    said = detail("register_rollover", seen, found_by("register_rollover", seen))
    assert said == f"from {counter[0, over - 1]:.12g} to {counter[0, over]:.12g} kWh"
    counter[0, 200:] -= 40
    seen = evidence(kwh, register_kwh=counter)
    said = detail("register_backwards", seen, found_by("register_backwards", seen))
    assert said == f"from {counter[0, 199]:.12g} to {counter[0, 200]:.12g} kWh"


def test_channels_are_told_in_their_own_units() -> None:
    kwh, volts, export, kvarh = np.full((1, HOURS), 2.0), np.full((1, HOURS), 231.0), np.zeros((1, HOURS)), usage()
    volts[0, 10:12], export[0, 20:22], kvarh[0, 30] = (260.0, 199.0), 0.3, 9.0
    seen = evidence(kwh, voltage_v=volts, kwh_export=export, kvarh=kvarh)
    assert detail("voltage", seen, found_by("voltage", seen)) == "199 V, nominal 230 V, band 10%"
    assert detail("reverse_energy", seen, found_by("reverse_energy", seen)) == "0.6 kWh"
    factor = detail("power_factor", seen, found_by("power_factor", seen))
    assert factor == f"lowest power factor {2 / np.hypot(2, 9):.2f}, limit 0.5"
    kvarh[0, 30], kvarh[0, 100] = 0.1, np.nan
    seen = evidence(kwh, kvarh=kvarh)
    assert detail("power_factor", seen, found_by("power_factor", seen)) == "no kvarh"


def test_runs_end_with_the_meter_and_the_day_of_25_hours_is_one_run() -> None:
    seen = evidence(np.ones((2, 25)))
    flags = np.full((2, 25), 1 << RULE["outage"].bit, np.uint32)
    rows = findings(seen, flags, SETTINGS)
    assert rows["meter_id"].tolist() == ["M0", "M1"]
    assert rows["intervals"].tolist() == [25, 25]
    assert rows["until"].tolist() == [np.datetime64("2020-01-02T01:00")] * 2
    assert set(rows.columns) == set(FINDING.names) - {"found_at"}


masks = arrays(np.uint32, st.tuples(st.integers(0, 3), st.integers(0, 40)), elements=st.integers(0, 2**23 - 1))


@settings(deadline=None)  # the first call compiles
@given(masks)
def test_findings_and_counts_agree_with_the_mask(flags: Flags) -> None:
    seen = evidence(np.ones(flags.shape))
    expected = {rule.name: int(np.count_nonzero(flags & (1 << rule.bit))) for rule in RULES}
    assert counts(flags) == expected
    rows = findings(seen, flags, SETTINGS)
    assert rows.groupby("rule")["intervals"].sum().to_dict() == {n: c for n, c in expected.items() if c}


def test_a_hundred_thousand_runs_are_quick() -> None:
    seen = evidence(np.random.default_rng(1).gamma(2.0, 0.3, (100, 4000)))
    flags = np.zeros((100, 4000), np.uint32)
    flags[:, ::4] = 1 << RULE["spike"].bit
    begun = time.process_time()
    assert len(findings(seen, flags, SETTINGS)) == 100_000
    assert time.process_time() - begun < 3  # it takes about 0.2 s
