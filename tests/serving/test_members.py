"""What each task's deployment hands on to its scorer, and the limits that only it can check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from metrify.errors import BadValue
from metrify.serving.anomalies import Anomalies
from metrify.serving.args import Limits, ServeArgs
from metrify.serving.member import Member, Rows
from metrify.serving.messages import AnomalyRequest, QualityRequest, RiskRequest, ServedModel
from metrify.serving.quality import Quality
from metrify.serving.refusals import Refusal
from metrify.serving.risk import Risk
from metrify.serving.wanted import Wanted
from tests.serving.fakes import UNTIL, FakeAnomalyScorer, FakeQualityScorer, FakeRiskScorer, FakeSource

HISTORY = {"meter_id": "new", "start": "2026-03-27T00:00:00Z", "interval_minutes": 60, "kwh": [1.0, None]}


def asked(kind: type[Member], make: Callable[[str], Any], request: Any) -> tuple[Rows | Refusal, dict[str, Any]]:
    """The answer of a replica, and what its scorer was asked last."""
    source = FakeSource("some/fake:1", Wanted(kind.task), make)
    made = kind(source, ServeArgs(refresh_seconds=3600))
    found = asyncio.run(made.answer(request))
    made.stop()
    return found, source.served.scorer.asked[-1]


def test_a_period_and_a_history_reach_the_anomaly_scorer():
    request = {"since": "2026-03-28T02:00:00+02:00", "until": "2026-03-29T00:00:00Z", "history": HISTORY}
    found, said = asked(Anomalies, FakeAnomalyScorer, AnomalyRequest.model_validate(request))
    assert (said["meter_ids"], said["since"], said["until"]) == (["new"], np.datetime64("2026-03-28T00:00:00"), UNTIL)
    assert said["history"]["new"].values == [1.0, None]
    assert (found.unit, found.model) == ("kWh", "some/fake:1")


def test_a_beginning_alone_is_held_against_the_latest_reading():
    old = AnomalyRequest.model_validate({"meter_id": "A", "since": "2025-03-29T00:00:00Z"})
    found, _ = asked(Anomalies, FakeAnomalyScorer, old)
    assert (found.status, found.field) == (400, "since")
    assert "at most 31 days before 2026-03-29T00:00:00+00:00" in found.message
    found, _ = asked(
        Quality, FakeQualityScorer, QualityRequest.model_validate({"meter_id": "A", "first": "2020-01-01"})
    )
    assert (found.status, found.field) == (400, "first")


PAST = {"meter_id": "new", "start": "2020-03-01T00:00:00Z", "interval_minutes": 60, "kwh": [1.0] * 48}


@pytest.mark.parametrize(
    ("kind", "make", "shape", "field", "near", "far"),
    [
        (Anomalies, FakeAnomalyScorer, AnomalyRequest, "since", "2020-03-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        (Quality, FakeQualityScorer, QualityRequest, "first", "2020-03-01", "2019-03-01"),
    ],
)
def test_a_beginning_alone_is_held_against_the_end_of_a_history(kind, make, shape, field, near, far):
    request = shape.model_validate({"history": PAST, field: near})
    request.check(Limits())
    found, _ = asked(kind, make, request)
    assert isinstance(found, Rows)
    with pytest.raises(BadValue, match="2020-03-03") as caught:
        shape.model_validate({"history": PAST, field: far}).check(Limits())
    assert caught.value.field == field
    mixed, _ = asked(kind, make, shape.model_validate({"meter_ids": ["new", "A"], "history": PAST, field: near}))
    assert (mixed.status, mixed.field) == (400, field)


def test_dates_reach_the_quality_scorer():
    request = QualityRequest.model_validate({"meter_id": "A", "first": "2026-03-27", "last": "2026-03-28"})
    found, said = asked(Quality, FakeQualityScorer, request)
    assert (said["first"], said["last"]) == (np.datetime64("2026-03-27"), np.datetime64("2026-03-28"))
    assert len(found.frame) == 2


def test_attributes_reach_the_risk_scorer():
    new = {"asset_id": "new", "kind": "meter", "make": "Acme", "installed_on": "2020-02-29", "rating_kva": 25}
    request = RiskRequest.model_validate({"asset_ids": ["new", "D"], "assets": new, "as_of": "2026-03-29T00:00:00Z"})
    found, said = asked(Risk, FakeRiskScorer, request)
    assert (said["asset_ids"], said["as_of"]) == (["new", "D"], UNTIL)
    assert said["assets"].loc[0, ["make", "firmware"]].tolist() == ["Acme", None]
    assert said["assets"]["rating_kva"].tolist() == [25.0]
    assert said["assets"]["installed_on"].iloc[0].isoformat() == "2020-02-29"
    assert found.frame["probability"].tolist() == [0.03, 0.06]


@pytest.mark.parametrize(
    ("kind", "make", "request_", "code"),
    [
        (Anomalies, FakeAnomalyScorer, AnomalyRequest(meter_id="X"), "unknown_meter"),
        (Quality, FakeQualityScorer, QualityRequest(meter_id="X"), "unknown_meter"),
        (Risk, FakeRiskScorer, RiskRequest(asset_id="X"), "unknown_asset"),
    ],
)
def test_what_nobody_knows_is_refused(kind, make, request_, code):
    found, _ = asked(kind, make, request_)
    assert (found.status, found.error) == (404, code)


def test_a_model_of_equipment_counts_assets():
    made = Risk(
        FakeSource("maintenance/fake:1", Wanted("maintenance"), FakeRiskScorer), ServeArgs(refresh_seconds=3600)
    )
    found = ServedModel.model_validate(asyncio.run(made.status()))
    made.stop()
    assert (found.assets, found.meters, found.unit, found.wanted) == (2, None, None, "maintenance@champion")
