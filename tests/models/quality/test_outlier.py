"""The detector of bad data: what it sees that detectors of behaviour do not, and what it leaves to them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from metrify.metrics.classes import score_verdicts
from metrify.models.anomaly.isolation_forest import IsolationForestDetector
from metrify.models.anomaly.surprise import budget_threshold
from metrify.models.base import Batch
from metrify.models.quality.outlier import OutlierDetector
from tests.models.anomaly.fleet import faulty, ordinary

BUDGET = budget_threshold(24.0, 60)


@lru_cache(maxsize=1)
def fitted() -> OutlierDetector:
    return OutlierDetector().fit(Batch(ordinary()[0]))


@lru_cache(maxsize=1)
def of_behaviour() -> IsolationForestDetector:
    return IsolationForestDetector().fit(Batch(ordinary()[0]))


def found(model: IsolationForestDetector, rows: pd.DataFrame) -> dict[str, float]:
    score = model.predict(Batch(rows))["score"].fillna(0).to_numpy()
    return score_verdicts(rows["target"].to_numpy(), score, score >= BUDGET)


@pytest.mark.parametrize(("kind", "least"), [("spike", 0.9), ("stuck", 0.5), ("negative", 0.6)])
def test_finds_faults_of_the_metering_in_meters_that_it_has_not_seen(kind: str, least: float) -> None:
    assert found(fitted(), faulty(kind))["average_precision"] > least


def test_sees_a_wrong_sign_where_a_detector_of_behaviour_sees_little_use() -> None:
    rows = faulty("negative")
    assert found(fitted(), rows)["recall"] > found(of_behaviour(), rows)["recall"] + 0.3


def test_a_clock_that_is_wrong_shows_in_the_shape_of_its_days() -> None:
    rows = faulty("clock_shift")
    assert found(fitted(), rows)["auc_roc"] > found(of_behaviour(), rows)["auc_roc"] + 0.05
    wrong = rows[rows["target"] == 1]
    assert wrong["shift_gain"].mean() > 3 * rows[rows["target"] == 0]["shift_gain"].mean()


def test_how_much_a_day_brought_is_not_its_business() -> None:
    rows = ordinary()[1]
    whole = fitted().predict(Batch(rows))
    empty = rows.assign(day_ratio=np.float32(0), week_ratio=np.float32(0), day_zscore=np.float32(-9), zero_hours=168.0)
    pd.testing.assert_frame_equal(fitted().predict(Batch(empty)), whole)


def test_an_alert_budget_is_kept_on_ordinary_rows_and_is_its_own_verdict() -> None:
    answer = fitted().predict(Batch(ordinary()[1]))
    share = (answer["score"] >= BUDGET).mean()
    assert share < 3 * 10**-BUDGET
    assert (answer["verdict"] == (answer["score"] > BUDGET)).all()


def test_the_first_good_reading_after_a_spike_is_none() -> None:
    rows = faulty("spike").reset_index(drop=True)
    after = rows.index[1:][(rows["target"].to_numpy()[:-1] == 1) & (rows["target"].to_numpy()[1:] == 0)]
    answer = fitted().predict(Batch(rows))
    assert answer["verdict"][rows["target"] == 1].mean() > 0.9
    assert answer["verdict"][after].mean() < 0.2


def test_reasons_name_what_is_strange() -> None:
    expected = {"spike": "is usual at this hour", "stuck": "the same value for", "negative": "of the other sign"}
    for kind, words in expected.items():
        rows = faulty(kind)
        answer = fitted().predict(Batch(rows))
        told = answer["reason"][answer["verdict"] & (rows["target"] == 1)]
        assert (told.str.len() > 0).all()
        assert told.str.contains(words).mean() > 0.3, kind


def test_a_saved_model_answers_the_same(tmp_path) -> None:
    fitted().save(tmp_path / "model")
    again, rows = OutlierDetector.load(tmp_path / "model"), Batch(faulty("stuck"))
    assert again == fitted()
    pd.testing.assert_frame_equal(again.predict(rows), fitted().predict(rows))
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".npz"}


def test_it_can_be_searched_as_the_forest_can() -> None:
    assert set(OutlierDetector.space()) == {"n_estimators", "max_samples"}
    assert OutlierDetector.hyperparameters()["contamination"] == 0.001
