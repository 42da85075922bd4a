"""Gradient boosting in gaps, and what both learned imputers answer where a rung is no worse."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from metrify.features.gap import FEATURES, gap_frame
from metrify.models.base import Batch
from metrify.models.catalog import load
from metrify.models.forecasting.conformal import Conformal
from metrify.models.quality.imputer import Imputer
from metrify.models.quality.lengths import LENGTHS, Standing, answer, errors, held_out, length_of
from tests.models.fleet import batches
from tests.models.quality.homes import LONDON, asked, homes, taught

QUICK = {"n_estimators": 60, "min_data_in_leaf": 20, "threads": 2}


@lru_cache(maxsize=1)
def fitted() -> Imputer:
    return Imputer.configured(QUICK).fit(taught())


def test_it_is_nearer_than_the_ladder_on_gaps_of_every_length() -> None:
    test = asked()
    said = fitted().predict(test)
    actual, length = test.rows["target"].to_numpy(np.float64), length_of(test.rows)
    known = said["value"].notna().to_numpy()
    assert known.mean() > 0.9
    mine = errors(actual, said["value"].to_numpy(), length)
    rung = errors(actual, np.where(known, test.rows["ladder"], np.nan), length)
    assert (mine < 0.95 * rung)[np.isfinite(mine)].all()


def test_eight_of_ten_readings_are_in_the_band() -> None:
    test = asked()
    said = fitted().predict(test)
    inside = (test.rows["target"] >= said["low"]) & (test.rows["target"] <= said["high"])
    known = said["value"].notna()
    assert 0.72 < inside[known].mean() < 0.88
    assert (said["low"] <= said["value"])[known].all()
    assert (said["value"] <= said["high"])[known].all()


def test_a_gap_that_is_longer_than_any_it_learned_from_is_left_to_the_ladder() -> None:
    panel = homes()
    wanted = np.zeros(panel.values.shape, bool)
    wanted[0, 1000:1200] = True
    rows = gap_frame(panel, wanted, LONDON)
    said = fitted().predict(Batch(rows))
    assert said["value"].isna().all()
    assert set(said["reason"]) == {"no gap of more than 72 h was learned from"}


def test_where_a_rung_did_no_worse_it_leaves_the_gap_to_it_and_says_so() -> None:
    rows = asked().rows
    good = np.array([-0.25, 0.1, np.nan, 0.2])
    standing = Standing(good, Conformal.fit(*[np.empty(0)] * 5))
    point = np.full(len(rows), 1.0)
    said = answer(rows, point - 0.1, point, point + 0.1, standing)
    length = length_of(rows)
    assert said["value"].notna().to_numpy().tolist() == np.isin(length, [1, 3]).tolist()
    assert said["reason"][length == 0].str.contains("the ladder did no worse on gaps of at most 2 h.*1.25 times").all()
    assert said["reason"][length == 2].str.contains("no gaps of 12 to 24 h were held out").all()
    again = Standing.from_state(standing.state())
    np.testing.assert_array_equal(again.gain, good)


def test_meters_without_a_size_have_a_reason() -> None:
    rows = batches("gap")[1].rows
    said = fitted().predict(Batch(rows))
    silent = said[rows["meter_id"] == "silent"]
    assert (silent["reason"] == "no usable reading of the meter is known").all()
    zero = said[rows["meter_id"] == "zero"]
    assert len(zero)
    assert zero["reason"].str.contains("zero").all()
    assert zero["value"].isna().all()


def test_a_meter_that_exports_has_negative_estimates() -> None:
    rows = batches("gap")[1].rows
    said = Imputer.configured(QUICK).fit(batches("gap")[0]).predict(Batch(rows))
    mine = said[(rows["meter_id"] == "exporter") & said["value"].notna()]
    assert len(mine)
    assert (mine["value"] < 0).mean() > 0.9
    assert (mine["low"] <= mine["high"]).all()


def test_a_larger_unit_gives_larger_estimates_and_nothing_else() -> None:
    scaled = replace(asked(), rows=_times(asked().rows, 1000))
    small, large = fitted().predict(asked()), fitted().predict(scaled)
    np.testing.assert_allclose(large["value"] / 1000, small["value"], rtol=1e-3, atol=1e-4)


def _times(rows: pd.DataFrame, factor: float) -> pd.DataFrame:
    unit = [feature.name for feature in FEATURES if feature.unit == "as the target"]
    return rows.assign(**{name: rows[name] * np.float32(factor) for name in unit})


def test_it_tells_the_error_as_it_learns() -> None:
    told: list[tuple[int, float]] = []
    model = Imputer.configured(QUICK)
    model.fit(taught(), asked(), report=lambda step, metrics: told.append((step, metrics["wape"])))
    assert [step for step, _ in told] == [20, 40, 60]
    assert told[-1][1] < told[0][1]
    said = model.predict(asked())
    shares = errors(asked().rows["target"].to_numpy(np.float64), said["value"].to_numpy(), length_of(asked().rows))
    assert told[-1][1] == pytest.approx(np.nanmean(shares), rel=0.02)
    pd.testing.assert_frame_equal(said, fitted().predict(asked()))


def test_what_is_held_out_is_whole_meters_or_in_small_fleets_weeks() -> None:
    times = np.datetime64("2013-01-07", "s") + np.arange(70) * np.timedelta64(86400, "s")
    many = pd.DataFrame({"meter_id": np.repeat([f"m{k}" for k in range(20)], 70), "timestamp": np.tile(times, 20)})
    aside = held_out(many)
    assert many[aside]["meter_id"].nunique() == 4
    assert not set(many["meter_id"][aside]) & set(many["meter_id"][~aside])
    few = many[many["meter_id"].isin(["m0", "m1"])]
    aside = held_out(few)
    assert 0.1 < aside.mean() < 0.3
    assert set(few["meter_id"][aside]) == {"m0", "m1"}
    assert not held_out(few.iloc[:1]).any()


def test_lengths_are_classes_by_their_longest() -> None:
    hours = pd.DataFrame({"gap_hours": [0.25, 2.0, 2.5, 12.0, 24.0, 72.0, 72.5, np.nan]})
    assert length_of(hours).tolist() == [0, 0, 1, 1, 2, 3, -1, -1]
    assert len(LENGTHS) == 4


def test_what_matters_is_known_after_loading(tmp_path) -> None:
    fitted().save(tmp_path / "model")
    shares = load(tmp_path / "model").importance()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert set(shares) == set(Imputer.needs.features) - {"level"}
