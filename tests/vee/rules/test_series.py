"""Rules about single readings."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.vee.rules import flagged, validate
from tests.vee.evidence import SETTINGS, a_panel, evidence, home, ordinary, places


def test_a_gap_is_between_first_and_last_reading_only() -> None:
    values = ordinary(48)
    values[0, :5] = values[0, 20:23] = values[0, 40:] = np.nan
    assert places(values, "gap") == [20, 21, 22]


def test_a_meter_without_any_reading_has_no_gap_nor_anything_else() -> None:
    flags = validate(evidence(a_panel(np.full((1, 24 * 60), np.nan))), SETTINGS)
    assert not flags.any()


def test_negative_is_found_unless_the_meter_exports() -> None:
    values = ordinary(48)
    values[0, 7] = -0.2
    assert places(values, "negative") == [7]
    assert places(values, "negative", exports=True) == []


def test_off_grid_and_unreadable_reports_are_told() -> None:
    found = np.zeros((1, 48), bool)
    found[0, 11] = True
    assert places(ordinary(48), "off_grid", off_grid=found) == [11]
    assert places(ordinary(48), "non_numeric", unreadable=found) == [11]
    assert places(ordinary(48), "off_grid") == places(ordinary(48), "non_numeric") == []


@pytest.mark.parametrize("hindsight", [True, False])
def test_spike_is_measured_by_the_meters_own_history(hindsight: bool) -> None:
    small, large = ordinary(24 * 90), ordinary(24 * 90) * 100
    small[0, 1000] = np.quantile(small, 0.999) * 8
    values = np.concatenate([small, large])
    flags = validate(evidence(a_panel(values)), SETTINGS, hindsight=hindsight)
    assert np.argwhere(flagged(flags, "spike")).tolist() == [[0, 1000]]


@pytest.mark.parametrize("factor", [5.05, 4.9])
def test_a_spike_begins_at_the_factor(factor: float) -> None:
    values = ordinary(24 * 90)
    values[0, 1000] = factor * np.sort(values[0])[-3]  # of 2,160 readings the 99.9th percentile is the third highest
    assert places(values, "spike") == ([1000] if factor > 5 else [])


def test_a_home_that_is_lived_in_again_has_no_spike() -> None:
    values = home(180)
    values[0, 24 * 20 : 24 * 70] = 0.03 + 0.005 * ordinary(24 * 50)
    assert places(values, "spike") == []
    assert places(values, "spike", hindsight=False) != []  # 28 days of an empty home are all that is known at once
    values[0, 24 * 40] = 50
    assert places(values, "spike") == [24 * 40]


def test_a_spike_far_above_zeros_is_none() -> None:
    values = np.zeros((1, 24 * 60))
    values[0, 1000] = 3
    assert places(values, "spike") == []


def test_jump_is_measured_by_the_meters_own_jumps() -> None:
    steady = 100 + ordinary(24 * 60)  # a feeder: twice its usual reading is no spike, but no step that it takes either
    steady[0, 900:] += 30
    assert places(steady, "jump") == [900]
    assert places(steady, "spike") == []
    assert places(100 + ordinary(24 * 60), "jump") == []
