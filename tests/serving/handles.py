"""Handles of deployments without Ray, which answer, fail or hang as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class Response:
    """A DeploymentResponse: awaited for the outcome, or cancelled."""

    def __init__(self, outcome: Callable[[], Awaitable[Any]]):
        self.outcome = outcome
        self.cancelled = False

    def __await__(self):
        return self.outcome().__await__()

    def cancel(self) -> None:
        self.cancelled = True


class Method:
    """A method of a handle, with one outcome per call: a value, an exception to raise, or None to hang."""

    def __init__(self, *outcomes: Any):
        self.outcomes = list(outcomes)
        self.responses: list[Response] = []
        self.asked: list[tuple[Any, ...]] = []

    def remote(self, *args: Any) -> Response:
        self.asked.append(args)
        outcome = self.outcomes.pop(0)

        async def answer() -> Any:
            if outcome is None:
                await asyncio.sleep(60)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        self.responses.append(Response(answer))
        return self.responses[-1]


class Handle:
    """A DeploymentHandle with these methods."""

    def __init__(self, **methods: Method):
        self.__dict__ |= methods
