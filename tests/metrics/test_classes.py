"""Verdicts and probabilities against scikit-learn's figures, and where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from metrify.metrics.classes import score_probabilities, score_verdicts, worst_share

RANDOM = np.random.default_rng(2)
CHANCE = RANDOM.beta(1, 5, 2_000)
ACTUAL = (RANDOM.random(2_000) < CHANCE).astype(float)


def test_verdicts_are_counted_per_class() -> None:
    said = CHANCE > 0.3
    found = score_verdicts(ACTUAL, CHANCE, said)
    for name, metric in (
        ("precision", reference.precision_score),
        ("recall", reference.recall_score),
        ("f1", reference.f1_score),
    ):
        assert found[name] == pytest.approx(metric(ACTUAL, said))
        assert found[f"{name}_no"] == pytest.approx(metric(ACTUAL, said, pos_label=0))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(ACTUAL, said))
    assert found["auc_roc"] == pytest.approx(reference.roc_auc_score(ACTUAL, CHANCE))
    assert found["average_precision"] == pytest.approx(reference.average_precision_score(ACTUAL, CHANCE))


def test_true_chances_are_calibrated_and_skilful() -> None:
    found = score_probabilities(ACTUAL, CHANCE)
    assert found["brier"] == pytest.approx(reference.brier_score_loss(ACTUAL, CHANCE))
    assert found["brier_skill"] > 0.05
    assert found["calibration_error"] < 0.03
    assert score_probabilities(ACTUAL, np.full(2_000, ACTUAL.mean()))["brier_skill"] == pytest.approx(0)
    assert score_probabilities(ACTUAL, CHANCE / 3)["calibration_error"] > 0.08
    order = np.argsort(-CHANCE)[:200]
    assert found["precision_worst"] == pytest.approx(ACTUAL[order].mean())
    assert found["recall_worst"] == pytest.approx(ACTUAL[order].sum() / ACTUAL.sum())


def test_one_class_has_no_ranking_and_missing_sides_do_not_count() -> None:
    assert np.isnan(score_verdicts([0, 0], [0.1, 0.2], [False, True])["auc_roc"])
    whole = score_probabilities(np.r_[ACTUAL, np.nan, 1], np.r_[CHANCE, 0.5, np.nan])
    assert whole == score_probabilities(ACTUAL, CHANCE)


def test_of_equal_scores_the_first_are_the_worst() -> None:
    assert worst_share([1, 1, 1, 0], 0.5).tolist() == [True, True, False, False]
