"""The health index: monotone, on a log scale of failures a year, the same whatever the horizon."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.models.maintenance.health import at_horizon, health


def year(*probability: float) -> list[float]:
    return health(np.array(probability), np.full(len(probability), 365)).tolist()


def test_each_ten_times_as_many_failures_cost_a_third() -> None:
    hazards = -np.expm1(-np.array([0.001, 0.01, 0.1, 1.0]))
    assert year(*hazards) == pytest.approx([100, 66.67, 33.33, 0], abs=0.01)


def test_it_falls_with_the_chance_and_stays_between_0_and_100() -> None:
    found = np.array(year(0.0, 1e-9, *np.linspace(0.002, 0.6, 50), 0.99, 1.0))
    assert (np.diff(found) <= 0).all()
    assert (np.diff(found[2:-2]) < 0).all()
    assert found[0] == 100
    assert found[-1] == 0
    assert np.isnan(year(np.nan)).all()


def test_it_does_not_depend_on_the_horizon() -> None:
    days = np.array([30, 365, 730])
    chance = at_horizon(np.full(3, 0.08), 365, days)
    assert chance[1] == 0.08
    assert (np.diff(chance) > 0).all()
    assert np.ptp(health(chance, days)) < 1e-9
