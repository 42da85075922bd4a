"""Verdicts by the alert budget, reading by reading of whatever length."""

from __future__ import annotations

import numpy as np

from metrify.models.anomaly.surprise import budget_threshold
from metrify.scoring.budget import thresholds, verdicts


def test_each_interval_length_has_its_threshold() -> None:
    found = thresholds([60, 15, 60], 24.0)
    assert found.tolist() == [budget_threshold(24.0, 60), budget_threshold(24.0, 15), budget_threshold(24.0, 60)]
    assert found[1] > found[0]
    assert float(thresholds(60, 24.0)) == found[0]


def test_a_score_that_reaches_the_threshold_is_an_anomaly_and_an_unknown_one_is_none() -> None:
    limit = budget_threshold(24.0, 60)
    scores = [limit, np.nextafter(limit, 0), np.nan]
    assert verdicts(scores, 60, 24.0, [False, True, True]).tolist() == [True, False, False]
    assert verdicts(scores, [60, 60, 60], 24.0, [False] * 3).tolist() == [True, False, False]


def test_a_budget_of_zero_leaves_the_verdict_to_the_family() -> None:
    assert np.isnan(thresholds([60, 15], 0.0)).all()
    assert verdicts([9.0, 0.0], [60, 15], 0.0, [False, True]).tolist() == [False, True]
