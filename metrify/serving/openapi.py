"""The OpenAPI document: every request and every error with an example, in the version that the docs page can show."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from metrify.errors import BadValue, MalformedJson, NotEnoughHistory, UnknownKeys, UnknownMeter
from metrify.models.forecasting.profile import FALLBACK
from metrify.serving.messages import ErrorBody, ForecastRequest, Health
from metrify.serving.refusals import INTERNAL, Refusal, overloaded, refusal, too_large, too_slow, unavailable

__all__ = ["DESCRIPTION", "FORECAST", "HEALTH", "MODELS", "TAGS", "document"]

VERSION = "3.0.3"
"""The newest that the bundled Swagger UI 4 draws."""

DESCRIPTION = """Forecasts for smart meters.

Times are UTC and name the start of an interval; a time that you send needs an offset. Every error has one shape, told
apart by `error`; `message` says what was wanted and what was found. After a 503 try again in `Retry-After` seconds.
"""
TAGS = [
    {"name": "forecasting", "description": "What meters will read."},
    {"name": "operation", "description": "What runs, and on which data."},
]
REQUEST_ID = "6f1c2c1e-8a53-4d3a-9a55-0f2b7d1f6c11"

_ANSWER = {
    "request_id": REQUEST_ID,
    "forecasts": [
        {
            "meter_id": "M-17",
            "model": "forecasting/lightgbm:3",
            "issue_time": "2026-03-29T00:00:00Z",
            "interval_minutes": 30,
            "unit": "kWh",
            "reason": None,
            "timestamp": ["2026-03-29T00:00:00Z", "2026-03-29T00:30:00Z"],
            "mean": [0.214, 0.198],
            "q05": [0.08, 0.07],
            "q10": [0.1, 0.09],
            "q25": [0.15, 0.13],
            "q50": [0.2, 0.18],
            "q75": [0.26, 0.24],
            "q90": [0.35, 0.33],
            "q95": [0.42, 0.4],
        }
    ],
}
_REQUESTS = {
    "one meter": {"meter_id": "M-17"},
    "several meters, the next 48 hours": {"meter_ids": ["M-17", "M-18"], "horizon": "48h"},
    "as of a moment": {"meter_id": "M-17", "issue_time": "2026-03-29T00:00:00Z", "allow_fallback": False},
    "a meter that the lake does not know": {
        "history": {
            "meter_id": "new",
            "start": "2026-03-27T00:00:00Z",
            "interval_minutes": 60,
            "kwh": [0.3, 0.2, None, *[0.2] * 45],
        }
    },
}
_MODEL = {
    "task": "forecasting",
    "ready": True,
    "reason": None,
    "model": "forecasting/lightgbm:3",
    "release": "1.0",
    "aliases": ["champion"],
    "registered": "2026-03-01T12:00:00Z",
    "metrics": {"wape": 0.421},
    "unit": "kWh",
    "meters": 64,
    "lake_version": 12,
    "data_until": "2026-03-29T00:00:00Z",
}
_HEALTH = {"live": True, "ready": True, "models": [_MODEL]}
_WAITING = {"task": "forecasting", "ready": False, "reason": "The registry holds no forecasting@champion."}
_UNREADY = Health(live=True, ready=False, models=[_WAITING])  # type: ignore[list-item]


def _errors(*refusals: Refusal) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of these refusals, by status."""
    responses: dict[int | str, dict[str, Any]] = {}
    for found in refusals:
        blank = {"model": ErrorBody, "description": found.error, "content": {"application/json": {"examples": {}}}}
        response = responses.setdefault(found.status, blank)
        examples = response["content"]["application/json"]["examples"]
        examples[f"{found.error}: {found.field}" if found.field else found.error] = {"value": found.body(REQUEST_ID)}
        response["description"] = " or ".join(dict.fromkeys(name.split(":")[0] for name in examples))
        if found.retry_after:
            response["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
    return responses


def _ok(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


_HISTORY = NotEnoughHistory("M-17", "3 readings", "at least two days of readings", FALLBACK)
FORECAST: dict[str, Any] = {
    "summary": "Forecast one meter or many",
    "responses": _ok(_ANSWER)
    | _errors(
        refusal(UnknownKeys("The request", ["horizn"], ForecastRequest.model_fields)),
        refusal(BadValue("history[0].kwh[3]", "a finite number", float("nan"))),
        refusal(MalformedJson("Expecting ',' delimiter in line 1, column 22")),
        refusal(UnknownMeter(["M-99"], 64)),
        Refusal(408, "body_too_slow", "The body did not arrive within 30 s."),
        too_large(10_000_000),
        Refusal(415, "unsupported_media_type", "Send the body uncompressed.", "Content-Encoding"),
        refusal(_HISTORY),
        INTERNAL,
        unavailable("The registry holds no forecasting@champion."),
        overloaded(),
        too_slow(30),
    ),
    "openapi_extra": {
        "requestBody": {
            "content": {"application/json": {"examples": {name: {"value": body} for name, body in _REQUESTS.items()}}}
        }
    },
}
HEALTH: dict[str, Any] = {
    "summary": "Live? Ready?",
    "responses": {
        **_ok(_HEALTH),
        503: {
            "model": Health,
            "description": "not ready yet",
            "content": {"application/json": {"example": _UNREADY.model_dump(mode="json")}},
        },
        500: _errors(INTERNAL)[500],
    },
}
MODELS: dict[str, Any] = {
    "summary": "The models that answer",
    "responses": _ok([_MODEL]) | _errors(INTERNAL, overloaded(), too_slow(30)),
}


def document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `api`, made once."""
    if api.openapi_schema is None:
        found = get_openapi(
            title=api.title,
            version=api.version,
            openapi_version=VERSION,
            description=api.description,
            routes=api.routes,
            tags=api.openapi_tags,
        )
        api.openapi_schema = _as_3_0(found)
    return api.openapi_schema


def _as_3_0(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where 3.1 and pydantic say `anyOf` with null."""
    if isinstance(node, list):
        return [_as_3_0(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    choices = node.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        others = [choice for choice in choices if choice != {"type": "null"}]
        rest = {name: value for name, value in node.items() if name != "anyOf"}
        single = len(others) == 1 and "$ref" not in others[0]
        node = {**rest, "nullable": True, **(others[0] if single else {"anyOf": others})}
    return {name: _as_3_0(inner) for name, inner in node.items()}
