"""Rows as columns of JSON."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.serving.columns import render
from metrify.serving.messages import AssetRisk, MeterAnomalies, MeterForecast, MeterQuality
from tests.serving.fakes import FakeAnomalyScorer, FakeForecaster, FakeQualityScorer, FakeRiskScorer


def test_what_is_not_a_number_is_null():
    rows = FakeForecaster("f").answer(["A", "B"])
    rows.loc[1, "q95"] = np.nan
    rows["mean"] = 1 / 3
    a, b = render("forecasting", rows, ["A", "B"], "kWh")
    assert a["q95"] == [0.725, None, 0.725, 0.725]
    assert a["mean"] == [0.333333] * 4
    assert b["timestamp"] == a["timestamp"]


def test_a_single_interval_has_no_length():
    (found,) = render("forecasting", FakeForecaster("f").answer(["A"]).head(1), ["A"], "kWh")
    assert found["interval_minutes"] is None


@pytest.mark.parametrize(
    ("task", "rows", "ids", "shape"),
    [
        ("forecasting", FakeForecaster("f").answer(["A", "B"]), ["B", "A"], MeterForecast),
        ("anomaly", FakeAnomalyScorer("a").answer(["A", "B", "silent"]), ["silent", "B", "A"], MeterAnomalies),
        ("quality", FakeQualityScorer("q").answer(["A", "B"]), ["B", "A"], MeterQuality),
        ("maintenance", FakeRiskScorer("r").answer(["D", "E"]), ["E", "D"], AssetRisk),
    ],
)
def test_every_task_has_its_shape_in_the_order_of_the_request(task, rows, ids, shape):
    unit = "kWh" if task in ("forecasting", "anomaly") else None
    found = render(task, rows, ids, unit)
    assert [next(iter(one.values())) for one in found] == ids
    for one in found:
        assert set(one) == set(shape.model_fields)
        shape.model_validate(one)


def test_reasons_of_ordinary_readings_are_null():
    (found,) = render("anomaly", FakeAnomalyScorer("a").answer(["A"]), ["A"], "kWh")
    assert found["reason"] == [None, None, "no reading", "spike"]
    assert found["score"] == [0.5, 0.5, None, 4.0]
    assert found["verdict"] == [False, False, False, True]
    assert found["no_data"] is None


def test_a_meter_without_readings_says_why():
    rows = FakeAnomalyScorer("a").answer(["silent"])
    (found,) = render("anomaly", rows, ["silent"], "kWh")
    assert (found["no_data"], found["timestamp"], found["model"]) == ("no readings in the period", [], None)


def test_days_are_dates():
    rows = FakeQualityScorer("q").answer(["A"], np.datetime64("2026-03-27"), np.datetime64("2026-03-28"))
    (found,) = render("quality", rows, ["A"])
    assert found["local_date"] == ["2026-03-27", "2026-03-28"]
    assert (found["score"], found["reason"]) == ([100.0, 62.5], [None, "gap of 6 intervals"])
