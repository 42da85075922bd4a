"""The deployment that decides which model answers a request."""

from __future__ import annotations

import asyncio
from typing import Any

from metrify.serving.args import Limits
from metrify.serving.calls import call
from metrify.serving.messages import ForecastRequest
from metrify.serving.refusals import Refusal

__all__ = ["Router"]


class Router:
    """Knows a deployment for every task."""

    def __init__(self, members: dict[str, Any], limits: Limits):
        """`members`: DeploymentHandle by task."""
        self._members = members
        self._seconds = limits.answer_seconds

    async def forecast(self, request: ForecastRequest) -> list[dict[str, Any]] | Refusal:
        """`messages.MeterForecast` of each meter in the order of the request, or why not."""
        return await call(self._members["forecasting"].answer, request, seconds=self._seconds)

    async def status(self) -> list[dict[str, Any]]:
        """`messages.ServedModel` of every task."""
        return list(await asyncio.gather(*(self._status(task) for task in self._members)))

    async def _status(self, task: str) -> dict[str, Any]:
        found = await call(self._members[task].status, seconds=self._seconds)
        return {"task": task, "ready": False, "reason": found.message} if isinstance(found, Refusal) else found
