"""The denoising autoencoder: what it is shown, and what it answers."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from metrify.errors import EmptyTable
from metrify.localtime import Calendar
from metrify.models.base import Batch
from metrify.models.quality.denoiser import Denoiser
from metrify.models.quality.lengths import errors, length_of
from metrify.models.quality.windows import Days, Windows, calendar_of
from metrify.panel import Panel
from tests.models.quality.homes import LONDON, asked, homes, taught

QUICK = {"epochs": 3, "windows": 384, "filters": 12, "reach_days": 7}


@lru_cache(maxsize=1)
def fitted() -> Denoiser:
    return Denoiser.configured(QUICK).fit(taught())


def windows(reach: int = 3) -> Windows:
    return Windows(Days.of(homes(), LONDON), reach)


def test_a_window_is_the_day_in_the_middle_of_those_around_it() -> None:
    shown = windows().show(np.array([2]), np.array([30]))
    whole = windows().days.grid[2, 27:34]
    assert shown.level[0] == pytest.approx(
        np.abs(windows().days.grid[2].ravel()[27 * 48 - 12 : 34 * 48 + 12]).mean(), rel=0.1
    )
    unusual = shown.inputs[0, 12:60, 3]
    np.testing.assert_allclose((unusual + shown.usual[0]) * shown.level[0], whole[3], rtol=1e-4)
    assert np.isnan(shown.truth).all()


def test_what_is_hidden_is_not_shown_and_is_the_truth() -> None:
    days = np.arange(20, 60)
    meter = np.zeros(len(days), np.int64)
    shown = windows().show(meter, days, np.random.default_rng(1))
    hidden = np.isfinite(shown.truth)
    assert hidden.any(axis=1).all()
    known = shown.inputs[:, 12:60, 7 + 3] > 0
    assert not (known & hidden).any()
    assert (known | hidden).all()
    grid = windows().days.grid[0, days]
    np.testing.assert_allclose((shown.truth * shown.level[:, None])[hidden], grid[hidden], rtol=1e-4)


def test_a_gap_is_hidden_wherever_the_window_shows_it() -> None:
    """The evening before is seen beside the day, and as the day before."""
    shown = windows().show(np.zeros(200, np.int64), np.full(200, 30), np.random.default_rng(2))
    known = shown.inputs[:, :, 7:14] > 0
    before_in_day, before_beside = known[:, 48:60, 2], known[:, :12, 3]
    np.testing.assert_array_equal(before_in_day, before_beside)


def test_days_of_23_and_25_hours_are_days_of_the_clock() -> None:
    panel = Panel(np.array(["a"]), np.datetime64("2013-03-01", "s"), 60, np.ones((1, 280 * 24), np.float32))
    days = Days.of(panel, Calendar("Europe/London"))
    assert days.grid.shape == (1, 280, 24)
    spring = (np.datetime64("2013-03-31") - np.datetime64("2013-03-01")).astype(int)
    assert np.isnan(days.grid[0, spring]).sum() == 1
    autumn = np.datetime64("2013-10-27T00:30", "s") + np.arange(2) * np.timedelta64(3600, "s")
    rows = pd.DataFrame({"meter_id": "a", "timestamp": autumn - np.timedelta64(1800, "s")})
    _, _, slot = days.cells(rows)
    assert slot.tolist() == [1, 1]


def test_it_is_nearer_than_three_like_days_on_longer_gaps() -> None:
    test = asked()
    said = fitted().predict(test)
    known = said["value"].notna().to_numpy()
    actual, length = test.rows["target"].to_numpy(np.float64), length_of(test.rows)
    mine = errors(actual, said["value"].to_numpy(), length)
    rung = errors(actual, np.where(known, test.rows["ladder"], np.nan), length)
    assert np.isfinite(mine[1:]).any()
    assert (mine < rung)[np.isfinite(mine)].all()
    assert (said["low"] <= said["value"])[known].all()
    assert (said["value"] <= said["high"])[known].all()


def test_it_looks_at_nothing_but_the_history() -> None:
    test = asked()
    other = replace(test, rows=test.rows.drop(columns="target"))
    pd.testing.assert_frame_equal(fitted().predict(test), fitted().predict(other))
    assert test.history is not None
    louder = replace(test, history=test.history.replace(test.history.values * 2))
    value = fitted().predict(test)["value"]
    np.testing.assert_allclose(fitted().predict(louder)["value"], value * 2, rtol=1e-3)


def test_without_the_readings_around_it_says_why_it_has_no_answer() -> None:
    rows = asked().rows
    said = fitted().predict(Batch(rows))
    assert said["value"].isna().all()
    assert (said["reason"].str.len() > 5).all()
    hourly = Panel(homes().meter_ids, homes().start, 60, homes().values[:, ::2])
    reasons = fitted().predict(replace(asked(), history=hourly))["reason"]
    assert reasons.str.contains("it learned from intervals of 30 min, these have 60 min").any()


def test_it_travels_without_its_network_and_answers_the_same() -> None:
    again = pickle.loads(pickle.dumps(fitted()))
    assert again._network is None
    pd.testing.assert_frame_equal(again.predict(asked()), fitted().predict(asked()))


def test_it_tells_the_error_after_each_epoch() -> None:
    told: list[tuple[int, float]] = []
    quick = QUICK | {"epochs": 2, "windows": 128, "filters": 8}
    Denoiser.configured(quick).fit(taught(), asked(), report=lambda step, metrics: told.append((step, metrics["wape"])))
    assert [step for step, _ in told] == [1, 2]
    assert all(np.isfinite(value) for _, value in told)


def test_nothing_known_is_nothing_to_learn_from() -> None:
    with pytest.raises(EmptyTable, match="readings around"):
        Denoiser().fit(Batch(taught().rows))


def test_meters_say_where_they_are() -> None:
    assert calendar_of(Batch(pd.DataFrame())) == Calendar("UTC")
    meters = pd.DataFrame({"zone": [None, "Europe/Oslo"], "country": [None, "NO"]})
    assert calendar_of(Batch(pd.DataFrame(), meters=meters)) == Calendar("Europe/Oslo", "NO", "")
