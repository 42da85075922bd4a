"""The OpenAPI document: every request and every error with an example, in the version that the docs page can show."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from metrify.errors import BadValue, MalformedJson, NotEnoughHistory, UnknownAsset, UnknownKeys, UnknownMeter
from metrify.models.forecasting.profile import FALLBACK
from metrify.serving import examples
from metrify.serving.messages import (
    AnomalyRequest,
    ErrorBody,
    ForecastRequest,
    Health,
    QualityRequest,
    RiskRequest,
)
from metrify.serving.refusals import INTERNAL, Refusal, overloaded, refusal, too_large, too_slow, unavailable

__all__ = ["ANOMALIES", "DESCRIPTION", "FORECAST", "HEALTH", "MODELS", "QUALITY", "RISK", "TAGS", "document"]

VERSION = "3.0.3"
"""The newest that the bundled Swagger UI 4 draws."""

DESCRIPTION = """Forecasts, anomalies, maintenance and data quality of smart meters.

Times are UTC and name the start of an interval; a time that you send needs an offset. Every error has one shape, told
apart by `error`; `message` says what was wanted and what was found. After a 503 try again in `Retry-After` seconds.
A model that fails drops out of an answer: then `degraded` is true, and `members` says why. One that was never trained
is not missed where another answers; `/v1/models` tells of it.
"""
TAGS = [
    {"name": "forecasting", "description": "What meters will read."},
    {"name": "anomalies", "description": "Which readings are strange."},
    {"name": "maintenance", "description": "How likely equipment is to fail."},
    {"name": "quality", "description": "How far readings can be trusted."},
    {"name": "operation", "description": "What runs, and on which data."},
]


def _errors(*refusals: Refusal) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of these refusals, by status."""
    responses: dict[int | str, dict[str, Any]] = {}
    for found in refusals:
        blank = {"model": ErrorBody, "description": found.error, "content": {"application/json": {"examples": {}}}}
        response = responses.setdefault(found.status, blank)
        bodies = response["content"]["application/json"]["examples"]
        name = f"{found.error}: {found.field}" if found.field else found.error
        bodies[name] = {"value": found.body(examples.REQUEST_ID)}
        response["description"] = " or ".join(dict.fromkeys(name.split(":")[0] for name in bodies))
        if found.retry_after:
            response["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
    return responses


def _ok(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


def _question(task: str, summary: str, message: type[BaseModel], *own: Refusal) -> dict[str, Any]:
    """What the document says of a route that asks the models of a task; `own`: errors that only some routes have."""
    return {
        "summary": summary,
        "responses": _ok(examples.ANSWERS[task])
        | _errors(
            refusal(UnknownKeys("The request", ["metr_id"], message.model_fields)),
            *own,
            refusal(MalformedJson("Expecting ',' delimiter in line 1, column 22")),
            Refusal(408, "body_too_slow", "The body did not arrive within 30 s."),
            too_large(10_000_000),
            Refusal(415, "unsupported_media_type", "Send the body uncompressed.", "Content-Encoding"),
            INTERNAL,
            unavailable(f"The registry holds no {task}@champion."),
            overloaded(),
            too_slow(30),
        ),
        "openapi_extra": {
            "requestBody": {
                "content": {
                    "application/json": {
                        "examples": {name: {"value": body} for name, body in examples.REQUESTS[task].items()}
                    }
                }
            }
        },
    }


_NAN = refusal(BadValue("history[0].kwh[3]", "a finite number", float("nan")))
_UNKNOWN_METER = refusal(UnknownMeter(["M-99"], 64))
FORECAST = _question(
    "forecasting",
    "Forecast one meter or many",
    ForecastRequest,
    _NAN,
    _UNKNOWN_METER,
    refusal(NotEnoughHistory("M-17", "3 readings", "at least two days of readings", FALLBACK)),
)
ANOMALIES = _question(
    "anomaly",
    "Judge readings of one meter or many",
    AnomalyRequest,
    _NAN,
    refusal(BadValue("since", "at most 31 days before 2026-03-29T00:00:00+00:00", "2025-03-29T00:00:00+00:00")),
    _UNKNOWN_METER,
)
RISK = _question(
    "maintenance",
    "Judge one piece of equipment or many",
    RiskRequest,
    refusal(BadValue("assets[0].installed_on", "a date of the calendar from 1970 on, such as 2026-03-29", "30.2.2020")),
    refusal(UnknownAsset(["D-99"], 1_000)),
)
QUALITY = _question(
    "quality",
    "Judge days of one meter or many",
    QualityRequest,
    _NAN,
    refusal(BadValue("last", "a date from first on (2026-03-29)", "2026-03-28")),
    _UNKNOWN_METER,
)
HEALTH: dict[str, Any] = {
    "summary": "Live? Ready?",
    "responses": {
        **_ok({"live": True, "ready": True, "models": [examples.MODEL, examples.WAITING]}),
        503: {
            "model": Health,
            "description": "not ready yet",
            "content": {"application/json": {"example": {"live": True, "ready": False, "models": [examples.WAITING]}}},
        },
        500: _errors(INTERNAL)[500],
    },
}
MODELS: dict[str, Any] = {
    "summary": "The models that answer",
    "responses": _ok([examples.MODEL]) | _errors(INTERNAL, overloaded(), too_slow(30)),
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
        api.openapi_schema = _as_3_0(_with_our_errors_only(found))
    return api.openapi_schema


def _with_our_errors_only(found: dict[str, Any]) -> dict[str, Any]:
    """Without the 422 that FastAPI announces for every route with a body: what it means is a 400 here."""
    schemas = found["components"]["schemas"]
    if schemas.pop("HTTPValidationError", None):
        schemas.pop("ValidationError", None)
    for operation in (operation for path in found["paths"].values() for operation in path.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
    return found


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
