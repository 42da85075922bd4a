from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from metrify.training import space
from tests.ridge import PlainForecaster, RidgeForecaster


def test_marks_become_distributions_of_the_type_of_the_default():
    assert space.distributions(RidgeForecaster) == {
        "rate": FloatDistribution(0.0001, 0.5, log=True),
        "penalty": FloatDistribution(0.0, 1.0),
        "steps": IntDistribution(10, 40),
        "shape": CategoricalDistribution((0, 1)),
    }
    assert space.distributions(PlainForecaster) == {}


def test_a_point_is_numbers_and_gives_settings_back():
    point = space.default_point(RidgeForecaster)
    assert point == {"rate": 0.05, "penalty": 0.0, "steps": 40, "shape": 0}
    assert space.settings_of(RidgeForecaster, {**point, "shape": 1})["shape"] == "curve"
    assert RidgeForecaster(**space.settings_of(RidgeForecaster, point)) == RidgeForecaster()
