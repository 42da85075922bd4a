"""One suite over every family of the catalogue: what the contract promises, each must hold."""

from __future__ import annotations

import importlib
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from metrify.errors import BadValue, UnknownKeys, UnknownName
from metrify.features.frame import Sources, forecast_frame
from metrify.features.rows import Calendar, issue_times
from metrify.models.base import Batch, Choice, Model, Span
from metrify.models.catalog import FAMILIES, families, family, load
from metrify.panel import Panel
from metrify.schema import LEVELS, level_column

QUICK = {"forecasting/lightgbm": {"n_estimators": 30, "min_data_in_leaf": 20, "threads": 2}}
"""Settings that keep the suite short; families without an entry run with their defaults."""
DAYS = 60
LEVEL_COLUMNS = [level_column(level) for level in LEVELS]

every_family = pytest.mark.parametrize("name", list(FAMILIES))


@lru_cache(maxsize=1)
def feature_rows() -> pd.DataFrame:
    """Three meters x 60 days: an ordinary one, one that exports more than it takes, one with gaps; and short ones."""
    random = np.random.default_rng(3)
    hours = np.arange(DAYS * 24)
    shape = 0.4 + 0.3 * np.sin(2 * np.pi * (hours % 24 - 12) / 24) ** 2 + 0.1 * (hours // 24 % 7 >= 5)
    values = (shape * random.gamma(8.0, 1 / 8, (5, len(hours)))).astype(np.float32)
    values[1] -= 0.8  # exports
    values[2, random.random(len(hours)) < 0.3] = np.nan
    values[3, :-3] = np.nan  # three readings
    values[4] = np.nan  # none
    ids = np.array(["ordinary", "exporter", "gappy", "three readings", "silent"])
    panel = Panel(ids, np.datetime64("2013-03-01", "s"), 60, values)
    meters = pd.DataFrame({"pv_kw": [None, 5.0, None, None, None], "location": ""}, index=ids)
    sources = Sources(panel, panel, Calendar("Europe/London", "GB", "ENG"), meters)
    # the last issue is the end of the data, so that even the three readings are in its past
    issues = issue_times(panel.start, panel.end + np.timedelta64(1, "h"), "00:00", "UTC")
    rows = forecast_frame(sources, issues, "1d").table().to_pandas()
    for column in ("issue_time", "timestamp"):
        rows[column] = rows[column].dt.tz_localize(None).astype("datetime64[s]")
    return rows.sort_values(["issue_time", "timestamp", "meter_id"], ignore_index=True)


def split() -> tuple[Batch, Batch]:
    rows = feature_rows()
    cut = np.datetime64("2013-04-20", "s")
    early = rows[(rows["timestamp"] < cut) & rows["target"].notna()]
    return Batch(early), Batch(rows[rows["issue_time"] >= cut])


@lru_cache(maxsize=8)
def fitted(name: str) -> Model:
    return family(name).configured(QUICK.get(name, {})).fit(split()[0])


@every_family
def test_answers_one_row_per_row_with_the_columns_of_its_table(name: str) -> None:
    _, test = split()
    answer = fitted(name).predict(test)
    assert answer.index.equals(test.rows.index)
    assert set(answer.columns) <= set(fitted(name).produces.names)
    for column in ("meter_id", "issue_time", "timestamp", "lead_minutes"):
        assert (answer[column].to_numpy() == test.rows[column].to_numpy()).all()


@every_family
def test_quantiles_are_finite_and_in_order_also_where_a_meter_exports(name: str) -> None:
    answer = fitted(name).predict(split()[1])
    quantiles = answer[LEVEL_COLUMNS].to_numpy()
    assert np.isfinite(quantiles).all()
    assert np.isfinite(answer["mean"]).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    exporter = answer["meter_id"] == "exporter"
    assert (answer["q50"][exporter] < 0).any()


@every_family
def test_eighty_percent_intervals_hold_about_that(name: str) -> None:
    _, test = split()
    answer = fitted(name).predict(test)
    usual = test.rows["meter_id"].isin(["ordinary", "exporter"]) & test.rows["target"].notna()
    inside = test.rows["target"][usual].between(answer["q10"][usual], answer["q90"][usual]).mean()
    assert 0.65 < inside < 0.95


@every_family
def test_beats_a_forecast_of_the_meters_mean(name: str) -> None:
    _, test = split()
    answer = fitted(name).predict(test)
    usual = (test.rows["meter_id"] == "ordinary") & test.rows["target"].notna()
    error = (answer["q50"] - test.rows["target"])[usual].abs().mean()
    flat = (test.rows["level_28d"] - test.rows["target"])[usual].abs().mean()
    assert error < flat


@every_family
def test_save_and_load_give_an_equal_model(name: str, tmp_path) -> None:
    model, (_, test) = fitted(name), split()
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again == model
    pd.testing.assert_frame_equal(again.predict(test), model.predict(test))


@every_family
def test_the_same_seed_and_rows_give_the_same_answers(name: str) -> None:
    train, test = split()
    twin = family(name).configured(QUICK.get(name, {})).fit(train)
    pd.testing.assert_frame_equal(twin.predict(test), fitted(name).predict(test))


@every_family
def test_short_history_gets_the_named_fallback_with_its_reason(name: str) -> None:
    answer = fitted(name).predict(split()[1])
    three = answer[(answer["meter_id"] == "three readings")]
    silent = answer[answer["meter_id"] == "silent"]
    last = three[three["issue_time"] == three["issue_time"].max()]
    assert last["reason"].str.contains("short history").all()
    assert silent["reason"].str.contains("no history").all()
    assert (answer["reason"][answer["meter_id"] == "ordinary"] == "").all()


@every_family
def test_missing_features_are_no_error(name: str) -> None:
    _, test = split()
    rows = test.rows.copy()
    weather = [column for column in rows if column.startswith(("forecast_", "temperature_", "solar_"))]
    assert rows[weather].isna().all().all()
    rows.loc[rows.index[::3], [c for c in rows if c.startswith("slot_")]] = np.nan
    answer = fitted(name).predict(Batch(rows))
    assert np.isfinite(answer[LEVEL_COLUMNS].to_numpy()).all()


@every_family
def test_gaps_in_the_training_rows_do_not_spoil_the_others(name: str) -> None:
    train, test = split()
    rows = train.rows.copy()
    rows.loc[rows.index[::10], [c for c in rows if c.startswith(("slot_", "lag_", "smooth_"))]] = np.nan
    answer = family(name).configured(QUICK.get(name, {})).fit(Batch(rows)).predict(test)
    assert (answer["reason"][answer["meter_id"] == "ordinary"] == "").all()


@every_family
def test_rows_do_not_disturb_each_other(name: str) -> None:
    """A request for one meter answers as a batch of all does."""
    _, test = split()
    whole = fitted(name).predict(test)
    for meter in ("ordinary", "gappy", "silent"):
        mine = test.rows["meter_id"] == meter
        pd.testing.assert_frame_equal(fitted(name).predict(Batch(test.rows[mine])), whole[mine])


@every_family
def test_a_misspelt_hyperparameter_is_refused_with_a_hint(name: str) -> None:
    known = next(iter(family(name).hyperparameters()))
    with pytest.raises(UnknownKeys, match=f"Did you mean {known}"):
        family(name).configured({known[:-1] + "z": 1})


@every_family
def test_every_corner_of_the_space_makes_a_model(name: str) -> None:
    random = np.random.default_rng(0)
    defaults = family(name).hyperparameters()
    for _ in range(20):
        settings = {}
        for field, mark in family(name).space().items():
            if isinstance(mark, Choice):
                settings[field] = mark.values[random.integers(len(mark.values))]
            elif isinstance(mark, Span):
                value = random.uniform(mark.low, mark.high)
                settings[field] = round(value) if isinstance(defaults[field], int) else value
        model = family(name).configured(settings)
        assert model.settings == defaults | settings


@every_family
def test_needs_names_only_features_that_exist(name: str) -> None:
    rows = feature_rows()
    needs = family(name).needs
    assert needs.features
    assert set(needs.features) <= set(rows.columns)


def test_listing_families_loads_none_of_them() -> None:
    assert families("forecasting") == [name for name in FAMILIES if name.startswith("forecasting/")]
    for path in FAMILIES.values():
        module, attribute = path.split(":")
        assert issubclass(getattr(importlib.import_module(module), attribute), Model)


def test_a_family_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean forecasting/lightgbm"):
        family("forecasting/lightgmb")


def test_a_hyperparameter_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(BadValue, match="n_estimators"):
        family("forecasting/lightgbm").configured({"n_estimators": "many"})
    with pytest.raises(BadValue, match="days"):
        family("forecasting/seasonal").configured({"days": 9})
    with pytest.raises(BadValue, match="calibration_days"):
        family("forecasting/seasonal").configured({"calibration_days": "x"})
    with pytest.raises(BadValue, match="n_estimators"):
        family("forecasting/lightgbm").configured({"n_estimators": 2.5})
