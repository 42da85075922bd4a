"""Calibration: margins become probabilities that come true as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.models.calibration import Calibration, folds


def test_finds_the_slope_and_shift_of_overconfident_margins() -> None:
    random = np.random.default_rng(0)
    true = random.normal(-2, 1, 20_000)
    target = (random.random(len(true)) < 1 / (1 + np.exp(-true))).astype(float)
    found = Calibration.fit((true - 0.4) / 0.7, target)
    assert found.slope == pytest.approx(0.7, abs=0.05)
    assert found.shift == pytest.approx(0.4, abs=0.1)
    assert found.apply((true - 0.4) / 0.7).mean() == pytest.approx(target.mean(), abs=1e-3)


def test_few_failures_leave_the_margins_nearly_as_they_are() -> None:
    found = Calibration.fit(np.array([-3.0, -2.0, -1.0]), np.array([0.0, 0.0, 1.0]))
    assert found.slope == pytest.approx(1, abs=0.4)
    assert abs(found.shift) < 0.4


def test_no_rows_change_nothing_and_the_order_never_turns() -> None:
    assert Calibration.fit(np.empty(0), np.empty(0)) == Calibration()
    margin = np.linspace(-4, 4, 4000)
    turned = Calibration.fit(margin, (margin < 0).astype(float))
    assert (np.diff(turned.apply(margin)) > 0).all()


@pytest.mark.parametrize("spread", [2.0, 3.0])
def test_margins_that_are_far_too_sure_are_damped(spread: float) -> None:
    random = np.random.default_rng(1)
    margin = random.normal(0, spread, 2_000)
    target = (random.random(2_000) < 1 / (1 + np.exp(-0.3 * margin))).astype(float)
    assert Calibration.fit(margin, target).slope == pytest.approx(0.3, abs=0.1)


def test_rows_of_one_kind_lower_the_chance_and_stay_finite() -> None:
    margin = np.random.default_rng(0).normal(-2, 1, 500)
    found = Calibration.fit(margin, np.zeros(500))
    assert np.isfinite([found.slope, found.shift]).all()
    assert found.apply(margin).mean() < 0.05
    assert np.isfinite(found.apply(np.array([-9000.0, 9000.0]))).all()


def test_there_are_no_more_folds_than_subjects() -> None:
    assert len(folds(np.array(["a", "b", "a"], object), 5)) == 2


def test_folds_keep_the_rows_of_a_subject_together_whatever_else_there_is() -> None:
    subjects = np.array([f"D{i % 50}" for i in range(500)], object)
    found = np.array(folds(subjects, 3))
    assert np.ptp([len(set(subjects[aside])) for aside in found]) <= 1
    assert (found.sum(axis=0) == 1).all()
    assert found.any(axis=1).all()
    assert all(len(np.unique(found[:, subjects == name], axis=1).T) == 1 for name in set(subjects))
    assert (np.array(folds(subjects[::-1], 3)) == found[:, ::-1]).all()
