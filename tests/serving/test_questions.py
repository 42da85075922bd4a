"""The routes about anomalies, maintenance and quality: what a client may ask, and what is refused."""

from __future__ import annotations

import json

import pytest

from metrify.serving.messages import AnomalyAnswer, ErrorBody, QualityAnswer, RiskAnswer
from metrify.serving.refusals import Refusal
from tests.serving.door import FakeGraph, post

ANOMALIES, RISK, QUALITY = "/v1/anomalies", "/v1/maintenance/risk", "/v1/quality"
HISTORY = {"meter_id": "M", "start": "2026-03-27T00:00:00+01:00", "interval_minutes": 30, "kwh": [1, 0.5, None]}
NEW = {"asset_id": "new", "kind": "meter", "installed_on": "2020-02-29"}


def meter(**fields: object) -> str:
    return json.dumps({"meter_id": "M"} | fields)


def asset(**fields: object) -> str:
    return json.dumps({"asset_id": "new"} | fields)


@pytest.mark.parametrize(
    ("path", "sent", "shape", "field"),
    [
        (ANOMALIES, {"meter_ids": ["B", "A"]}, AnomalyAnswer, "anomalies"),
        (QUALITY, {"meter_ids": ["B", "A"]}, QualityAnswer, "quality"),
        (RISK, {"asset_ids": ["B", "A"]}, RiskAnswer, "risks"),
    ],
)
def test_answers_come_in_the_order_of_the_request(path, sent, shape, field):
    response = post(path, json.dumps(sent))
    answer = shape.model_validate(response.json())
    assert response.status_code == 200
    assert [next(iter(one.model_dump().values())) for one in getattr(answer, field)] == ["B", "A"]
    assert answer.request_id
    assert all(member.answered for member in answer.members)


def test_the_graph_is_asked_for_what_the_client_meant():
    graph = FakeGraph()
    post(ANOMALIES, meter(since="2026-03-28T02:00:00+02:00", until="2026-03-29T00:00:00Z", history=HISTORY), graph)
    post(QUALITY, meter(first="2026-03-28", last="2026-03-29"), graph)
    post(RISK, json.dumps({"assets": NEW, "as_of": "2026-03-29T00:00:00Z"}), graph)
    anomalies, quality, risk = graph.asked
    assert anomalies.since.isoformat() == "2026-03-28T00:00:00+00:00"
    assert (anomalies.ids, len(anomalies.history)) == (["M"], 1)
    assert (quality.first.isoformat(), quality.last.isoformat()) == ("2026-03-28", "2026-03-29")
    assert (risk.ids, risk.assets[0].installed_on.isoformat(), risk.assets[0].make) == (["new"], "2020-02-29", None)


BAD = [
    (ANOMALIES, meter(untill="2026-03-29T00:00:00Z"), "unknown_field", "untill", "Did you mean until?"),
    (ANOMALIES, meter(since="2026-03-29"), "bad_value", "since", "with an offset"),
    (ANOMALIES, meter(until="2026-02-30T00:00:00Z"), "bad_value", "until", "ISO 8601"),
    (ANOMALIES, meter(until=1774742400), "bad_value", "until", "ISO 8601"),
    (
        ANOMALIES,
        meter(since="2026-03-29T00:00:00Z", until="2026-03-29T01:00:00+01:00"),
        "bad_value",
        "until",
        "a time after since",
    ),
    (
        ANOMALIES,
        meter(since="2026-03-01T00:00:00Z", until="2026-03-29T00:00:00Z"),
        "bad_value",
        "since",
        "at most 7 days before",
    ),
    (ANOMALIES, meter(history=HISTORY | {"kwh": [float("nan")]}), "bad_value", "history[0].kwh[0]", "found NaN"),
    (ANOMALIES, meter(history=HISTORY | {"meter_id": "N"}), "bad_value", "history[0].meter_id", "asks for"),
    (ANOMALIES, meter(horizon="1d"), "unknown_field", "horizon", "does not know horizon"),
    (ANOMALIES, '{"meter_ids": ["A", "B", "C", "D"]}', "bad_value", "meter_ids", "at most 3 meters"),
    (ANOMALIES, "{}", "bad_value", "meter_ids", "meter_id, meter_ids or history"),
    (QUALITY, meter(first="2026-03-29T00:00:00Z"), "bad_value", "first", "a date of the calendar"),
    (QUALITY, meter(first="20260329"), "bad_value", "first", "a date of the calendar"),
    (QUALITY, meter(first="2026-W13-7"), "bad_value", "first", "a date of the calendar"),
    (QUALITY, meter(last="2026-02-30"), "bad_value", "last", "a date of the calendar"),
    (QUALITY, meter(last="1969-12-31"), "bad_value", "last", "from 1970 on"),
    (QUALITY, meter(last=20260329), "bad_value", "last", "a date of the calendar"),
    (QUALITY, meter(first="2026-03-29", last="2026-03-28"), "bad_value", "last", "a date from first on"),
    (QUALITY, meter(first="2026-03-01", last="2026-03-31"), "bad_value", "first", "at most 30 days"),
    (QUALITY, meter(since="2026-03-29T00:00:00Z"), "unknown_field", "since", "does not know since"),
    (QUALITY, '{"meter_ids": ["A", "A"]}', "bad_value", "meter_ids[1]", "each meter once"),
    (RISK, '{"meter_id": "M"}', "unknown_field", "meter_id", "does not know meter_id"),
    (RISK, "{}", "bad_value", "asset_ids", "asset_id, asset_ids or assets"),
    (RISK, '{"asset_ids": ["A", "B", "C", "D"]}', "bad_value", "asset_ids", "at most 3 assets"),
    (RISK, '{"asset_ids": ["A", "A"]}', "bad_value", "asset_ids[1]", "each asset once"),
    (RISK, '{"asset_id": "A", "asset_ids": ["A"]}', "bad_value", "asset_ids", "either asset_id or asset_ids"),
    (RISK, asset(as_of="2026-03-29"), "bad_value", "as_of", "with an offset"),
    (RISK, asset(assets=NEW | {"installed": "2020-01-01"}), "unknown_field", "assets[0].installed", "installed_on?"),
    (RISK, asset(assets={"asset_id": "new", "kind": "meter"}), "bad_value", "assets[0].installed_on", "a value"),
    (RISK, asset(assets=NEW | {"installed_on": "29.2.2020"}), "bad_value", "assets[0].installed_on", "a date"),
    (RISK, asset(assets=NEW | {"installed_on": "2021-02-29"}), "bad_value", "assets[0].installed_on", "a date"),
    (RISK, asset(assets=NEW | {"make": 7}), "bad_value", "assets[0].make", "a valid string"),
    (RISK, asset(assets=NEW | {"rating_kva": -1}), "bad_value", "assets[0].rating_kva", "greater than or equal to 0"),
    (RISK, asset(assets=NEW | {"asset_id": "other"}), "bad_value", "assets[0].asset_id", "asks for"),
    (RISK, asset(assets=[NEW, NEW]), "bad_value", "assets[1].asset_id", "each asset once"),
    *(
        (path, body, code, field, said)
        for path in (ANOMALIES, RISK, QUALITY)
        for body, code, field, said in (
            ("[]", "bad_value", "body", "an object"),
            ("", "malformed_json", None, "the body is empty"),
            ("[" * 100_000, "malformed_json", None, "nested deeper"),
            ('{"a": 1, "a": 2}', "malformed_json", None, "appears twice"),
        )
    ),
]


@pytest.mark.parametrize(("path", "sent", "code", "field", "said"), BAD, ids=lambda value: str(value)[:40])
def test_bad_requests_are_named_field_and_reason(path, sent, code, field, said):
    graph = FakeGraph()
    response = post(path, sent, graph)
    found = ErrorBody.model_validate(response.json())
    assert (response.status_code, found.error, found.field) == (400, code, field)
    assert said in found.message
    assert not graph.asked


@pytest.mark.parametrize("path", [ANOMALIES, RISK, QUALITY])
def test_other_media_and_too_large_bodies_are_refused(path):
    assert post(path, meter(), headers={"content-type": "text/csv"}).status_code == 415
    assert post(path, b" " * 200_000).status_code == 413


def test_refusals_of_the_graph_come_through():
    refused = Refusal(404, "unknown_asset", "Unknown asset: new.", "asset_ids")
    response = post(RISK, asset(), FakeGraph(answered=refused))
    found = ErrorBody.model_validate(response.json())
    assert (response.status_code, found.error, found.field) == (404, "unknown_asset", "asset_ids")
