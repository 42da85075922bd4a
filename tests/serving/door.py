"""The HTTP door over a graph of the test's own, without Ray."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx

from metrify.serving.args import Limits
from metrify.serving.guard import Guard
from metrify.serving.messages import ForecastRequest
from metrify.serving.refusals import Refusal
from metrify.serving.routes import make_api

JSON = {"content-type": "application/json"}
LIMITS = Limits(max_body_bytes=100_000, max_meters=3, max_horizon_days=7)
COLUMNS = ("mean", "q05", "q10", "q25", "q50", "q75", "q90", "q95")
READY = {"task": "forecasting", "ready": True, "reason": None, "model": "forecasting/fake:1"}


@dataclass
class FakeGraph:
    """Answers what it is told to, and remembers what it was asked."""

    answer: list[dict[str, Any]] | Refusal | Exception | None = None
    models: list[dict[str, Any]] | Refusal = field(default_factory=lambda: [READY])
    asked: list[ForecastRequest] = field(default_factory=list)

    async def forecast(self, request: ForecastRequest) -> list[dict[str, Any]] | Refusal:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return [_flat(meter) for meter in request.meters] if self.answer is None else self.answer

    async def status(self) -> list[dict[str, Any]] | Refusal:
        return self.models


def _flat(meter: str) -> dict[str, Any]:
    facts = {"meter_id": meter, "model": "forecasting/fake:1", "interval_minutes": 30, "unit": "kWh", "reason": None}
    times = {"issue_time": "2026-03-29T00:00:00Z", "timestamp": ["2026-03-29T00:00:00Z", "2026-03-29T00:30:00Z"]}
    return facts | times | {name: [0.5, None] for name in COLUMNS}


def ask(
    method: str, path: str, graph: FakeGraph | None = None, limits: Limits = LIMITS, **request: Any
) -> httpx.Response:
    """One request through guard and routes."""
    door = Guard(make_api(graph or FakeGraph(), limits), limits.max_body_bytes, limits.body_seconds)

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://door") as client:
            return await client.request(method, path, **request)

    return asyncio.run(asked())


def forecast(body: str | bytes, graph: FakeGraph | None = None, **changed: Any) -> httpx.Response:
    """POST a raw body to /v1/forecast."""
    return ask("POST", "/v1/forecast", graph, content=body, **({"headers": JSON} | changed))
