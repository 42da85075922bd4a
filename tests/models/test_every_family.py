"""One suite over every family of the catalogue: what the contract promises, each must hold."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from metrify.errors import BadValue, NoData, UnknownKeys, UnknownName
from metrify.features.calendar import FEATURES as CALENDAR
from metrify.models.base import Batch, Choice, Model, Span
from metrify.models.catalog import FAMILIES, families, family, load
from tests.models.fleet import batches

QUICK = {
    "forecasting/lightgbm": {"n_estimators": 30, "min_data_in_leaf": 20, "threads": 2},
    "quality/imputer": {"n_estimators": 30, "min_data_in_leaf": 20, "threads": 2},
    "quality/denoiser": {"epochs": 2, "windows": 512, "filters": 8, "reach_days": 3},
}
"""Settings that keep the suite short; families without an entry run with their defaults."""

every_family = pytest.mark.parametrize("name", list(FAMILIES))


def teach(name: str, train: Batch) -> Model:
    return family(name).configured(QUICK.get(name, {})).fit(train)


def given(name: str) -> tuple[Batch, Batch]:
    return batches(family(name).needs.frame)


@lru_cache(maxsize=8)
def fitted(name: str) -> Model:
    return teach(name, given(name)[0])


@every_family
def test_answers_one_row_per_row_with_the_columns_of_its_table(name: str) -> None:
    _, test = given(name)
    answer = fitted(name).predict(test)
    table = fitted(name).produces
    assert answer.index.equals(test.rows.index)
    assert set(answer.columns) <= set(table.names)
    for key in set(table.key) - {"model"}:
        assert (answer[key].to_numpy() == test.rows[key].to_numpy()).all()
    required = {column.name for column in table.columns if column.required} - {"model"}
    assert required <= set(answer.columns)
    assert answer[sorted(required)].notna().all().all()


@every_family
def test_a_row_without_an_answer_says_why(name: str) -> None:
    answer = fitted(name).predict(given(name)[1])
    point = {
        "FORECAST": "q50",
        "ANOMALY": "score",
        "RISK": "probability",
        "QUALITY": "estimation_risk",
        "ESTIMATE": "value",
    }
    unanswered = answer[answer[point[fitted(name).produces.name]].isna()]
    assert (unanswered["reason"].str.len() > 5).all()
    assert len(unanswered) < len(answer) / 2


@every_family
def test_the_target_is_not_looked_at_when_it_answers(name: str) -> None:
    _, test = given(name)
    blind = replace(test, rows=test.rows.drop(columns="target", errors="ignore"))
    pd.testing.assert_frame_equal(fitted(name).predict(blind), fitted(name).predict(test))


@every_family
def test_save_and_load_give_an_equal_model(name: str, tmp_path) -> None:
    model, (_, test) = fitted(name), given(name)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again == model
    pd.testing.assert_frame_equal(again.predict(test), model.predict(test))


@every_family
def test_the_same_seed_and_rows_give_the_same_answers(name: str) -> None:
    train, test = given(name)
    pd.testing.assert_frame_equal(teach(name, train).predict(test), fitted(name).predict(test))


@every_family
def test_missing_features_are_no_error_and_no_other_rows_concern(name: str) -> None:
    _, test = given(name)
    rows = test.rows.copy()
    rows.loc[rows.index[::3], measured_features(name, rows)] = np.nan
    answer, whole = fitted(name).predict(replace(test, rows=rows)), fitted(name).predict(test)
    assert len(answer) == len(rows)
    kept = np.arange(len(rows)) % 3 > 0
    pd.testing.assert_frame_equal(answer[kept], whole[kept])


@every_family
def test_gaps_in_the_training_rows_do_not_spoil_the_others(name: str) -> None:
    train, test = given(name)
    rows = train.rows.copy()
    rows.loc[rows.index[::10], measured_features(name, rows)] = np.nan
    answer, whole = teach(name, replace(train, rows=rows)).predict(test), fitted(name).predict(test)
    assert answer.isna().equals(whole.isna())


def measured_features(name: str, rows: pd.DataFrame) -> list[str]:
    """Those that may be missing: what the calendar says never is."""
    always = {feature.name for feature in CALENDAR}
    names = [column for column in fitted(name).needs.features if column not in always]
    return [column for column in names if pd.api.types.is_float_dtype(rows[column])]


@every_family
def test_rows_do_not_disturb_each_other(name: str) -> None:
    """A request for one subject answers as a batch of all does."""
    _, test = given(name)
    whole = fitted(name).predict(test)
    subject = fitted(name).produces.key[0]
    for one in test.rows[subject].unique()[:3]:
        mine = test.rows[subject] == one
        pd.testing.assert_frame_equal(fitted(name).predict(replace(test, rows=test.rows[mine])), whole[mine])


@every_family
def test_nothing_to_learn_from_is_said(name: str) -> None:
    train, _ = given(name)
    with pytest.raises(NoData):
        teach(name, replace(train, rows=train.rows.iloc[:0]))


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
    needs = family(name).needs
    assert needs.features
    assert set(needs.features) <= set(given(name)[1].rows.columns)


def test_listing_families_loads_none_of_them() -> None:
    assert families("forecasting") == [name for name in FAMILIES if name.startswith("forecasting/")]
    for name, path in FAMILIES.items():
        module, attribute = path.split(":")
        assert issubclass(getattr(importlib.import_module(module), attribute), Model)
        assert family(name).family == name


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
