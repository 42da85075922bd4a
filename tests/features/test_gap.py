"""The gap frame: what is known around a missing interval, and that nothing of the interval itself is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metrify.features.gap import FEATURES, gap_frame
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.ladder import estimate
from metrify.vee.ladder.rungs import like_days

LONDON = Calendar("Europe/London", "GB", "ENG")
UTC = Calendar("UTC")
START = np.datetime64("2013-02-04", "s")  # a Monday
DAYS = 60
NAMES = [feature.name for feature in FEATURES]


def home(values: np.ndarray, step: int = 60, start: np.datetime64 = START) -> Panel:
    values = np.atleast_2d(np.asarray(values, np.float32))
    return Panel(np.array([f"m{row}" for row in range(len(values))]), start, step, values)


def noisy(meters: int = 3, per_day: int = 24) -> np.ndarray:
    random = np.random.default_rng(5)
    hours = np.arange(DAYS * per_day) % per_day
    return (0.5 + 0.3 * np.sin(2 * np.pi * hours / per_day)) * random.gamma(8, 1 / 8, (meters, DAYS * per_day))


def wanted(panel: Panel, *gaps: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(panel.values.shape, bool)
    for row, first, until in gaps:
        mask[row, first:until] = True
    return mask


def test_nothing_comes_from_a_wanted_interval() -> None:
    panel = home(noisy())
    mask = wanted(panel, (0, 700, 703), (1, 701, 725), (2, 300, 301))
    other = panel.replace(np.where(mask, np.float32(99), panel.values))
    pd.testing.assert_frame_equal(gap_frame(panel, mask, LONDON), gap_frame(other, mask, LONDON))


def test_one_row_per_wanted_interval_with_every_feature() -> None:
    panel = home(noisy())
    mask = wanted(panel, (2, 300, 301), (0, 700, 703))
    rows = gap_frame(panel, mask, LONDON)
    assert rows["meter_id"].tolist() == ["m0"] * 3 + ["m2"]
    assert (rows["timestamp"].to_numpy() == panel.times[[700, 701, 702, 300]]).all()
    assert (rows["issue_time"] == panel.end).all()
    assert list(rows.columns) == ["meter_id", "timestamp", "issue_time", *NAMES, "ladder"]
    assert (rows[NAMES].dtypes == np.float32).all()
    assert rows[NAMES].notna().all().all()


def test_where_an_interval_is_in_its_gap_and_what_is_beside_it() -> None:
    panel = home(noisy(1))
    rows = gap_frame(panel, wanted(panel, (0, 700, 704)), LONDON)
    assert rows["gap_hours"].tolist() == [4] * 4
    assert rows["into_hours"].tolist() == [1, 2, 3, 4]
    assert rows["left_hours"].tolist() == [4, 3, 2, 1]
    for k in range(1, 5):
        assert (rows[f"before_{k}"] == panel.values[0, 700 - k]).all()
        assert (rows[f"after_{k}"] == panel.values[0, 703 + k]).all()
    line = np.interp(np.arange(1, 5), [0, 5], panel.values[0, [699, 704]])
    np.testing.assert_allclose(rows["linear"], line, rtol=1e-5)
    np.testing.assert_allclose(rows["before_2h"], panel.values[0, 698:700].mean(), rtol=1e-5)


def test_other_days_are_those_of_the_same_clock_time() -> None:
    panel = home(noisy(1))
    at = 30 * 24 + 5
    row = gap_frame(panel, wanted(panel, (0, at, at + 1)), UTC).iloc[0]
    assert row["day_before"] == panel.values[0, at - 24]
    assert row["week_after"] == panel.values[0, at + 7 * 24]
    around = [panel.values[0, at + 24 * move] for move in range(-28, 29) if move and at + 24 * move < DAYS * 24]
    assert row["slot_median_28d"] == pytest.approx(np.median(around), rel=1e-5)
    week = [panel.values[0, at + 24 * move] for move in range(-7, 8) if move]
    assert row["slot_median_7d"] == pytest.approx(np.median(week), rel=1e-5)


def test_the_rungs_are_those_of_the_ladder() -> None:
    panel = home(noisy())
    mask = wanted(panel, (0, 700, 724), (1, 100, 103))
    rows = gap_frame(panel, mask, LONDON)
    np.testing.assert_array_equal(rows["like_days"], like_days(panel, mask, LONDON)[mask])


def test_a_day_that_looked_the_same_beside_the_gap_is_what_counts() -> None:
    """A wash at any hour of every third day: only the reading before and after tell that this is such a day."""
    values = np.full((1, DAYS * 24), 0.2)
    for day in range(0, DAYS, 3):
        values[0, day * 24 + 10 : day * 24 + 13] = [1.0, 3.0, 1.0]
    panel = home(values)
    washed, idle = 30 * 24 + 11, 31 * 24 + 11
    rows = gap_frame(panel, wanted(panel, (0, washed, washed + 1), (0, idle, idle + 1)), LONDON)
    np.testing.assert_allclose(rows["analog_median"], [3.0, 0.2], rtol=1e-5)
    np.testing.assert_allclose(rows["slot_median_28d"], [0.2, 0.2], rtol=1e-5)


def test_a_pattern_that_came_an_hour_later_is_found() -> None:
    values = np.full((1, DAYS * 48), 0.2)
    for day in range(DAYS):
        begin = day * 48 + 20 + (2 if day == 30 else 0)
        values[0, begin : begin + 3] = [1.0, 3.0, 1.0]
    panel = home(values, step=30)
    at = 30 * 48 + 23
    row = gap_frame(panel, wanted(panel, (0, at, at + 1)), UTC).iloc[0]
    assert row["moved_median"] == pytest.approx(3.0)
    assert row["analog_median"] == pytest.approx(0.2)


def test_what_the_fleet_did_at_that_time_is_known() -> None:
    values = np.full((6, DAYS * 24), 0.5)
    at = 30 * 24 + 19
    values[:, at] = 1.0  # everybody boils water
    row = gap_frame(home(values), wanted(home(values), (0, at, at + 1)), LONDON).iloc[0]
    assert row["fleet_unusual"] == pytest.approx(1.0, rel=0.01)
    assert np.isnan(gap_frame(home(values[:1]), wanted(home(values[:1]), (0, at, at + 1)), LONDON)["fleet_unusual"][0])


@pytest.mark.parametrize("step", [15, 30, 60])
def test_features_do_not_depend_on_the_unit(step: int) -> None:
    panel = home(noisy(2, 1440 // step), step=step)
    mask = wanted(panel, (0, 700, 712), (1, 900, 901))
    rows, larger = gap_frame(panel, mask, LONDON), gap_frame(panel.replace(panel.values * 64), mask, LONDON)
    for feature in FEATURES:
        factor = 64 if feature.unit == "as the target" else 1
        np.testing.assert_allclose(larger[feature.name], rows[feature.name] * factor, rtol=1e-4, atol=1e-4)


def test_days_of_23_and_25_hours_keep_to_the_clock() -> None:
    """A kettle at 07:00 local time, whatever UTC says."""
    start = np.datetime64("2013-03-01", "s")
    panel = home(np.zeros((1, 280 * 24)), start=start)
    clock = pd.DatetimeIndex(panel.times).tz_localize("UTC").tz_convert("Europe/London").hour.to_numpy()
    panel = panel.replace(np.where(clock == 7, 2.0, 0.1).astype(np.float32)[None])
    for day in ("2013-03-31", "2013-04-01", "2013-10-27", "2013-10-28"):
        mask = np.zeros(panel.values.shape, bool)
        first = panel.index(np.datetime64(day, "s"))
        mask[0, first : first + 24] = True
        rows = gap_frame(panel, mask, LONDON)
        truth = panel.values[mask]
        for name in ("slot_median_28d", "day_before", "analog_median"):
            known = rows[name].notna()
            np.testing.assert_allclose(rows[name][known], truth[known], err_msg=f"{day} {name}", rtol=1e-5)
            assert known.mean() > 0.9


@pytest.mark.parametrize("what", ["missing", "zero", "exporting", "three readings", "no intervals"])
def test_odd_meters_are_no_error(what: str) -> None:
    values = noisy(1)
    if what == "missing":
        values[:] = np.nan
    elif what == "zero":
        values[:] = 0
    elif what == "exporting":
        values -= 2
    elif what == "three readings":
        values[:, :-3] = np.nan
    panel = home(values[:, :0] if what == "no intervals" else values)
    mask = np.isnan(panel.values)
    mask[:, -50:-40] = True
    rows = gap_frame(panel, mask, LONDON)
    assert len(rows) == mask.sum()
    if what == "missing":
        assert rows["level"].isna().all()
    elif what == "zero":
        assert (rows["level"] == 0).all()
        assert (rows["analog_mean"] == 0).all()
    elif what == "exporting":
        assert (rows["level"] > 0).all()
        assert (rows["slot_median_28d"] < 0).all()
    assert not np.isinf(rows[NAMES].to_numpy()).any()


@pytest.mark.parametrize("settings", [VeeSettings(), VeeSettings(linear_hours=6, like_days_within=7)])
def test_the_ladder_is_what_the_ladder_answers_with_these_settings(settings: VeeSettings) -> None:
    panel = home(noisy())
    mask = wanted(panel, (0, 700, 704), (1, 300, 330), (2, 600, 602), (2, 0, 3))
    rows = gap_frame(panel, mask, LONDON, settings=settings)
    said = estimate(Evidence(panel, np.zeros(3, bool), calendar=LONDON), np.zeros(mask.shape, np.uint32), settings,
                    wanted=mask)  # fmt: skip
    np.testing.assert_array_equal(rows["ladder"], said.values[mask])
    four_hours = rows["gap_hours"] == 4
    assert (rows["ladder"] == rows["linear"])[four_hours].all() == (settings.linear_hours == 6)


def test_like_days_are_looked_for_as_far_as_the_settings_say() -> None:
    panel = home(noisy(1))
    mask = wanted(panel, (0, 700, 724))
    near, far = (gap_frame(panel, mask, LONDON, settings=VeeSettings(like_days_within=days)) for days in (1, 28))
    assert near["like_days"].isna().all()
    assert far["like_days"].notna().all()
