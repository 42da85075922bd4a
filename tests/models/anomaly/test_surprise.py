"""One scale for all detectors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from metrify.errors import BadValue
from metrify.models.anomaly.surprise import Surprise, budget_threshold


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("rows", [2_000, 100_000])
def test_the_share_above_a_threshold_is_what_it_says(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    surprise = Surprise.fit(random.exponential(size=rows))
    fresh = random.exponential(size=1_000_000)
    for share in (0.5, 0.1, 0.01, 0.001, 0.0001)[: 5 if rows > 10_000 else 4]:
        assert share / 2 < (surprise(fresh) >= -np.log10(share)).mean() < share * 2


def test_it_never_falls_and_rises_beyond_all_data() -> None:
    scores = np.round(np.random.default_rng(0).gamma(2.0, size=5_000), 1)
    surprise = Surprise.fit(scores)
    line = surprise(np.linspace(-5, 500, 20_000))
    assert (np.diff(line) >= 0).all()
    assert line[0] == 0
    assert surprise([1e3]) > surprise([1e2]) > surprise([scores.max()])
    assert np.isnan(surprise([np.nan])).all()


def test_ties_count_as_at_least_as_strange() -> None:
    surprise = Surprise.fit([0.0] * 90 + [1.0] * 10)
    np.testing.assert_allclose(surprise([0.0, 1.0]), [0.0, 1.0])


def test_a_few_faults_among_the_ordinary_do_not_stretch_the_tail() -> None:
    scores = np.random.default_rng(0).exponential(size=50_000)
    clean, spoilt = Surprise.fit(scores), Surprise.fit(np.append(scores, np.full(10, 1e4)))
    assert spoilt([20.0])[0] == pytest.approx(clean([20.0])[0], rel=0.3)


@pytest.mark.parametrize("scores", [[1.0], [2.0] * 50, [0.0, 1.0, 2.0]])
def test_few_or_equal_scores_still_make_a_finite_scale(scores: list[float]) -> None:
    surprise = Surprise.fit(scores)
    assert np.isfinite(surprise([-1.0, 0.5, 2.0, 3.0, 10.0])).all()


def test_no_score_at_all_is_refused() -> None:
    with pytest.raises(BadValue, match="finite score"):
        Surprise.fit([np.nan])


def test_state_goes_through_json() -> None:
    surprise = Surprise.fit(np.random.default_rng(0).normal(size=1_000))
    again = Surprise.from_state(json.loads(json.dumps(surprise.state())))
    line = np.linspace(-4, 9, 50)
    np.testing.assert_array_equal(again(line), surprise(line))


def test_a_budget_is_a_threshold() -> None:
    assert budget_threshold(24.0, 60) == pytest.approx(3.0)
    assert budget_threshold(48.0, 30) == pytest.approx(3.0)
    assert budget_threshold(2.4, 60) == pytest.approx(4.0)
    assert budget_threshold(1e9, 60) == 0
    with pytest.raises(BadValue, match="alert_budget"):
        budget_threshold(0.0, 60)
