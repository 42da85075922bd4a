"""What every forecaster must hold beside the contract of all families."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.models.base import Batch
from metrify.models.catalog import families
from metrify.schema import LEVELS, level_column
from tests.models.test_every_family import fitted, given, teach

LEVEL_COLUMNS = [level_column(level) for level in LEVELS]

every_forecaster = pytest.mark.parametrize("name", families("forecasting"))


@every_forecaster
def test_quantiles_are_finite_and_in_order_also_where_a_meter_exports(name: str) -> None:
    answer = fitted(name).predict(given(name)[1])
    quantiles = answer[LEVEL_COLUMNS].to_numpy()
    assert np.isfinite(quantiles).all()
    assert np.isfinite(answer["mean"]).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    exporter = answer["meter_id"] == "exporter"
    assert (answer["q50"][exporter] < 0).any()


@every_forecaster
def test_eighty_percent_intervals_hold_about_that(name: str) -> None:
    _, test = given(name)
    answer = fitted(name).predict(test)
    usual = test.rows["meter_id"].isin(["ordinary", "exporter"]) & test.rows["target"].notna()
    inside = test.rows["target"][usual].between(answer["q10"][usual], answer["q90"][usual]).mean()
    assert 0.65 < inside < 0.95


@every_forecaster
def test_beats_a_forecast_of_the_meters_mean(name: str) -> None:
    _, test = given(name)
    answer = fitted(name).predict(test)
    usual = (test.rows["meter_id"] == "ordinary") & test.rows["target"].notna()
    error = (answer["q50"] - test.rows["target"])[usual].abs().mean()
    flat = (test.rows["level_28d"] - test.rows["target"])[usual].abs().mean()
    assert error < flat


@every_forecaster
def test_short_history_gets_the_named_fallback_with_its_reason(name: str) -> None:
    answer = fitted(name).predict(given(name)[1])
    three = answer[(answer["meter_id"] == "three readings")]
    silent = answer[answer["meter_id"] == "silent"]
    last = three[three["issue_time"] == three["issue_time"].max()]
    assert last["reason"].str.contains("short history").all()
    assert silent["reason"].str.contains("no history").all()
    assert (answer["reason"][answer["meter_id"] == "ordinary"] == "").all()


@every_forecaster
def test_missing_features_are_no_error(name: str) -> None:
    _, test = given(name)
    rows = test.rows.copy()
    weather = [column for column in rows if column.startswith(("forecast_", "temperature_", "solar_"))]
    assert rows[weather].isna().all().all()
    rows.loc[rows.index[::3], [c for c in rows if c.startswith("slot_")]] = np.nan
    answer = fitted(name).predict(Batch(rows))
    assert np.isfinite(answer[LEVEL_COLUMNS].to_numpy()).all()


@every_forecaster
def test_gaps_in_the_training_rows_do_not_spoil_the_others(name: str) -> None:
    train, test = given(name)
    rows = train.rows.copy()
    rows.loc[rows.index[::10], [c for c in rows if c.startswith(("slot_", "lag_", "smooth_"))]] = np.nan
    answer = teach(name, Batch(rows)).predict(test)
    assert (answer["reason"][answer["meter_id"] == "ordinary"] == "").all()
