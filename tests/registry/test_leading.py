"""Which family answers after a promotion."""

from __future__ import annotations

import pytest

from metrify.cli.standing import lead
from metrify.registry import Lineage, Registry
from metrify.schema import ESTIMATE
from tests.registry.test_registry import TRAIN
from tests.ridge import PlainForecaster, RidgeForecaster


@pytest.fixture
def measured(registry: Registry, lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Two families that make estimates: the one with the smaller error, the other with the larger."""
    for family in (RidgeForecaster, PlainForecaster):
        monkeypatch.setattr(family, "produces", ESTIMATE)
    registry.publish(RidgeForecaster().fit(TRAIN), metrics={"wape": 0.3}, lineage=lineage)
    registry.publish(PlainForecaster().fit(TRAIN), metrics={"wape": 0.4}, lineage=lineage)
    return registry


def test_of_the_champions_that_estimate_the_better_one_answers(measured: Registry) -> None:
    first = lead(measured.workspace, "forecasting/plain", 1)
    assert (first.answers, first.before) == ("forecasting/plain:1", None)
    second = lead(measured.workspace, "forecasting/ridge", 1)
    assert (second.answers, second.before) == ("forecasting/ridge:1", "forecasting/plain:1")
    again = lead(measured.workspace, "forecasting/plain", 1)
    assert again.answers == "forecasting/ridge:1"
    assert "forecasting/ridge:1 answers for forecasting with ESTIMATE, because" in again.line
    assert str(measured.champion("forecasting", ESTIMATE)) == "forecasting/ridge:1"


def test_one_that_was_never_measured_does_not_push_aside_one_that_was(measured: Registry, lineage: Lineage) -> None:
    measured.publish(PlainForecaster().fit(TRAIN), metrics={}, lineage=lineage)
    lead(measured.workspace, "forecasting/ridge", 1)
    assert lead(measured.workspace, "forecasting/plain", 2).answers == "forecasting/ridge:1"
