"""Every route and every error of the HTTP door, against a graph without Ray."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from metrify.serving.args import Limits
from metrify.serving.messages import ErrorBody, ForecastAnswer
from metrify.serving.refusals import Refusal, overloaded, too_slow
from tests.serving.door import ABSENT, LIMITS, READY, FakeGraph, ask, forecast

HISTORY = {"meter_id": "M", "start": "2026-03-27T00:00:00+01:00", "interval_minutes": 30, "kwh": [1, 0.5, None]}


def body(**fields: object) -> str:
    return json.dumps({"meter_id": "M"} | fields)


def error(response) -> ErrorBody:
    assert response.headers["content-type"] == "application/json"
    return ErrorBody.model_validate(response.json())


def test_one_meter():
    response = forecast('{"meter_id": "M"}')
    answer = ForecastAnswer.model_validate(response.json())
    assert response.status_code == 200
    assert [found.meter_id for found in answer.forecasts] == ["M"]
    assert answer.request_id
    assert not answer.degraded
    assert [member.model for member in answer.members] == ["forecasting/lightgbm:3"]


def test_an_answer_is_a_table_for_pandas():
    found = forecast('{"meter_ids": ["B", "A"]}').json()["forecasts"]
    table = pd.concat(pd.DataFrame(one) for one in found)
    assert table["meter_id"].tolist() == ["B", "B", "A", "A"]
    assert table["q50"].tolist()[0] == 0.2
    assert pd.to_datetime(table["timestamp"]).dt.tz is not None


def test_the_graph_is_asked_for_what_the_client_meant():
    graph = FakeGraph()
    forecast(body(issue_time="2026-03-29T02:00:00+02:00", horizon="36h", allow_fallback=False, history=HISTORY), graph)
    (asked,) = graph.asked
    assert asked.ids == ["M"]
    assert (asked.issue_time.isoformat(), asked.horizon, asked.allow_fallback) == (
        "2026-03-29T00:00:00+00:00",
        "36h",
        False,
    )
    assert asked.history[0].start.isoformat() == "2026-03-26T23:00:00+00:00"
    assert asked.history[0].kwh == [1.0, 0.5, None]


def test_history_alone_names_its_meters():
    graph = FakeGraph()
    assert forecast(json.dumps({"history": [HISTORY, HISTORY | {"meter_id": "N"}]}), graph).status_code == 200
    assert graph.asked[0].ids == ["M", "N"]


@pytest.mark.parametrize(
    ("sent", "code", "field", "said"),
    [
        (body(horizn="1d"), "unknown_field", "horizn", "Did you mean horizon?"),
        (body(history=HISTORY | {"kWh": []}), "unknown_field", "history[0].kWh", "Did you mean kwh?"),
        (body(history=HISTORY | {"kwh": [1, float("nan")]}), "bad_value", "history[0].kwh[1]", "found NaN"),
        ('{"meter_id": "M", "horizon": Infinity}', "bad_value", "horizon", "found Infinity"),
        (body(history=HISTORY).replace("0.5", "1e999"), "bad_value", "history[0].kwh[1]", "a finite number"),
        (body(history=HISTORY | {"kwh": [1, "2"]}), "bad_value", "history[0].kwh[1]", "a valid number"),
        (body(history=HISTORY | {"kwh": []}), "bad_value", "history[0].kwh", "at least 1 item"),
        (body(history=HISTORY | {"interval_minutes": 0}), "bad_value", "history[0].interval_minutes", "greater"),
        (body(history=HISTORY | {"start": "2026-03-27T00:00:00"}), "bad_value", "history[0].start", "with an offset"),
        (body(history=HISTORY | {"meter_id": "N"}), "bad_value", "history[0].meter_id", "asks for"),
        (body(history=[HISTORY, HISTORY]), "bad_value", "history[1].meter_id", "each meter once"),
        (json.dumps({"history": {"meter_id": "M"}}), "bad_value", "history[0].start", "a value"),
        ('{"meter_id": 7}', "bad_value", "meter_id", "a valid string, found 7"),
        ('{"meter_id": ""}', "bad_value", "meter_id", "at least 1 character"),
        ('{"meter_id": ["M"]}', "bad_value", "meter_id", "found a list"),
        ('{"meter_ids": "M"}', "bad_value", "meter_ids", "a valid list"),
        ('{"meter_ids": []}', "bad_value", "meter_ids", "at least 1 item, found an empty list"),
        ('{"meter_ids": ["A", "B", "A"]}', "bad_value", "meter_ids[2]", "each meter once"),
        ('{"meter_ids": ["A", "B", "C", "D"]}', "bad_value", "meter_ids", "at most 3 meters, found 4"),
        ('{"meter_ids": ["A"], "meter_id": "A"}', "bad_value", "meter_ids", "either"),
        ("{}", "bad_value", "meter_ids", "meter_id, meter_ids or history"),
        (body(horizon="a week"), "bad_value", "horizon", "such as 1d, 24h, 30min"),
        (body(horizon="0h"), "bad_value", "horizon", "such as 1d"),
        (body(horizon="8d"), "bad_value", "horizon", "at most 7 days"),
        (body(horizon="99999h"), "bad_value", "horizon", "at most 7 days"),
        (body(issue_time="2026-03-29T00:00"), "bad_value", "issue_time", "with an offset"),
        (body(issue_time="0001-01-01T00:00:00+14:00"), "bad_value", "issue_time", "from 1970 on"),
        (body(issue_time=1774742400), "bad_value", "issue_time", "ISO 8601"),
        (body(allow_fallback="yes"), "bad_value", "allow_fallback", "a valid boolean"),
        ("[]", "bad_value", "body", "an object"),
        ("null", "bad_value", "body", "an object"),
        ("", "malformed_json", None, "the body is empty"),
        ('{"meter_id": "M"', "malformed_json", None, "line 1, column"),
        ("{'meter_id': 'M'}", "malformed_json", None, "double quotes"),
        ('{"meter_id": "M", "meter_id": "N"}', "malformed_json", None, "'meter_id' appears twice"),
        ("[" * 100_000, "malformed_json", None, "nested deeper than 32 levels"),
        ('{"meter_id": ' + "[" * 40 + "]" * 40 + "}", "malformed_json", None, "nested deeper than 32 levels"),
        ('{"meter_id": ' + "9" * 5000 + "}", "malformed_json", None, "4300 digits"),
        (b'{"meter_id": "\xff"}', "malformed_json", None, "utf-8"),
        ('{"meter_id": "M"}'.encode("utf-16"), "malformed_json", None, "utf-8"),
        ('{"meter_id": "\\ud800"}', "bad_value", "meter_id", "unicode"),
        ('{"\\ud800": 1}', "bad_value", "body", "unicode"),
        ('{"h\\u00f6he": 1}', "unknown_field", "höhe", "does not know höhe"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_requests_are_named_field_and_reason(sent, code, field, said):
    graph = FakeGraph()
    response = forecast(sent, graph)
    found = error(response)
    assert (response.status_code, found.error, found.field) == (400, code, field)
    assert said in found.message
    assert not graph.asked


def test_a_body_of_50_mb_is_refused():
    response = forecast(b" " * 50_000_000)
    assert (response.status_code, error(response).error) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({}, "Content-Type"),
        ({"content-type": "text/plain"}, "Content-Type"),
        ({"content-type": "application/json; charset=latin-1"}, "Content-Type"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "Content-Encoding"),
    ],
)
def test_other_media_are_refused(headers, field):
    response = forecast('{"meter_id": "M"}', headers=headers)
    assert (response.status_code, error(response).error, error(response).field) == (
        415,
        "unsupported_media_type",
        field,
    )


@pytest.mark.parametrize(
    "media", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_by_any_spelling_is_taken(media):
    assert forecast('{"meter_id": "M"}', headers={"content-type": media}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/forecasts", 404, "unknown_route"),
        ("GET", "/docs/assets/../../errors.py", 404, "unknown_route"),
        ("GET", "/%ff", 404, "unknown_route"),
        ("GET", "/v1/forecast", 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_routes_that_are_not_there(method, path, status, code):
    response = ask(method, path)
    assert (response.status_code, error(response).error) == (status, code)


def test_a_wrong_method_is_told_the_right_one():
    assert ask("GET", "/v1/forecast").headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("refusal", "later"),
    [
        (Refusal(404, "unknown_meter", "Unknown meter: M.", "meter_ids"), None),
        (Refusal(422, "not_enough_history", "Too short.", "meter_ids", "forecasting/seasonal"), None),
        (Refusal(503, "not_ready", "No champion.", retry_after=9.2), "10"),
        (overloaded(), "1"),
        (too_slow(30), "5"),
    ],
)
def test_refusals_of_the_graph_come_through(refusal, later):
    response = forecast('{"meter_id": "M"}', FakeGraph(answered=refusal))
    found = error(response)
    assert (response.status_code, found.error, found.message) == (refusal.status, refusal.error, refusal.message)
    assert (found.field, found.fallback) == (refusal.field, refusal.fallback)
    assert response.headers.get("retry-after") == later


def test_a_crash_shows_no_cause():
    response = forecast('{"meter_id": "M"}', FakeGraph(answered=ZeroDivisionError("secret")))
    assert (response.status_code, error(response).error) == (500, "internal")
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("models", "status", "ready"),
    [
        (FakeGraph().models, 200, True),
        ([READY, ABSENT], 200, True),
        ([ABSENT], 503, False),
        ([READY, ABSENT | {"absent": False}], 503, False),
        (overloaded(), 503, False),
    ],
)
def test_health_tells_ready_from_live(models, status, ready):
    response = ask("GET", "/healthz", FakeGraph(models=models))
    assert (response.status_code, response.json()["live"], response.json()["ready"]) == (status, True, ready)
    assert ("retry-after" in response.headers) is not ready


def test_models():
    (found,) = ask("GET", "/v1/models").json()
    assert (found["task"], found["model"]) == ("forecasting", "forecasting/fake:1")
    assert error(ask("GET", "/v1/models", FakeGraph(models=overloaded()))).error == "overloaded"


def test_the_limits_are_those_of_the_config():
    assert forecast('{"meter_ids": ["A", "B", "C", "D"]}', limits=Limits()).status_code == 200
    assert LIMITS.max_meters < Limits().max_meters
