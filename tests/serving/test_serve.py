"""The whole graph of four tasks on Ray Serve, over fake scorers: what only processes and HTTP can show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from metrify.errors import ClusterError
from metrify.serving.args import Limits, ServeArgs
from metrify.serving.local import deployed
from metrify.serving.messages import AnomalyAnswer, ErrorBody, ForecastAnswer, RiskAnswer
from metrify.serving.wanted import Wanted
from metrify.settings import Workspace
from tests.serving.fakes import FakeAnomalyScorer, FakeQualityScorer, FakeRiskScorer, FakeSource, PromotedSource

JSON = {"content-type": "application/json"}
LIMITS = Limits(max_body_bytes=1_000_000, max_queued=3, member_seconds=3.0)
ARGS = ServeArgs(refresh_seconds=0.2, threads=1, limits=LIMITS)


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "champion"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one of the two models of anomalies is told to do."""
    path = tmp_path_factory.mktemp("orders") / "moody"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def url(ray_session: str, promoted: Path, orders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = Workspace.open(tmp_path_factory.mktemp("serve") / "home")
    moody, steady = (Wanted("anomaly", f"anomaly/{name}") for name in ("moody", "steady"))
    sources = [
        PromotedSource(path=str(promoted)),
        FakeSource("anomaly/moody:1", moody, partial(FakeAnomalyScorer, orders=orders, score=2.0)),
        FakeSource("anomaly/steady:2", steady, FakeAnomalyScorer),
        FakeSource("maintenance/fake:1", Wanted("maintenance"), FakeRiskScorer),
        FakeSource("", Wanted("quality"), FakeQualityScorer),
    ]
    with deployed(workspace, ARGS, sources=sources) as address:
        yield address


@pytest.fixture
def client(url: str, promoted: Path) -> Iterator[httpx.Client]:
    """A client of a graph that serves forecasting/fake:1."""
    with httpx.Client(base_url=url, timeout=60) as client:
        promote(client, promoted, "forecasting/fake:1")
        yield client


def promote(client: httpx.Client, promoted: Path, name: str) -> None:
    promoted.write_text(name)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        model = client.get("/healthz").json()["models"][0]
        if model["model"] == name:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} is not served: {model}")


def error(response: httpx.Response) -> ErrorBody:
    return ErrorBody.model_validate(response.json())


def test_it_starts_before_the_first_promotion_and_says_so(url, promoted):
    if promoted.read_text():
        pytest.skip("another test has promoted a model already")
    health = httpx.get(f"{url}/healthz", timeout=30)
    found = {model["wanted"]: (model["ready"], model["absent"]) for model in health.json()["models"]}
    assert found == {
        "forecasting@champion": (False, True),
        "anomaly/moody@champion": (True, False),
        "anomaly/steady@champion": (True, False),
        "maintenance@champion": (True, False),
        "quality@champion": (False, True),
    }
    assert (health.status_code, health.json()["ready"]) == (200, True)  # of what there is, all answers
    response = httpx.post(f"{url}/v1/forecast", json={"meter_id": "A"}, timeout=30)
    assert (response.status_code, error(response).error) == (503, "not_ready")
    assert int(response.headers["retry-after"]) > 0


def test_it_answers_meters(client):
    response = client.post("/v1/forecast", json={"meter_ids": ["B", "A"]})
    answer = ForecastAnswer.model_validate(response.json())
    assert [found.meter_id for found in answer.forecasts] == ["B", "A"]
    assert response.headers["x-request-id"] == answer.request_id


def test_it_answers_a_meter_by_the_history_in_the_request(client):
    history = {"meter_id": "new", "start": "2026-03-27T00:00:00Z", "interval_minutes": 30, "kwh": [1, None, 3]}
    (found,) = client.post("/v1/forecast", json={"history": history}).json()["forecasts"]
    assert found["q50"] == [2.0] * 4


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"meter_id": "X"}, 404, "unknown_meter"),
        ({"meter_id": "A", "horizon": "7min"}, 400, "bad_value"),
        ({"meter_id": "A", "horizn": "1d"}, 400, "unknown_field"),
        ({"meter_id": "silent", "allow_fallback": False}, 422, "not_enough_history"),
        ({"meter_id": "A", "horizon": "12d"}, 500, "internal"),
    ],
)
def test_errors_of_every_floor_arrive_typed(client, fields, status, code):
    response = client.post("/v1/forecast", json=fields)
    found = error(response)
    assert (response.status_code, found.error) == (status, code)
    assert response.headers["x-request-id"] == found.request_id
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_two_models_judge_readings_together(client):
    answer = AnomalyAnswer.model_validate(client.post("/v1/anomalies", json={"meter_ids": ["B", "A"]}).json())
    assert [(member.model, member.answered) for member in answer.members] == [
        ("anomaly/moody:1", True),
        ("anomaly/steady:2", True),
    ]
    first = answer.anomalies[0]
    assert (first.meter_id, first.model, answer.degraded) == ("B", "anomaly/moody:1 + anomaly/steady:2", False)
    assert first.score == [0.5, 0.5, None, 3.0]
    assert first.verdict == [False, False, False, True]


@pytest.mark.parametrize(("order", "said"), [("crash", "Something failed inside"), ("sleep", "No answer within 3 s")])
def test_a_model_that_fails_or_is_slow_drops_out(client, orders, order, said):
    orders.write_text(order)
    response = client.post("/v1/anomalies", json={"meter_id": "A"})
    orders.write_text("")
    answer = AnomalyAnswer.model_validate(response.json())
    assert (response.status_code, answer.degraded) == (200, True)
    moody, steady = answer.members
    assert (moody.model, moody.answered, steady.answered) == ("anomaly/moody@champion", False, True)
    assert said in moody.reason
    assert "secret" not in response.text
    assert answer.anomalies[0].score == [0.5, 0.5, None, 4.0]


def test_a_client_s_slip_is_refused_though_members_could_drop_out(client):
    response = client.post("/v1/anomalies", json={"meter_id": "X"})
    assert (response.status_code, error(response).error, error(response).field) == (404, "unknown_meter", "meter_ids")


def test_it_judges_equipment(client):
    new = {"asset_id": "new", "kind": "meter", "installed_on": "2020-02-29"}
    answer = RiskAnswer.model_validate(
        client.post("/v1/maintenance/risk", json={"asset_ids": ["new", "D"], "assets": new}).json()
    )
    assert [(found.asset_id, found.probability) for found in answer.risks] == [("new", 0.06), ("D", 0.03)]
    response = client.post("/v1/maintenance/risk", json={"asset_id": "X"})
    assert (response.status_code, error(response).error) == (404, "unknown_asset")


def test_a_task_without_a_champion_says_what_to_do(client):
    response = client.post("/v1/quality", json={"meter_id": "A"})
    assert (response.status_code, error(response).error) == (503, "not_ready")
    assert "metrify train quality" in error(response).message


def test_deployments_have_names_that_a_person_recognises(url):
    from ray import serve

    assert set(serve.status().applications["metrify"].deployments) == {
        "Ingress",
        "Router",
        "Forecasting",
        "Anomalies-moody",
        "Anomalies-steady",
        "Risk",
        "Quality",
    }


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_50_mb_is_refused_early_and_the_graph_goes_on(client, chunked):
    whole = b" " * 50_000_000
    content = (whole[:1_000_000] for _ in range(50)) if chunked else whole
    response = client.post("/v1/forecast", content=content, headers=JSON)
    assert (response.status_code, error(response).error) == (413, "body_too_large")
    assert client.post("/v1/forecast", json={"meter_id": "A"}).status_code == 200


def test_a_promotion_is_served_without_a_restart(client, promoted):
    promote(client, promoted, "forecasting/fake:2")
    (found,) = client.post("/v1/forecast", json={"meter_id": "A"}).json()["forecasts"]
    assert found["model"] == "forecasting/fake:2"


def test_more_than_the_queue_holds_is_turned_away_at_once(client):
    with ThreadPoolExecutor(24) as crowd:
        slow = {"meter_id": "A", "horizon": "13d"}
        answers = list(crowd.map(lambda _: client.post("/v1/forecast", json=slow), range(24)))
    found = Counter(answer.status_code for answer in answers)
    assert set(found) == {200, 503}
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert {error(answer).error for answer in turned_away} == {"overloaded"}
    assert all(answer.headers["retry-after"] == "1" for answer in turned_away)
    assert client.post("/v1/forecast", json={"meter_id": "A"}).status_code == 200


def test_the_docs_are_served(client):
    assert client.get("/openapi.json").json()["info"]["title"] == "Metrify"
    assert client.get("/docs/assets/swagger-ui-bundle.js").status_code == 200


def test_it_listens_on_loopback_only(url):
    assert url.startswith("http://127.0.0.1:")


def test_a_second_serve_on_the_same_ray_is_refused(url, tmp_path):
    with pytest.raises(ClusterError, match="not for this workspace"), deployed(Workspace.open(tmp_path)):
        pass
