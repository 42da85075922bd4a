"""The whole graph on Ray Serve, over a fake forecaster: what only processes and HTTP can show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from metrify.errors import ClusterError
from metrify.serving.args import Limits, ServeArgs
from metrify.serving.local import deployed
from metrify.serving.messages import ErrorBody, ForecastAnswer
from metrify.settings import Workspace
from tests.serving.fakes import PromotedSource

JSON = {"content-type": "application/json"}
ARGS = ServeArgs(refresh_seconds=0.2, threads=1, limits=Limits(max_body_bytes=1_000_000, max_queued=3))


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "champion"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def url(ray_session: str, promoted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = Workspace.open(tmp_path_factory.mktemp("serve") / "home")
    with deployed(workspace, ARGS, sources={"forecasting": PromotedSource(path=str(promoted))}) as address:
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
        (model,) = client.get("/healthz").json()["models"]
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
    assert (health.status_code, health.json()["live"], health.json()["ready"]) == (503, True, False)
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
