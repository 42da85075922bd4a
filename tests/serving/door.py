"""The HTTP door over a graph of the test's own, without Ray."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx

from metrify.serving import examples
from metrify.serving.args import Limits
from metrify.serving.guard import Guard
from metrify.serving.messages import MeterRequest, RiskRequest
from metrify.serving.refusals import Refusal
from metrify.serving.router import Answered
from metrify.serving.routes import make_api

JSON = {"content-type": "application/json"}
LIMITS = Limits(
    max_body_bytes=100_000,
    max_meters=3,
    max_assets=3,
    max_horizon_days=7,
    max_period_days=7,
    max_quality_days=30,
)
READY = {
    "task": "forecasting",
    "wanted": "forecasting@champion",
    "ready": True,
    "reason": None,
    "model": "forecasting/fake:1",
}
ABSENT = {"task": "quality", "wanted": "quality@champion", "ready": False, "absent": True, "reason": "no champion"}


@dataclass
class FakeGraph:
    """Answers with fakes of the scorers, or what it is told to, and remembers what it was asked."""

    answered: Refusal | Exception | None = None
    models: list[dict[str, Any]] | Refusal = field(default_factory=lambda: [READY])
    asked: list[Any] = field(default_factory=list)

    async def answer(self, task: str, request: MeterRequest | RiskRequest) -> Answered | Refusal:
        self.asked.append(request)
        if isinstance(self.answered, Exception):
            raise self.answered
        return _flat(task, request.ids) if self.answered is None else self.answered

    async def status(self) -> list[dict[str, Any]] | Refusal:
        return self.models


def _flat(task: str, ids: list[str]) -> Answered:
    found = examples.ANSWERS[task]
    (subject,) = next(value for key, value in found.items() if key not in ("request_id", "degraded", "members"))
    key = next(iter(subject))
    return Answered([subject | {key: name} for name in ids], found["members"])


def ask(
    method: str, path: str, graph: FakeGraph | None = None, limits: Limits = LIMITS, **request: Any
) -> httpx.Response:
    """One request through guard and routes."""
    door = Guard(make_api(graph or FakeGraph(), limits), limits.max_body_bytes, limits.body_seconds)

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://door") as client:
            return await client.request(method, path, **request)

    return asyncio.run(asked())


def post(path: str, body: str | bytes, graph: FakeGraph | None = None, **changed: Any) -> httpx.Response:
    """POST a raw body."""
    return ask("POST", path, graph, content=body, **({"headers": JSON} | changed))


def forecast(body: str | bytes, graph: FakeGraph | None = None, **changed: Any) -> httpx.Response:
    """POST a raw body to /v1/forecast."""
    return post("/v1/forecast", body, graph, **changed)
