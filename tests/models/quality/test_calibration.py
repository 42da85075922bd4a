"""From the odds of trees to probabilities that can be believed."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.models.quality.calibration import Calibration


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.4, -1.0), (2.0, 1.5)])
def test_finds_the_odds_that_made_the_rows(slope: float, offset: float) -> None:
    random = np.random.default_rng(4)
    odds = random.normal(0, 2, 20_000)
    actual = random.random(20_000) < 1 / (1 + np.exp(-(slope * odds + offset)))
    found = Calibration.fit(odds, actual.astype(float))
    assert found.slope == pytest.approx(slope, rel=0.1)
    assert found.offset == pytest.approx(offset, abs=0.1)
    assert found.apply(odds).mean() == pytest.approx(actual.mean(), abs=0.002)


def test_few_rows_change_little_and_none_nothing() -> None:
    assert Calibration.fit(np.empty(0), np.empty(0)) == Calibration()
    one = Calibration.fit(np.array([-2.0]), np.array([0.0]))
    assert abs(one.slope - 1) < 0.3
    assert abs(one.offset) < 0.3


def test_rows_of_one_kind_lower_the_chance_and_stay_finite() -> None:
    odds = np.random.default_rng(0).normal(-2, 1, 500)
    found = Calibration.fit(odds, np.zeros(500))
    assert np.isfinite([found.slope, found.offset]).all()
    assert found.apply(odds).mean() < 0.02


def test_trees_that_are_wrong_end_in_one_rate_not_in_reverse() -> None:
    odds = np.linspace(-3, 3, 400)
    found = Calibration.fit(odds, (odds < -1.5).astype(float))
    assert found.slope == 0.0
    assert found.apply(np.array([-900.0, 900.0])) == pytest.approx([0.25, 0.25], abs=0.01)
