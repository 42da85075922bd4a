"""Every floor but Ray and MLflow: real families over a small lake, behind member, router, ingress and HTTP door."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from metrify.lake.tables import Lake
from metrify.models.base import Model
from metrify.scoring.anomalies import AnomalyScorer
from metrify.scoring.forecast import Forecaster
from metrify.scoring.quality import QualityScorer
from metrify.scoring.risk import RiskScorer
from metrify.serving.app import MEMBERS
from metrify.serving.args import ServeArgs
from metrify.serving.ingress import Ingress
from metrify.serving.messages import AnomalyAnswer, ErrorBody, ForecastAnswer, QualityAnswer, RiskAnswer
from metrify.serving.router import Router
from metrify.serving.wanted import Wanted
from metrify.settings import Workspace
from tests.scoring import fitted
from tests.scoring.fleet import Strange, equip, fill
from tests.serving.fakes import FakeSource

ARGS = ServeArgs(refresh_seconds=3600)


class Near:
    """A DeploymentHandle of an object in this process."""

    def __init__(self, held: Any):
        self._held = held

    def __getattr__(self, name: str) -> Any:
        return _Call(getattr(self._held, name))


class _Call:
    def __init__(self, method: Any):
        self._method = method

    def remote(self, *args: Any) -> Any:
        return self._method(*args)


def member(workspace: Workspace, scorer: Any, model: Model, wanted: Wanted) -> Any:
    source = FakeSource(f"{model.family}:1", wanted, lambda name: scorer(workspace, model, name))
    return MEMBERS[wanted.task](source, ARGS)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    workspace = Workspace.open(tmp_path_factory.mktemp("graph") / "home")
    lake = Lake(workspace)
    fill(lake)
    equip(lake)
    models = [
        (Forecaster, fitted.seasonal(), Wanted("forecasting")),
        (AnomalyScorer, fitted.zscore(lake), Wanted("anomaly", "anomaly/zscore")),
        (AnomalyScorer, Strange(), Wanted("anomaly", "anomaly/strange")),
        (RiskScorer, fitted.failure(), Wanted("maintenance")),
        (QualityScorer, fitted.quality(lake), Wanted("quality")),
    ]
    made = {wanted: member(workspace, scorer, model, wanted) for scorer, model, wanted in models}
    members = {task: {str(of): Near(one) for of, one in made.items() if of.task == task} for task in MEMBERS}
    yield Ingress(Near(Router(members, ARGS.limits)), ARGS.limits).__serve_build_asgi_app__()
    for one in made.values():
        one.stop()


def ask(door: Any, method: str, path: str, **request: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://door") as client:
            return await client.request(method, path, **request)

    return asyncio.run(asked())


def post(door: Any, path: str, **fields: Any) -> httpx.Response:
    return ask(door, "POST", path, json=fields)


def test_all_models_are_ready(door):
    health = ask(door, "GET", "/healthz").json()
    assert health["ready"]
    assert [model["model"] for model in health["models"]] == [
        "forecasting/seasonal:1",
        "anomaly/zscore:1",
        "anomaly/strange:1",
        "maintenance/failure:1",
        "quality/score:1",
    ]
    assert [(model["meters"], model["assets"]) for model in health["models"]] == [(4, None)] * 3 + [
        (None, 3),
        (4, None),
    ]


def test_forecast(door):
    answer = ForecastAnswer.model_validate(post(door, "/v1/forecast", meter_ids=["two", "one"]).json())
    assert [(found.meter_id, len(found.q50)) for found in answer.forecasts] == [("two", 24), ("one", 24)]


def test_a_spike_is_found_by_both_models(door):
    answer = AnomalyAnswer.model_validate(post(door, "/v1/anomalies", meter_ids=["two", "silent", "new"]).json())
    two, silent, new = answer.anomalies
    spike = two.value.index(9.0)
    assert (two.verdict[spike], two.model) == (True, "anomaly/zscore:1 + anomaly/strange:1")
    assert "anomaly/strange:1: more than 2 kWh" in two.reason[spike]
    assert "no reading" in silent.no_data
    assert silent.timestamp == []
    assert len(new.score) == 24
    assert not answer.degraded


def test_quality_of_days(door):
    fields = {"meter_ids": ["one", "silent"], "first": "2020-03-01", "last": "2020-03-03"}
    one, silent = QualityAnswer.model_validate(post(door, "/v1/quality", **fields).json()).quality
    assert [str(day) for day in one.local_date] == ["2020-03-01", "2020-03-02", "2020-03-03"]
    assert all(score is not None and 0 <= score <= 100 for score in one.score)
    assert silent.no_data or silent.score == [0.0] * 3


def test_risk_of_equipment_known_and_new(door):
    new = {"asset_id": "new", "kind": "meter", "make": "Acme", "installed_on": "2012-05-01"}
    future = {"asset_id": "future", "kind": "meter", "installed_on": "2077-01-01"}
    answer = RiskAnswer.model_validate(
        post(door, "/v1/maintenance/risk", asset_ids=["new", "old", "broken", "future"], assets=[new, future]).json()
    )
    risks = {found.asset_id: found for found in answer.risks}
    assert list(risks) == ["new", "old", "broken", "future"]
    assert 0 < (risks["new"].probability or 0) < 1
    assert 0 < (risks["old"].probability or 0) < 1
    assert risks["broken"].probability is None
    assert "failed" in risks["broken"].reason
    assert "not installed before 2077-01-01" in risks["future"].reason


HISTORY = {"meter_id": "guest", "start": "2020-02-01T00:00:00Z", "interval_minutes": 30, "kwh": [0.3, None, 0.4] * 240}


@pytest.mark.parametrize("path", ["/v1/forecast", "/v1/anomalies", "/v1/quality"])
def test_a_history_is_answered_by_every_task_about_meters(door, path):
    response = post(door, path, history=HISTORY)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/anomalies", {"meter_id": "one", "since": "2031-01-01T00:00:00Z"}),
        ("/v1/anomalies", {"meter_id": "one", "until": "1980-01-01T00:00:00Z"}),
        ("/v1/anomalies", {"meter_id": "one", "since": "2190-01-01T00:00:00Z", "until": "2190-01-02T00:00:00Z"}),
        ("/v1/anomalies", {"meter_id": "one", "since": "2020-03-01T00:00:00.4Z", "until": "2020-03-01T00:00:00.6Z"}),
        ("/v1/quality", {"meter_id": "one", "first": "2031-01-01"}),
        ("/v1/quality", {"meter_id": "one", "last": "1980-01-01"}),
        ("/v1/quality", {"history": {**HISTORY, "kwh": [None]}}),
        ("/v1/anomalies", {"history": {**HISTORY, "kwh": [None]}}),
        ("/v1/anomalies", {"history": {**HISTORY, "interval_minutes": 7}}),
        ("/v1/quality", {"history": {**HISTORY, "interval_minutes": 1440, "kwh": [1.0]}}),
        ("/v1/forecast", {"history": {**HISTORY, "interval_minutes": 7}}),
        ("/v1/maintenance/risk", {"asset_id": "old", "as_of": "1970-01-02T00:00:00Z"}),
        ("/v1/maintenance/risk", {"asset_id": "old", "as_of": "2190-01-02T00:00:00Z"}),
        ("/v1/maintenance/risk", {"assets": {"asset_id": "n", "kind": "no such", "installed_on": "1970-01-01"}}),
    ],
    ids=str,
)
def test_what_lies_at_the_edge_is_answered_or_refused_but_never_breaks(door, path, fields):
    response = post(door, path, **fields)
    assert response.status_code in (200, 400, 404, 422), response.text
    if response.status_code != 200:
        ErrorBody.model_validate(response.json())
    else:
        assert not response.json()["degraded"], response.json()["members"]
