"""What each rule finds, and that no rule changes a reading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.findings import findings
from metrify.vee.rules import RULES, to_estimate, trusted, validate

SETTINGS = VeeSettings()
BIT = {rule.name: 1 << bit for bit, rule in enumerate(RULES)}


def a_panel(values: np.ndarray, step: int = 60) -> Panel:
    ids = np.array([f"M{m}" for m in range(len(values))])
    return Panel(ids, np.datetime64("2020-01-01", "s"), step, values.astype(np.float32))


def ordinary(hours: int = 24 * 30, meters: int = 1) -> np.ndarray:
    return np.random.default_rng(5).gamma(2.0, 0.2, (meters, hours)) + 0.01


def judged(panel: Panel, *, exports: bool = False, hindsight: bool = True) -> Flags:
    signed = np.full(len(panel.meter_ids), exports)
    return validate(Evidence(panel, signed), SETTINGS, hindsight=hindsight)


def flagged(values: np.ndarray, rule: str, *, exports: bool = False, step: int = 60) -> np.ndarray:
    return judged(a_panel(values, step), exports=exports) & BIT[rule] > 0


def test_ordinary_load_has_no_finding() -> None:
    flags = judged(a_panel(ordinary(meters=20)))
    assert not flags.any()


def test_a_gap_is_between_first_and_last_reading_only() -> None:
    values = ordinary(48)
    values[0, :5] = values[0, 20:23] = values[0, 40:] = np.nan
    assert np.flatnonzero(flagged(values, "gap")[0]).tolist() == [20, 21, 22]


def test_negative_is_found_unless_the_meter_exports() -> None:
    values = ordinary(48)
    values[0, 7] = -0.2
    assert np.flatnonzero(flagged(values, "negative")[0]).tolist() == [7]
    assert not flagged(values, "negative", exports=True).any()


@pytest.mark.parametrize(("step", "intervals"), [(60, 6), (30, 12), (15, 24)])
def test_stuck_lasts_six_hours_at_any_interval_length(step: int, intervals: int) -> None:
    values = ordinary(200)
    values[0, 50 : 50 + intervals] = 0.42
    values[0, 150 : 150 + intervals - 1] = 0.42  # one too short
    found = np.flatnonzero(flagged(values, "stuck", step=step)[0])
    assert found.tolist() == list(range(50, 50 + intervals))


def test_without_hindsight_stuck_begins_when_the_run_has_lasted() -> None:
    values = ordinary(100)
    values[0, 50:60] = 0.42
    panel = a_panel(values)
    flags = judged(panel, hindsight=False) & BIT["stuck"]
    assert np.flatnonzero(flags[0]).tolist() == [55, 56, 57, 58, 59]


@pytest.mark.parametrize("cut", [700, 1000, 1500])
def test_without_hindsight_a_flag_does_not_depend_on_what_comes_later(cut: int) -> None:
    values = ordinary(24 * 80, meters=3)
    values[:, ::97] *= 12
    values[1, 990:1010] = 0.5
    whole, past = (judged(a_panel(v), hindsight=False) for v in (values, values[:, :cut]))
    keep = ~np.uint32(BIT["gap"])
    np.testing.assert_array_equal(whole[:, :cut] & keep, past & keep)
    assert (whole & BIT["spike"]).any()


def test_zeros_are_not_stuck_and_a_gap_ends_a_run() -> None:
    values = ordinary(100)
    values[0, 10:40] = 0.0
    values[0, 60:70] = 0.3
    values[0, 65] = np.nan
    assert not flagged(values, "stuck").any()


def test_spike_is_measured_by_the_meters_own_history() -> None:
    small, large = ordinary(24 * 90), ordinary(24 * 90) * 100
    small[0, 1000] = np.quantile(small, 0.999) * 8
    values = np.concatenate([small, large])
    assert np.argwhere(flagged(values, "spike")).tolist() == [[0, 1000]]


def test_trusted_leaves_out_errors_and_keeps_the_rest() -> None:
    values = ordinary(48)
    values[0, 7], values[0, 9] = -1.0, np.nan
    panel = a_panel(values)
    kept = trusted(panel, judged(panel))
    assert np.flatnonzero(np.isnan(kept.values[0])).tolist() == [7, 9]


def test_findings_are_one_row_a_run_with_its_end() -> None:
    values = ordinary(100)
    values[0, 50:58] = 0.42
    values[0, 70] = -1
    panel = a_panel(values)
    rows = findings(panel, judged(panel)).set_index("rule")
    assert rows.loc["stuck", ["intervals", "severity"]].tolist() == [8, "error"]
    assert rows.loc["stuck", "timestamp"] == np.datetime64("2020-01-03T02:00")
    assert rows.loc["stuck", "until"] == np.datetime64("2020-01-03T10:00")
    assert rows.loc["negative", "intervals"] == 1


readings = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(0, 60)),
    elements=st.floats(-10, 1e6, width=32) | st.just(float("nan")) | st.sampled_from([0.0, 0.5]),
)


@given(readings, st.sampled_from([15, 30, 60]), st.booleans())
def test_no_rule_changes_or_drops_a_reading(values: np.ndarray, step: int, exports: bool) -> None:
    panel = a_panel(values.copy(), step)
    flags = judged(panel, exports=exports)
    np.testing.assert_array_equal(panel.values, values)
    assert flags.shape == values.shape
    found = findings(panel, flags)
    assert found["intervals"].sum() == sum(np.count_nonzero(flags & bit) for bit in BIT.values())
    in_a_gap = np.isnan(values) & (flags > 0)
    assert (flags[in_a_gap] == BIT["gap"]).all()


def test_a_duplicate_is_flagged_and_used() -> None:
    panel = a_panel(ordinary(48))
    repeated = np.zeros(panel.values.shape, np.int64)
    end = panel.times.astype(np.int64) + 3600
    repeated[0, 7], repeated[0, 9] = end[7], end[9] + 1
    evidence = Evidence(panel, np.zeros(1, bool), repeated)
    later, at_once = (validate(evidence, SETTINGS, hindsight=hindsight) for hindsight in (True, False))
    assert np.flatnonzero(later[0] & BIT["duplicate"]).tolist() == [7, 9]
    assert np.flatnonzero(at_once[0] & BIT["duplicate"]).tolist() == [7]
    assert not to_estimate(later).any()
    np.testing.assert_array_equal(trusted(panel, later).values, panel.values)
    assert findings(panel, later)["severity"].tolist() == ["warning", "warning"]


def test_what_is_to_be_estimated_is_gaps_and_errors() -> None:
    values = ordinary(48)
    values[0, 7], values[0, 9] = -1.0, np.nan
    assert np.flatnonzero(to_estimate(judged(a_panel(values)))[0]).tolist() == [7, 9]


def test_the_first_five_rules_are_there() -> None:
    assert list(BIT) == ["gap", "duplicate", "negative", "stuck", "spike"]
