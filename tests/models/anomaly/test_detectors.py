"""What both detectors of readings promise: they find faults, on one scale of scores, and say why."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from metrify.errors import EmptyTable
from metrify.models.anomaly.answer import learnable
from metrify.models.anomaly.isolation_forest import IsolationForestDetector
from metrify.models.anomaly.surprise import budget_threshold
from metrify.models.anomaly.zscore import ZScoreDetector
from metrify.models.base import Batch, Model
from tests.models.anomaly.fleet import faulty, ordinary

DETECTORS = (ZScoreDetector, IsolationForestDetector)
every_detector = pytest.mark.parametrize("detector", DETECTORS)


@lru_cache(maxsize=2)
def fitted(detector: type[Model]) -> Model:
    return detector().fit(Batch(ordinary()[0]))


@every_detector
@pytest.mark.parametrize(("kind", "least"), [("spike", 0.99), ("drop", 0.7), ("reversed", 0.7)])
def test_finds_injected_faults_of_meters_that_it_has_not_seen(detector: type[Model], kind: str, least: float) -> None:
    rows = faulty(kind)
    rows = rows[rows["usual"].notna()]
    answer = fitted(detector).predict(Batch(rows))
    assert rows["target"].sum() > 10
    assert roc_auc_score(rows["target"], answer["score"]) > least


def test_the_forest_sees_that_an_ordinary_value_repeats() -> None:
    """A z-score cannot: the value is one that is usual."""
    rows = faulty("stuck")
    answer = fitted(IsolationForestDetector).predict(Batch(rows))
    assert roc_auc_score(rows["target"], answer["score"]) > 0.9
    assert answer["reason"][rows["same_hours"] >= 8].str.contains("the same value for").mean() > 0.9


@every_detector
@pytest.mark.parametrize("share", [0.1, 0.01])
def test_the_score_says_how_many_ordinary_rows_are_as_strange(detector: type[Model], share: float) -> None:
    score = fitted(detector).predict(Batch(ordinary()[1]))["score"]
    assert share / 2 < (score >= -np.log10(share)).mean() < share * 2


@every_detector
def test_an_alert_budget_is_kept_on_ordinary_rows(detector: type[Model]) -> None:
    rows = ordinary()[1]
    score = fitted(detector).predict(Batch(rows))["score"]
    meter_days = len(rows) / 24
    flagged = (score > budget_threshold(100.0, 60)).sum()
    assert 50 < flagged / meter_days * 1000 < 200


@every_detector
def test_reasons_are_words_where_there_is_a_verdict_and_empty_elsewhere(detector: type[Model]) -> None:
    answer = fitted(detector).predict(Batch(faulty("spike", "drop")))
    assert answer["verdict"].any()
    told = answer["reason"][answer["verdict"]]
    assert told.str.contains("usual|readings|before|hours").all()
    assert not told.str.contains("nan").any()
    assert (answer["reason"][~answer["verdict"]] == "").all()
    spike = answer.loc[answer["score"].idxmax(), "reason"]
    assert "kWh where" in spike or "against the reading before" in spike or "highest readings" in spike


@every_detector
def test_reasons_are_to_be_had_for_any_row(detector: type[Model]) -> None:
    """A policy above may flag rows that the textbook threshold would not."""
    rows = ordinary()[1].iloc[:50]
    told = fitted(detector).reasons(rows)
    assert len(told) == len(rows)
    assert all(told)
    assert fitted(detector).reasons(rows.iloc[:0]) == []


@every_detector
def test_rows_without_a_past_have_no_score_but_a_reason(detector: type[Model]) -> None:
    rows = ordinary()[0]
    young = rows[rows["usual"].isna()]
    assert len(young)
    answer = fitted(detector).predict(Batch(young))
    assert answer["score"].isna().all()
    assert not answer["verdict"].any()
    assert answer["reason"].str.startswith("too little history: ").all()
    unknown = young.assign(**{name: np.float32("nan") for name in detector.needs.features})
    assert fitted(detector).predict(Batch(unknown))["score"].isna().all()
    assert fitted(detector).predict(Batch(rows.iloc[:0])).empty


@every_detector
def test_expected_is_what_is_usual_and_the_index_is_kept(detector: type[Model]) -> None:
    rows = ordinary()[1].sample(500, random_state=0)
    answer = fitted(detector).predict(Batch(rows))
    assert answer.index.equals(rows.index)
    np.testing.assert_array_equal(answer["expected"], rows["usual"].astype(np.float64))
    assert set(answer.columns) <= set(detector.produces.names)


@every_detector
def test_a_saved_model_answers_the_same(detector: type[Model], tmp_path) -> None:
    fitted(detector).save(tmp_path)
    again = detector.load(tmp_path)
    assert again == fitted(detector)
    rows = faulty("spike", "drop")
    pd.testing.assert_frame_equal(again.predict(Batch(rows)), fitted(detector).predict(Batch(rows)))
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".npz"}  # nothing that runs when it is read


@every_detector
def test_the_same_rows_make_the_same_model(detector: type[Model]) -> None:
    rows = faulty("spike")
    twin = detector().fit(Batch(ordinary()[0]))
    pd.testing.assert_frame_equal(twin.predict(Batch(rows)), fitted(detector).predict(Batch(rows)))


@every_detector
def test_rows_are_judged_each_by_itself(detector: type[Model]) -> None:
    rows = faulty("spike", "drop")
    whole = fitted(detector).predict(Batch(rows))
    for some in (rows["meter_id"] == "m03", rows.index % 7 == 2):
        pd.testing.assert_frame_equal(fitted(detector).predict(Batch(rows[some])), whole[some])


@every_detector
def test_labels_and_flagged_rows_teach_nothing(detector: type[Model]) -> None:
    rows, test = ordinary()[0], Batch(faulty("spike"))
    spoilt = pd.concat([rows, rows.iloc[-500:].assign(zscore=np.float32(1e4), flagged=True)], ignore_index=True)
    labelled = spoilt.assign(target=np.float32(1))
    pd.testing.assert_frame_equal(detector().fit(Batch(labelled)).predict(test), fitted(detector).predict(test))


@every_detector
def test_nothing_to_learn_from_is_said(detector: type[Model]) -> None:
    rows = ordinary()[0]
    for nothing in (rows.iloc[:0], rows[rows["usual"].isna()], rows.assign(flagged=True)):
        with pytest.raises(EmptyTable, match="can be learned from"):
            detector().fit(Batch(nothing))


def test_what_is_unknown_is_no_reason_and_nothing_is_said_twice() -> None:
    rows = faulty("spike", "drop").assign(day_zscore=np.float32("nan"), change=np.float32("nan"))
    forest = fitted(IsolationForestDetector)
    assert not any("nan" in told for told in forest.reasons(rows[rows["usual"].notna()]))
    assert not any(told.count("last 24 hours") > 1 for told in forest.reasons(faulty("drop")))


def test_textbook_verdicts() -> None:
    rows = ordinary()[1]
    z = ZScoreDetector(limit=3.5, day_weight=0.0).fit(Batch(ordinary()[0]))
    np.testing.assert_array_equal(z.predict(Batch(rows))["verdict"], rows["zscore"].abs() > 3.5)
    learned = learnable(ordinary()[0])
    forest = fitted(IsolationForestDetector).predict(Batch(learned))
    assert forest["verdict"].mean() == pytest.approx(0.1, abs=0.002)


def test_the_strangest_meters_of_a_fleet_do_not_make_the_others_look_ordinary() -> None:
    train = ordinary()[0]
    meters = train["meter_id"].astype(str)
    odd = meters.unique()[0]
    strange = train.assign(zscore=train["zscore"].where(meters != odd, train["zscore"] * 50))
    assert meters.nunique() >= 20
    assert odd not in set(learnable(strange)["meter_id"].astype(str))
    few = strange[meters.isin(meters.unique()[:10])]
    assert odd in set(learnable(few)["meter_id"].astype(str))


def test_the_weight_of_the_day_makes_drops_easier_to_see() -> None:
    rows, train = faulty("drop"), Batch(ordinary()[0])
    blind, seeing = (
        roc_auc_score(rows["target"], ZScoreDetector(day_weight=w).fit(train).predict(Batch(rows))["score"])
        for w in (0.0, 1.0)
    )
    assert seeing > blind + 0.05
