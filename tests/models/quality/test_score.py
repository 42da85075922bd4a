"""The score that anybody can reckon again, and the risk that is learned."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from metrify.errors import EmptyTable, OneClass, UnknownKeys
from metrify.features.dayrecord import DEFECTS, SEVERITY
from metrify.metrics.classes import score_probabilities
from metrify.models.base import Batch
from metrify.models.quality.score import QualityModel
from tests.models.quality.fleet import split

NAMES = list(QualityModel.needs.features)


@lru_cache(maxsize=1)
def fitted() -> QualityModel:
    return QualityModel().fit(Batch(split()[0]))


def a_day(**features: float) -> pd.DataFrame:
    """One meter-day of 24 intervals without a fault, but for these features."""
    row = dict.fromkeys(NAMES, 0.0) | {name: 1.0 for name in NAMES if name.startswith(("valid_", "level_"))}
    row |= {"intervals": 24.0, "days_known": 28.0, "days_since_fault": np.nan} | features
    return pd.DataFrame({"meter_id": ["M1"], "local_date": np.array(["2023-06-01"], "datetime64[s]"), **row})


def test_answers_one_row_per_row_in_its_order_with_its_index() -> None:
    rows = split()[1].sample(frac=1.0, random_state=1)
    answer = fitted().predict(Batch(rows))
    assert answer.columns.tolist() == ["meter_id", "local_date", "score", "estimation_risk", "reason"]
    assert answer.index.equals(rows.index)
    assert (answer["meter_id"] == rows["meter_id"]).all()
    assert (answer["local_date"] == rows["local_date"]).all()
    assert answer["score"].between(0, 100).all()
    assert answer["estimation_risk"].between(0, 1).all()
    assert fitted().predict(Batch(rows.iloc[:0])).empty


def test_risk_beats_persistence_and_the_meters_own_rate() -> None:
    test = split()[1]
    answer = fitted().predict(Batch(test))
    found = score_probabilities(test["target"], answer["estimation_risk"])
    as_today = score_probabilities(test["target"], (test["valid_share"] < 1).astype(float))
    as_usual = score_probabilities(test["target"], test["faulty_28d"])
    assert found["auc_roc"] > as_today["auc_roc"] + 0.1
    assert found["auc_roc"] > as_usual["auc_roc"]
    assert found["brier"] < as_usual["brier"]
    assert found["brier_skill"] > 0.15


def test_what_grows_with_the_meter_is_no_feature_of_the_risk() -> None:
    assert not {"total", "level", "highest_night"} & set(NAMES)
    rows = split()[1]
    larger = rows.assign(**{name: rows[name] * 1000 for name in ("total", "level", "lowest_night", "highest_evening")})
    answers = (fitted().predict(Batch(of)) for of in (rows, larger))
    pd.testing.assert_frame_equal(*answers)


def test_risk_is_calibrated_on_days_that_it_has_not_seen() -> None:
    test = split()[1]
    risk = fitted().predict(Batch(test))["estimation_risk"]
    assert abs(risk.mean() - test["target"].mean()) < 0.03
    assert score_probabilities(test["target"], risk)["calibration_error"] < 0.03


def test_a_day_without_fault_scores_100_and_needs_no_reason() -> None:
    answer = fitted().predict(Batch(a_day()))
    assert answer["score"].item() == 100.0
    assert answer["estimation_risk"].item() < 0.1
    assert answer["reason"].item() == ""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("gap", "6 of 24 intervals missing (-25)"),
        ("duplicate", "6 of 24 intervals reported more than once with different values (-6.25)"),
        ("negative", "6 of 24 intervals below zero without generation (-25)"),
        ("stuck", "6 of 24 intervals stuck at one value (-25)"),
        ("spike", "6 of 24 intervals far above the meter's own high readings (-25)"),
        ("zero_run", "6 of 24 intervals zero for long where that is not usual (-6.25)"),
        ("high_usage", "6 of 24 intervals of a day of far more use than is usual (-6.25)"),
        ("jump", "6 of 24 intervals far from the reading before (-6.25)"),
        ("interpolated", "6 of 24 intervals on a straight line, as if estimated (-6.25)"),
    ],
)
def test_each_rule_lowers_the_score_by_the_weight_of_its_severity_and_says_so(rule: str, words: str) -> None:
    answer = fitted().predict(Batch(a_day(**{f"{rule}_share": 0.25})))
    assert answer["reason"].item().startswith(words)
    assert answer["score"].item() == pytest.approx(75 if SEVERITY[rule] in {"gap", "error"} else 93.75)
    lenient = QualityModel.configured({f"weight_{SEVERITY[rule]}": 0.0, "n_estimators": 3}).fit(Batch(split()[0]))
    assert lenient.predict(Batch(a_day(**{f"{rule}_share": 0.25})))["score"].item() == 100.0


def test_every_rule_of_a_day_has_words_and_what_is_only_told_takes_nothing() -> None:
    every = a_day(**{f"{rule}_share": 1 / 24 for rule in DEFECTS}, valid_share=0.5)
    answer = fitted().predict(Batch(every))
    weights = [1.0 if SEVERITY[rule] in {"gap", "error"} else 0.25 for rule in DEFECTS]
    assert "info" not in {SEVERITY[rule] for rule in DEFECTS}
    assert answer["score"].item() == pytest.approx(100 - 100 * sum(weights) / 24)
    for words in DEFECTS.values():
        assert f"1 of 24 intervals {words}" in answer["reason"].item()


def test_the_rule_that_took_most_is_named_first_and_the_score_stops_at_zero() -> None:
    answer = fitted().predict(Batch(a_day(stuck_share=0.25, gap_share=0.75, spike_share=0.25, valid_share=0.0)))
    assert answer["score"].item() == 0.0
    assert answer["reason"].item().startswith("18 of 24 intervals missing (-75); 6 of 24 intervals stuck")


def test_a_high_risk_is_explained_by_what_raises_it() -> None:
    test = split()[1]
    answer = fitted().predict(Batch(test))
    high = answer["estimation_risk"] >= 0.5
    assert high.sum() > 50
    assert answer["reason"][high].str.contains("tomorrow needs estimation with").all()
    assert answer["reason"][high].str.contains("of the last 7").mean() > 0.5
    assert not answer["reason"][~high].str.contains("tomorrow").any()


def test_a_day_of_which_nothing_is_known_scores_zero_and_says_why() -> None:
    rows = a_day()
    rows[NAMES] = np.nan
    answer = fitted().predict(Batch(rows))
    assert answer["score"].item() == 0.0
    assert np.isfinite(answer["estimation_risk"].item())
    assert answer["reason"].item() == "nothing is known of the readings of this day"


def test_missing_features_are_no_error() -> None:
    rows = split()[1].copy()
    rows.loc[rows.index[::3], [name for name in NAMES if name.endswith("d")]] = np.nan
    answer = fitted().predict(Batch(rows))
    assert np.isfinite(answer[["score", "estimation_risk"]].to_numpy()).all()


def test_rows_do_not_disturb_each_other() -> None:
    rows = split()[1]
    whole = fitted().predict(Batch(rows))
    for meter in ("M000", "M005", "M063"):
        mine = rows["meter_id"] == meter
        pd.testing.assert_frame_equal(fitted().predict(Batch(rows[mine])), whole[mine])


def test_save_and_load_give_an_equal_model_without_pickle(tmp_path) -> None:
    fitted().save(tmp_path / "model")
    again = QualityModel.load(tmp_path / "model")
    assert again == fitted()
    rows = Batch(split()[1])
    pd.testing.assert_frame_equal(again.predict(rows), fitted().predict(rows))
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".ubj"}


def test_the_same_rows_in_any_order_give_the_same_answers() -> None:
    train, test = split()
    twin = QualityModel().fit(Batch(train.sample(frac=1.0, random_state=3)))
    pd.testing.assert_frame_equal(twin.predict(Batch(test)), fitted().predict(Batch(test)))


def test_rows_without_a_target_teach_nothing() -> None:
    train, test = split()
    unknown = test.assign(target=np.float32("nan"))
    twin = QualityModel().fit(Batch(pd.concat([train, unknown])))
    pd.testing.assert_frame_equal(twin.predict(Batch(test)), fitted().predict(Batch(test)))


def test_nothing_to_tell_apart_is_refused_with_what_was_found() -> None:
    train = split()[0]
    with pytest.raises(OneClass, match=r"of 16,560 meter-days none was followed"):
        QualityModel().fit(Batch(train.assign(target=0.0)))
    with pytest.raises(OneClass, match="every one"):
        QualityModel().fit(Batch(train.assign(target=1.0)))
    with pytest.raises(EmptyTable, match="next day"):
        QualityModel().fit(Batch(train.assign(target=np.nan)))


@pytest.mark.parametrize("days", [2, 5, 40])
def test_few_days_and_one_class_in_a_part_of_them_still_teach(days: int) -> None:
    train, test = split()
    first = train[train["local_date"] < train["local_date"].min() + np.timedelta64(days, "D")]
    calm = first.assign(target=(first["local_date"] == first["local_date"].max()).astype(float))
    for rows in (first, calm):
        risk = QualityModel().fit(Batch(rows)).predict(Batch(test))["estimation_risk"]
        assert risk.between(0, 1).all()


def test_progress_is_told_as_brier_score_on_valid() -> None:
    train, test = split()
    told: dict[int, float] = {}
    model = QualityModel().fit(Batch(train), Batch(test), report=lambda step, said: told.update({step: said["brier"]}))
    assert list(told) == list(range(10, max(told) + 1, 10))
    pd.testing.assert_frame_equal(model.predict(Batch(test)), fitted().predict(Batch(test)))
    assert told[max(told)] < told[10]


def test_importance_names_the_features() -> None:
    shares = fitted().importance()
    assert set(shares) == set(QualityModel.needs.features) == set(NAMES)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_hyperparameters_are_known_by_name() -> None:
    assert {"n_estimators", "learning_rate", "max_depth"} <= set(QualityModel.space())
    with pytest.raises(UnknownKeys, match="Did you mean weight_gap"):
        QualityModel.configured({"weight_gaz": 1.0})
