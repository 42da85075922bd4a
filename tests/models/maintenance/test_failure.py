"""The failure classifier on simulated devices whose true hazard is known."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from metrify.errors import BadValue, EmptyTable, OneClass, UnknownKeys
from metrify.features.asset import CATEGORIES, FEATURES, Equipment, as_of_grid, asset_frame
from metrify.models.base import Batch, Span
from metrify.models.maintenance.failure import FailureClassifier
from metrify.sample.simulator import simulate_devices

UNTIL = np.datetime64("2017-08-01", "s")
YEAR = np.timedelta64(365 * 86_400, "s")
NUMBERS = [feature.name for feature in FEATURES]


class Year(NamedTuple):
    train: pd.DataFrame
    test: pd.DataFrame
    truth: np.ndarray
    """the true chance of each row of `test`"""


@lru_cache(maxsize=4)
def next_year(number: int, seed: int = 0) -> Year:
    """Everything known before the last year, the last year, and its truth."""
    devices = simulate_devices(number, 6, seed, until=UNTIL)
    equipment = Equipment.of(*(table.to_pandas() for table in (devices.assets, devices.events, devices.weather)))
    begin = UNTIL - YEAR
    train = asset_frame(equipment, as_of_grid(equipment, 91, 365, begin), horizon_days=365, labels_until=begin)
    test = asset_frame(equipment, np.array([begin]), horizon_days=365, labels_until=UNTIL)
    test = test[test["target"].notna()]
    chance = devices.probability(begin, 365).set_index("asset_id")["probability"]
    return Year(train, test, chance[test["asset_id"]].to_numpy())


@lru_cache(maxsize=1)
def fitted() -> FailureClassifier:
    return FailureClassifier(seed=1).fit(Batch(next_year(300).train))


def brier(target: pd.Series, probability) -> float:
    return float(np.mean((target.to_numpy() - np.asarray(probability)) ** 2))


def skill(year: Year, probability) -> float:
    """Against the rate of failures known before."""
    return 1 - brier(year.test["target"], probability) / brier(year.test["target"], year.train["target"].mean())


def test_next_year_is_ranked_nearly_as_well_as_by_the_true_hazard() -> None:
    year = next_year(4000)  # of 1,000 devices some 30 fail in the year: its AUC is known to no better than .02
    answer = FailureClassifier().fit(Batch(year.train)).predict(Batch(year.test))["probability"]
    auc, possible = (roc_auc_score(year.test["target"], chance) for chance in (answer, year.truth))
    assert auc > possible - 0.02
    assert skill(year, answer) > 0.1
    assert answer.mean() == pytest.approx(year.test["target"].mean(), rel=0.25)


def test_answers_have_the_columns_of_risk_and_keep_the_index() -> None:
    rows = next_year(300).test.set_index(np.arange(7, 7 + len(next_year(300).test)))
    answer = fitted().predict(Batch(rows))
    assert answer.index.equals(rows.index)
    assert list(answer) == [name for name in fitted().produces.names if name != "model"]
    assert answer["probability"].between(0, 1, inclusive="neither").all()
    assert answer["health"].between(0, 100).all()
    assert (answer.sort_values("probability")["health"].diff().dropna() <= 1e-9).all()
    assert answer[["consequence", "risk"]].isna().all().all()
    assert (answer["reason"] != "").all()
    riskiest = answer.loc[answer["probability"].idxmax(), "reason"]
    assert "age" in riskiest
    assert "make Cormet" in riskiest


def test_what_is_not_in_service_gets_its_standing_as_the_reason() -> None:
    rows = next_year(300).test.copy()
    rows.iloc[3, rows.columns.get_loc("standing")] = "not installed before 2031-05-01"
    rows.iloc[3, [rows.columns.get_loc(name) for name in NUMBERS]] = np.nan
    answer = fitted().predict(Batch(rows))
    assert answer["probability"].isna().sum() == 1
    assert np.isnan(answer["health"].iloc[3])
    assert answer["reason"].iloc[3] == "not installed before 2031-05-01"
    nobody = fitted().predict(Batch(rows.iloc[[3]]))
    pd.testing.assert_frame_equal(nobody, answer.iloc[[3]])
    assert fitted().predict(Batch(rows.iloc[:0])).empty


def test_save_and_load_give_an_equal_model(tmp_path) -> None:
    test = Batch(next_year(300).test)
    fitted().save(tmp_path)
    again = FailureClassifier.load(tmp_path)
    assert again == fitted()
    pd.testing.assert_frame_equal(again.predict(test), fitted().predict(test))
    assert again.importance() == fitted().importance()
    assert sum(again.importance().values()) == pytest.approx(1)


def test_the_same_seed_and_rows_give_the_same_answers() -> None:
    year = next_year(300)
    twin = FailureClassifier(seed=1).fit(Batch(year.train))
    pd.testing.assert_frame_equal(twin.predict(Batch(year.test)), fitted().predict(Batch(year.test)))


def test_rows_do_not_disturb_each_other() -> None:
    rows = next_year(300).test
    whole = fitted().predict(Batch(rows))
    for place in (0, 5, len(rows) - 1):
        pd.testing.assert_frame_equal(fitted().predict(Batch(rows.iloc[[place]])), whole.iloc[[place]])


def test_an_unseen_make_and_missing_values_are_answered() -> None:
    rows = next_year(300).test.copy()
    rows["make"], rows["firmware"] = "Nobody's", None
    rows[[name for name in NUMBERS if name != "age_years"]] = np.nan
    answer = fitted().predict(Batch(rows))
    assert answer["probability"].between(0, 1, inclusive="neither").all()
    assert not answer["reason"].str.contains("Cormet").any()


def test_missing_values_in_training_are_no_error() -> None:
    train = next_year(300).train.copy()
    train.loc[train.index[::3], NUMBERS] = np.nan
    train.loc[train.index[::4], list(CATEGORIES)] = None
    answer = FailureClassifier(n_estimators=10).fit(Batch(train)).predict(Batch(next_year(300).test))
    assert answer["probability"].notna().all()


def test_another_horizon_is_answered_at_the_same_hazard() -> None:
    rows = next_year(300).test
    year, month = (fitted().predict(Batch(rows.assign(horizon_days=days))) for days in (365, 30))
    assert (month["probability"] < year["probability"]).all()
    assert (month["horizon_days"] == 30).all()
    np.testing.assert_allclose(month["health"], year["health"], atol=1e-6)


def test_progress_is_told_on_valid_and_stops_a_trial() -> None:
    year, told = next_year(300), []
    model = FailureClassifier(n_estimators=25)
    model.fit(Batch(year.train), Batch(year.test), report=lambda step, metrics: told.append((step, metrics)))
    assert [step for step, _ in told] == [10, 20]
    assert set(told[0][1]) == {"brier", "logloss"}
    assert told[1][1]["logloss"] < told[0][1]["logloss"]
    quiet = FailureClassifier(n_estimators=25).fit(Batch(year.train))
    pd.testing.assert_frame_equal(quiet.predict(Batch(year.test)), model.predict(Batch(year.test)))

    class Stopped(Exception):
        pass

    def stop(step: int, metrics: dict[str, float]) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        FailureClassifier().fit(Batch(year.train), Batch(year.test), report=stop)


def test_learning_goes_on_from_a_saved_model(tmp_path) -> None:
    year = next_year(300)
    FailureClassifier(n_estimators=30).fit(Batch(year.train)).save(tmp_path)
    more = FailureClassifier(n_estimators=50).fit(Batch(year.train), resume=tmp_path)
    done = FailureClassifier(n_estimators=30).fit(Batch(year.train), resume=tmp_path)
    assert more._booster.num_boosted_rounds() == 50
    assert done._booster.num_boosted_rounds() == 30


def test_without_a_failure_or_without_a_survivor_it_says_what_it_saw() -> None:
    train = next_year(300).train
    with pytest.raises(OneClass, match=r"no failure within 365 days, \d+ assets on \d+ days .* asset-days"):
        FailureClassifier().fit(Batch(train[train["target"] != 1]))
    with pytest.raises(OneClass, match="nothing but failures"):
        FailureClassifier().fit(Batch(train[train["target"] == 1]))
    with pytest.raises(EmptyTable, match="install date"):
        FailureClassifier().fit(Batch(train.assign(target=np.float32(np.nan))))
    with pytest.raises(BadValue, match="horizon_days"):
        FailureClassifier().fit(Batch(train.assign(horizon_days=np.arange(len(train)) % 2 + 30)))


def test_a_handful_of_assets_with_one_failure_is_enough_to_answer() -> None:
    train = next_year(300).train
    failed = train[train["target"] == 1].iloc[:1]
    few = pd.concat([failed, train[train["target"] == 0].iloc[:4]])
    answer = FailureClassifier().fit(Batch(few)).predict(Batch(next_year(300).test))
    assert answer["probability"].between(0.01, 0.9).all()


def test_a_misspelt_hyperparameter_is_refused_and_every_corner_learns() -> None:
    with pytest.raises(UnknownKeys, match="Did you mean max_depth"):
        FailureClassifier.configured({"max_depht": 3})
    defaults = FailureClassifier.hyperparameters()
    assert {name: defaults[name] for name in ("n_estimators", "max_depth", "learning_rate")} == {
        "n_estimators": 100,
        "max_depth": 6,
        "learning_rate": 0.1,
    }
    year = next_year(300)
    for end in ("low", "high"):
        corner = {
            name: getattr(mark, end) for name, mark in FailureClassifier.space().items() if isinstance(mark, Span)
        }
        model = FailureClassifier.configured(corner | {"n_estimators": 10}).fit(Batch(year.train))
        assert model.predict(Batch(year.test))["probability"].between(0, 1).all()
