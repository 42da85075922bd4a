"""The deployment that people and systems reach: HTTP now, gRPC beside it later, one class for both."""

from __future__ import annotations

from typing import Any

from metrify.serving.args import Limits
from metrify.serving.calls import call
from metrify.serving.guard import App, Guard
from metrify.serving.messages import MeterRequest, RiskRequest
from metrify.serving.refusals import Refusal
from metrify.serving.router import PROBE, Answered
from metrify.serving.routes import make_api

__all__ = ["Ingress"]

HOP = 1.0
"""What the router may take on top of a model [s]."""


class Ingress:
    """Takes requests in, hands them to the router."""

    docs_path = "/docs"
    """Ray's dashboard links to it"""

    def __init__(self, router: Any, limits: Limits):
        """`router`: DeploymentHandle of the router."""
        self._router = router
        self._limits = limits

    def __serve_build_asgi_app__(self) -> App:
        return Guard(make_api(self, self._limits), self._limits.max_body_bytes, self._limits.body_seconds)

    async def answer(self, task: str, request: MeterRequest | RiskRequest) -> Answered | Refusal:
        """What the models of the task answer together, or why not."""
        return await call(self._router.answer, task, request, seconds=self._limits.answer_seconds + HOP)

    async def status(self) -> list[dict[str, Any]] | Refusal:
        """`messages.ServedModel` of every model, or why not."""
        return await call(self._router.status, seconds=PROBE + HOP)
