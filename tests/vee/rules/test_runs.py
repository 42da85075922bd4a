"""Rules about runs of readings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.vee.evidence import home, ordinary, places

PV = Path(__file__).parents[3] / "shared" / "data" / "pv_quality"


@pytest.mark.parametrize(("step", "intervals"), [(60, 6), (30, 12), (15, 24)])
def test_stuck_lasts_six_hours_at_any_interval_length(step: int, intervals: int) -> None:
    values = ordinary(200)
    values[0, 50 : 50 + intervals] = 0.42
    values[0, 150 : 150 + intervals - 1] = 1.42  # one too short
    assert places(values, "stuck", step) == list(range(50, 50 + intervals))


def test_without_hindsight_stuck_begins_when_the_run_has_lasted() -> None:
    values = ordinary(100)
    values[0, 50:60] = 0.42
    assert places(values, "stuck", hindsight=False) == [55, 56, 57, 58, 59]


def test_zeros_are_not_stuck_and_a_gap_ends_a_run() -> None:
    values = ordinary(100)
    values[0, 10:40] = 0.0
    values[0, 60:70] = 0.3
    values[0, 65] = np.nan
    assert places(values, "stuck") == []


@pytest.mark.parametrize("hindsight", [True, False])
def test_a_meter_that_counts_coarsely_is_stuck_only_after_longer(hindsight: bool) -> None:
    values = np.repeat(np.random.default_rng(1).integers(20, 40, 24 * 15), 8)[None].astype(float)
    assert places(values, "stuck", 15, hindsight=hindsight) == []
    values[0, 1500:1740] = 33
    found = places(values, "stuck", 15, hindsight=hindsight)
    assert set(range(1640, 1740)) <= set(found) <= set(range(1495, 1748))


def test_a_zero_run_is_where_the_meter_is_not_usually_zero() -> None:
    values = home(40)
    values[0, 800:807] = 0
    values[0, 900:905] = 0  # too short
    assert places(values, "zero_run") == list(range(800, 807))
    assert places(values, "zero_run", hindsight=False) == [805, 806]


def test_nights_of_a_solar_plant_and_a_meter_that_is_always_zero_are_usual() -> None:
    sun = np.maximum(np.sin((np.arange(24 * 40) - 6) * np.pi / 12), 0)[None] * ordinary(24 * 40)
    assert places(sun, "zero_run") == []
    sun[0, 24 * 30 : 24 * 31] = 0
    found = places(sun, "zero_run")
    assert found == [24 * 30 + hour for hour in range(7, 18)]  # the dark hours are as ever
    assert places(np.zeros((1, 24 * 60)), "zero_run") == []


def test_a_meter_that_goes_dead_is_told_until_it_lives_again() -> None:
    values = home(90)
    values[0, 24 * 30 : 24 * 80] = 0
    assert places(values, "zero_run") == list(range(24 * 30, 24 * 80))


def test_interpolated_is_a_straight_line_that_is_not_level() -> None:
    values = ordinary(300)
    values[0, 50:60] = np.linspace(1, 4, 10)
    values[0, 100:105] = np.linspace(1, 4, 5)  # too short
    values[0, 150:160] = 2.0
    assert places(values, "interpolated") == list(range(50, 60))
    assert places(values, "interpolated", hindsight=False) == list(range(55, 60))


def test_rounded_lines_show_in_hindsight() -> None:
    values = ordinary(300).round(3)
    values[0, 50:62] = np.linspace(1, 1.4, 12).round(3)
    assert set(range(50, 62)) <= set(places(values, "interpolated"))
    assert places(values, "interpolated", hindsight=False) == []


def test_a_clipped_plant_has_a_ceiling_and_others_do_not() -> None:
    noise = np.random.default_rng(2).uniform(0.9, 1.1, 60).repeat(96)
    sun = np.maximum(np.sin((np.arange(96 * 60) / 4 - 6) * np.pi / 12), 0) * noise
    assert places(sun[None], "clipped", 15) == []
    clipped = np.minimum(sun, 0.85)[None]
    assert places(clipped, "clipped", 15) == np.flatnonzero(sun > 0.85 * 0.995).tolist()
    assert places(-clipped, "clipped", 15, exports=True) == places(clipped, "clipped", 15)
    assert places(clipped, "clipped", 15, hindsight=False) == []


@pytest.mark.skipif(not PV.is_dir(), reason=f"the solar data are not at {PV}")
@pytest.mark.parametrize(("name", "rule"), [("stale", "stuck"), ("interpolated", "interpolated")])
def test_masks_of_people_are_found_again(name: str, rule: str) -> None:
    rows = pd.read_csv(PV / f"ac_power_inv_2173_{name}_data.csv.gz")
    mask = rows[f"{name}_data_mask"].to_numpy(bool)
    found = np.isin(np.arange(len(mask)), places(rows["value_normalized"].to_numpy()[None], rule, 15))
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.9
