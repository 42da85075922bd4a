"""Calls between deployments, with handles that fail in every way that Serve's do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.serve._private.common import DeploymentID
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from metrify.serving.calls import call
from metrify.serving.refusals import Refusal
from tests.serving.handles import Method


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
