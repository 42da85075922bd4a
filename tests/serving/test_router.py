"""Router and ingress over handles without Ray: several members, some of which fail."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.serve.exceptions import BackPressureError

from metrify.serving.args import Limits
from metrify.serving.ingress import Ingress
from metrify.serving.member import Rows
from metrify.serving.messages import AnomalyRequest, ForecastRequest
from metrify.serving.refusals import INTERNAL, Refusal, unavailable
from metrify.serving.router import Answered, Router
from tests.serving.fakes import FakeAnomalyScorer, FakeForecaster
from tests.serving.handles import Handle, Method

QUESTION = AnomalyRequest(meter_ids=["B", "A"])
UNKNOWN = Refusal(404, "unknown_meter", "Unknown meter: A.")
FULL = BackPressureError(num_queued_requests=3, max_queued_requests=3)


def rows(name: str, score: float = 4.0) -> Rows:
    return Rows(name, "kWh", FakeAnomalyScorer(name, score=score).answer(["A", "B"]))


def answered(*outcomes: Any, limits: Limits | None = None) -> Answered | Refusal:
    """What a router with a member for each outcome answers; None hangs."""
    members = {f"anomaly/m{place}@champion": Handle(answer=Method(one)) for place, one in enumerate(outcomes)}
    return asyncio.run(Router({"anomaly": members}, limits or Limits()).answer("anomaly", QUESTION))


def test_a_single_member_passes_through():
    found = answered(rows("anomaly/m0:1"))
    assert [one["meter_id"] for one in found.subjects] == ["B", "A"]
    assert found.subjects[0]["score"] == [0.5, 0.5, None, 4.0]
    assert found.members == [{"model": "anomaly/m0:1", "answered": True, "reason": None}]
    assert not found.degraded


def test_several_members_make_one_answer():
    found = answered(rows("anomaly/m0:1", 4.0), rows("anomaly/m1:2", 6.0))
    assert found.subjects[0]["model"] == "anomaly/m0:1 + anomaly/m1:2"
    assert found.subjects[0]["score"] == [0.5, 0.5, None, 5.0]
    assert not found.degraded


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (unavailable("its replicas are being replaced"), "being replaced"),
        (ZeroDivisionError("secret"), "Something failed inside"),
        (FULL, "the queue is full"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_member_that_fails_drops_out_with_a_reason(failed, why, place):
    outcomes = [rows("anomaly/ok:1")]
    outcomes.insert(place, failed)
    found = answered(*outcomes)
    assert found.degraded
    assert found.subjects[0]["model"] == "anomaly/ok:1"
    member = found.members[place]
    assert (member["model"], member["answered"]) == (f"anomaly/m{place}@champion", False)
    assert why in member["reason"]
    assert "secret" not in member["reason"]


ABSENT = unavailable("The registry holds no such model.", absent=True)


@pytest.mark.parametrize("place", [0, 1])
def test_a_member_that_the_registry_does_not_hold_is_not_missed_where_another_answers(place):
    outcomes = [rows("anomaly/ok:1")]
    outcomes.insert(place, ABSENT)
    found = answered(*outcomes)
    assert not found.degraded
    assert found.members == [{"model": "anomaly/ok:1", "answered": True, "reason": None}]
    assert found.subjects[0]["model"] == "anomaly/ok:1"


def test_where_no_member_answers_an_absent_one_is_told_last():
    assert answered(ABSENT, ABSENT) == ABSENT
    assert answered(ABSENT, FULL).error == "overloaded"


def test_a_slow_member_drops_out_and_is_cancelled():
    slow, quick = Method(None), Method(rows("anomaly/quick:1"))
    members = {"anomaly/slow@champion": Handle(answer=slow), "anomaly/quick@champion": Handle(answer=quick)}
    router = Router({"anomaly": members}, Limits(member_seconds=0.1))
    began = time.monotonic()
    found = asyncio.run(router.answer("anomaly", QUESTION))
    assert time.monotonic() - began < 2
    assert "No answer within 0.1 s" in found.members[0]["reason"]
    assert slow.responses[0].cancelled


def test_a_single_member_may_take_as_long_as_the_answer():
    found = answered(None, limits=Limits(member_seconds=0.01, answer_seconds=0.1))
    assert (found.error, found.message) == ("timeout", "No answer within 0.1 s; try again later.")


def test_when_all_fail_the_first_refusal_is_the_answer():
    assert answered(ZeroDivisionError(), FULL) == INTERNAL
    assert answered(FULL, ZeroDivisionError()).error == "overloaded"


def test_what_a_client_has_to_mend_is_refused_whoever_says_it():
    assert answered(rows("anomaly/m0:1"), UNKNOWN) == UNKNOWN
    assert answered(ZeroDivisionError(), UNKNOWN) == UNKNOWN


def test_a_task_without_a_model_is_not_ready():
    found = asyncio.run(Router({}, Limits()).answer("quality", QUESTION))
    assert (found.status, found.error) == (503, "not_ready")


def test_members_are_asked_at_the_same_time():
    together = asyncio.Barrier(2)

    class Waiting:
        def remote(self, request: AnomalyRequest) -> Any:
            async def answer() -> Rows:
                await asyncio.wait_for(together.wait(), 5)
                return rows("anomaly/m:1")

            return answer()

    members = {name: Handle(answer=Waiting()) for name in ("anomaly/a@champion", "anomaly/b@champion")}
    assert not asyncio.run(Router({"anomaly": members}, Limits()).answer("anomaly", QUESTION)).degraded


def test_router_and_ingress_hand_requests_and_refusals_on():
    request = ForecastRequest(meter_id="A")
    forecast = Rows("forecasting/fake:1", "kWh", FakeForecaster("forecasting/fake:1").answer(["A"]))
    member = Handle(answer=Method(forecast, UNKNOWN), status=Method({"ready": True}))
    router = Router({"forecasting": {"forecasting@champion": member}}, Limits())
    found = asyncio.run(router.answer("forecasting", request))
    assert found.subjects[0]["q50"] == [0.5] * 4
    assert asyncio.run(router.answer("forecasting", request)) == UNKNOWN
    assert member.answer.asked == [(request,), (request,)]
    assert asyncio.run(router.status()) == [{"ready": True}]
    ingress = Ingress(Handle(answer=Method(UNKNOWN), status=Method([])), Limits())
    assert asyncio.run(ingress.answer("forecasting", request)) == UNKNOWN
    assert asyncio.run(ingress.status()) == []


def test_a_member_that_does_not_answer_is_not_ready_in_the_status():
    silent = Handle(status=Method(ActorDiedError(), ActorDiedError()))
    (found,) = asyncio.run(Router({"forecasting": {"forecasting@champion": silent}}, Limits()).status())
    assert (found["task"], found["wanted"], found["ready"]) == ("forecasting", "forecasting@champion", False)
    assert "replaced" in found["reason"]


def test_a_member_that_was_well_a_moment_ago_counts_as_busy():
    member = Handle(status=Method({"ready": True}, FULL))
    router = Router({"forecasting": {"forecasting@champion": member}}, Limits())
    asyncio.run(router.status())
    (found,) = asyncio.run(router.status())
    assert found["ready"]
    assert "busy" in found["reason"]
