"""Calls between deployments, with handles that fail in every way that Serve's do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.serve._private.common import DeploymentID
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from metrify.serving.args import Limits
from metrify.serving.calls import call
from metrify.serving.ingress import Ingress
from metrify.serving.messages import ForecastRequest
from metrify.serving.refusals import Refusal
from metrify.serving.router import Router


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


def called(method: Method, seconds: float = 5.0) -> Any:
    return asyncio.run(call(method, "x", seconds=seconds))


def test_an_answer_comes_back():
    assert called(Method("answer")) == "answer"


def test_a_replica_that_dies_is_replaced_by_one_more_try():
    method = Method(ActorDiedError(), "answer")
    assert called(method) == "answer"
    assert method.asked == [("x",), ("x",)]


@pytest.mark.parametrize(
    ("outcomes", "code", "later"),
    [
        ((ActorDiedError(), ActorDiedError()), "not_ready", 10),
        ((BackPressureError(num_queued_requests=3, max_queued_requests=3),), "overloaded", 1),
        ((DeploymentUnavailableError(DeploymentID("Forecasting", "metrify")),), "not_ready", 10),
    ],
)
def test_what_serve_cannot_do_becomes_a_refusal(outcomes, code, later):
    method = Method(*outcomes)
    found = called(method)
    assert isinstance(found, Refusal)
    assert (found.status, found.error, found.retry_after) == (503, code, later)
    assert not method.outcomes


def test_an_answer_that_takes_too_long_is_given_up_and_cancelled():
    method = Method(None)
    found = called(method, seconds=0.05)
    assert (found.status, found.error) == (503, "timeout")
    assert method.responses[0].cancelled


def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        called(Method(ZeroDivisionError()))


class Handle:
    def __init__(self, **methods: Method):
        self.__dict__ |= methods


def test_router_and_ingress_hand_requests_and_refusals_on():
    refused = Refusal(404, "unknown_meter", "Unknown meter: M.")
    request = ForecastRequest(meter_id="M")
    member = Handle(answer=Method([{"meter_id": "M"}], refused), status=Method({"ready": True}))
    router = Router({"forecasting": member}, Limits())
    assert asyncio.run(router.forecast(request)) == [{"meter_id": "M"}]
    assert asyncio.run(router.forecast(request)) == refused
    assert member.answer.asked == [(request,), (request,)]
    assert asyncio.run(router.status()) == [{"ready": True}]
    ingress = Ingress(Handle(forecast=Method(refused), status=Method([])), Limits())
    assert asyncio.run(ingress.forecast(request)) == refused
    assert asyncio.run(ingress.status()) == []


def test_a_member_that_does_not_answer_is_not_ready_in_the_status():
    silent = Handle(status=Method(ActorDiedError(), ActorDiedError()))
    (found,) = asyncio.run(Router({"forecasting": silent}, Limits()).status())
    assert (found["task"], found["ready"]) == ("forecasting", False)
    assert "replaced" in found["reason"]


def test_a_member_that_was_well_a_moment_ago_counts_as_busy():
    member = Handle(status=Method({"ready": True}, BackPressureError(num_queued_requests=3, max_queued_requests=3)))
    router = Router({"forecasting": member}, Limits())
    asyncio.run(router.status())
    (found,) = asyncio.run(router.status())
    assert found["ready"]
    assert "busy" in found["reason"]
