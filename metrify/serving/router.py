"""The deployment that decides which model answers a request."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from metrify.serving.args import Limits
from metrify.serving.calls import call
from metrify.serving.messages import ForecastRequest
from metrify.serving.refusals import Refusal

__all__ = ["Router"]

PROBE = 3.0
"""How long a model may take to say how it is [s]."""
FRESH = 30.0
"""How long its last word counts: one that is too busy to say how it is, is still well [s]."""


class Router:
    """Knows a deployment for every task."""

    def __init__(self, members: dict[str, Any], limits: Limits):
        """`members`: DeploymentHandle by task."""
        self._members = members
        self._seconds = limits.answer_seconds
        self._seen: dict[str, tuple[float, dict[str, Any]]] = {}

    async def forecast(self, request: ForecastRequest) -> list[dict[str, Any]] | Refusal:
        """`messages.MeterForecast` of each meter in the order of the request, or why not."""
        return await call(self._members["forecasting"].answer, request, seconds=self._seconds)

    async def status(self) -> list[dict[str, Any]]:
        """`messages.ServedModel` of every task."""
        return list(await asyncio.gather(*(self._status(task) for task in self._members)))

    async def _status(self, task: str) -> dict[str, Any]:
        found = await call(self._members[task].status, seconds=PROBE)
        now = time.monotonic()
        if not isinstance(found, Refusal):
            self._seen[task] = now, found
            return found
        when, last = self._seen.get(task, (-math.inf, {}))
        if now - when < FRESH:
            return last | {"reason": found.message}
        return {"task": task, "ready": False, "reason": found.message}
