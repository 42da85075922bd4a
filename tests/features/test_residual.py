"""Residual features of readings, against a plain reading of their definitions, and against the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metrify.features.reading import LOOKBACK_DAYS, reading_frame
from metrify.features.residual import FEATURES
from metrify.features.sources import Validated
from tests.features.test_reading import HOUR, found, homes, late_and_gappy

NAMES = [feature.name for feature in FEATURES]


def plain(of: Validated, meter: int, t: int, spread: float) -> dict[str, float]:
    """The definitions, slow and plain, in UTC: where the clocks do not change."""
    raw, history = of.raw.values[meter].astype(np.float64), of.history.values[meter].astype(np.float64)
    ends = of.raw.times.astype(np.int64) + 3600
    late = np.zeros(len(raw)) if of.available is None else of.available[meter]
    known = np.where(np.maximum(late, ends) <= ends[t], history, np.nan)
    in_time = np.where(late <= ends, history, np.nan)
    in_time[t + 1 :] = np.nan

    def before(hours: int) -> np.ndarray:
        some = known[max(t - hours, 0) : t]
        some = some[np.isfinite(some)]
        return some if len(some) >= 0.75 * hours else np.array([np.nan])

    day = before(24)
    fit = [shape(in_time, t, move) for move in range(-6, 7)]
    return {
        "week_change": (raw[t] - known[t - 168]) / spread if t >= 168 else np.nan,
        "recent_change": (raw[t] - before(3).mean()) / spread,
        "roll_zscore": (raw[t] - day.mean()) / np.maximum(day.std(), 0.1 * spread),
        "shape_fit": fit[6],
        "shift_gain": max(fit) - fit[6],
    }


def shape(values: np.ndarray, t: int, move: int) -> float:
    """Correlation of 72 hours with the mean of the moved hour over the 28 days before each."""
    pairs = []
    for c in range(t - 71, t + 1):
        before = values[max(c - 672, 0) : c]
        hours = (np.arange(max(c - 672, 0), c) - c - move) % 24 == 0
        every = [np.isfinite(before[(np.arange(max(c - 672, 0), c) - k) % 24 == 0]).any() for k in range(24)]
        if np.isfinite(values[c]) and all(every):
            pairs.append((values[c], np.nanmean(before[hours])))
    return float(np.corrcoef(np.array(pairs).T)[0, 1]) if len(pairs) >= 54 else np.nan


@pytest.mark.parametrize("meter", [0, 1])
def test_every_feature_is_what_its_definition_says(meter: int) -> None:
    of = late_and_gappy()
    of = replace(of, calendar=replace(of.calendar, zone="UTC"))
    mine = reading_frame(of, residual=True).query(f"meter_id == 'm{meter}'").set_index("timestamp")
    chosen = {*np.random.default_rng(2).choice(np.arange(800, 1800), 4, replace=False), 40, 130, 730}
    for t in sorted(t for t in chosen if np.isfinite(of.raw.values[meter, t])):
        row = mine.loc[of.raw.times[t]]
        assert row[NAMES].to_dict() == pytest.approx(
            plain(of, meter, int(t), float(row["spread"])), rel=1e-3, abs=1e-3, nan_ok=True
        ), t


def test_they_are_there_only_where_they_are_wanted() -> None:
    of = late_and_gappy()
    without, with_them = reading_frame(of), reading_frame(of, residual=True)
    assert not set(NAMES) & set(without)
    pd.testing.assert_frame_equal(with_them[without.columns], without)
    assert with_them[NAMES].dtypes.eq(np.float32).all()


@pytest.mark.parametrize("late", [False, True])
def test_whatever_comes_later_changes_nothing(late: bool) -> None:
    of = late_and_gappy()
    of = of if late else replace(of, available=None)
    cut = 1100
    changed = of.raw.values.copy()
    changed[:, cut:] = np.where(changed[:, cut:] > 0.3, np.nan, 9.0)
    before = reading_frame(of, until=of.raw.times[cut], residual=True)
    after = reading_frame(found(changed, available=of.available), until=of.raw.times[cut], residual=True)
    pd.testing.assert_frame_equal(before, after)


def test_a_row_looks_back_on_no_more_than_it_says() -> None:
    of = found(homes(2, 80))
    since = of.raw.start + np.timedelta64(60, "D")
    far = since - np.timedelta64(LOOKBACK_DAYS, "D")
    changed = of.raw.values.copy()
    changed[:, : int((far - of.raw.start) / HOUR)] *= 7
    one, other = (reading_frame(f, since=since, residual=True)[NAMES] for f in (of, found(changed)))
    pd.testing.assert_frame_equal(one, other, rtol=1e-3, atol=1e-4)


def test_a_clock_that_runs_three_hours_ahead_shows() -> None:
    values = homes(3, 60)
    wrong = values.copy()
    wrong[:, 45 * 24 :] = np.roll(values, -3, axis=1)[:, 45 * 24 :]
    right, moved = (reading_frame(found(v), residual=True) for v in (values, wrong))
    late = right["timestamp"] >= np.datetime64("2013-04-19", "s")
    late &= right["timestamp"] < np.datetime64("2013-04-22", "s")
    assert moved["shift_gain"][late].median() > 0.2
    assert right["shift_gain"][late].median() < 0.05
    assert moved["shape_fit"][late].median() < right["shape_fit"][late].median() - 0.2
