"""What the deployments of all tasks share, shown with the one that forecasts: a plain object over fakes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from metrify.serving.args import ServeArgs
from metrify.serving.columns import render
from metrify.serving.forecasting import Forecasting
from metrify.serving.messages import ForecastRequest, MeterForecast, ServedModel
from metrify.serving.refusals import Refusal
from tests.serving.fakes import FakeSource

NEVER = 3600.0


@contextmanager
def replica(source: FakeSource, refresh_seconds: float = NEVER) -> Iterator[Forecasting]:
    made = Forecasting(source, ServeArgs(refresh_seconds=refresh_seconds))
    yield made
    made.stop()


def answer(made: Forecasting, **fields: object) -> list[dict] | Refusal:
    request = ForecastRequest.model_validate(fields)
    found = asyncio.run(made.answer(request))
    return found if isinstance(found, Refusal) else render("forecasting", found.frame, request.ids, found.unit)


def status(made: Forecasting) -> ServedModel:
    return ServedModel.model_validate(asyncio.run(made.status()))


def until(condition, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_answers_keep_the_order_of_the_request():
    with replica(FakeSource()) as made:
        found = answer(made, meter_ids=["B", "A"])
    assert [MeterForecast.model_validate(one).meter_id for one in found] == ["B", "A"]
    assert found[0]["issue_time"] == found[0]["timestamp"][0] == "2026-03-29T00:00:00Z"
    assert found[0]["interval_minutes"] == 30
    assert found[0]["model"] == "forecasting/fake:1"
    assert found[0]["reason"] is None


def test_issue_time_and_history_reach_the_forecaster():
    history = {"meter_id": "new", "start": "2026-03-27T00:00:00Z", "interval_minutes": 30, "kwh": [1, None, 3]}
    with replica(FakeSource()) as made:
        (found,) = answer(made, meter_id="new", issue_time="2026-03-27T03:30:00+02:00", history=history)
    assert found["issue_time"] == "2026-03-27T01:30:00Z"
    assert found["q50"] == [2.0] * 4


@pytest.mark.parametrize(
    ("fields", "status_code", "code", "field", "fallback"),
    [
        ({"meter_ids": ["A", "X"]}, 404, "unknown_meter", "meter_ids", None),
        ({"meter_id": "A", "horizon": "7min"}, 400, "bad_value", "horizon", None),
        (
            {"meter_id": "silent", "allow_fallback": False},
            422,
            "not_enough_history",
            "meter_ids",
            "forecasting/seasonal",
        ),
    ],
)
def test_errors_become_refusals(fields, status_code, code, field, fallback):
    with replica(FakeSource()) as made:
        found = answer(made, **fields)
    assert (found.status, found.error, found.field, found.fallback) == (status_code, code, field, fallback)


def test_a_fallback_says_so():
    with replica(FakeSource()) as made:
        (found,) = answer(made, meter_id="silent")
    assert found["reason"] == "forecasting/seasonal: 3 readings"


def test_the_model_is_loaded_and_warm_before_the_replica_is_ready():
    source = FakeSource()
    with replica(source) as made:
        assert source.loads == ["forecasting/fake:1"]
        found = status(made)
    assert (found.ready, found.model, found.meters, found.lake_version) == (True, "forecasting/fake:1", 3, 7)
    assert (found.unit, found.metrics, found.aliases) == ("kWh", {"wape": 0.42}, ["champion"])
    assert str(found.data_until) == "2026-03-29 00:00:00+00:00"


def test_without_a_champion_it_waits_for_one():
    source = FakeSource(name="")
    with replica(source, refresh_seconds=0.02) as made:
        refused = answer(made, meter_id="A")
        assert (refused.status, refused.error, refused.retry_after) == (503, "not_ready", 10)
        assert "metrify train forecasting" in refused.message
        assert refused.absent
        assert (status(made).ready, status(made).absent) == (False, True)
        source.name = "forecasting/fake:1"
        assert until(lambda: status(made).ready)
        assert isinstance(answer(made, meter_id="A"), list)


def test_a_promoted_model_replaces_the_old_one():
    source = FakeSource()
    with replica(source, refresh_seconds=0.02) as made:
        source.name = "forecasting/fake:2"
        assert until(lambda: answer(made, meter_id="A")[0]["model"] == "forecasting/fake:2")
        assert source.loads == ["forecasting/fake:1", "forecasting/fake:2"]


def test_new_readings_are_loaded_without_loading_the_model_again():
    source = FakeSource()
    with replica(source, refresh_seconds=0.02) as made:
        assert until(lambda: source.served.scorer.refreshed > 2)
        assert source.loads == ["forecasting/fake:1"]
        made.check_health()


@pytest.mark.parametrize("lost", ["", "crash"])
def test_the_old_model_goes_on_answering_when_the_new_cannot_be_had(lost):
    source = FakeSource()
    with replica(source, refresh_seconds=0.02) as made:
        source.name = lost
        assert until(lambda: status(made).reason is not None)
        assert status(made).ready
        assert answer(made, meter_id="A")[0]["model"] == "forecasting/fake:1"
        source.name = "forecasting/fake:1"
        assert until(lambda: status(made).reason is None)
        made.check_health()


def test_serve_ends_watcher_and_threads_and_a_replica_without_them_is_sick():
    made = Forecasting(FakeSource(), ServeArgs(refresh_seconds=NEVER))
    assert isinstance(answer(made, meter_id="A"), list)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith(made.task)]
    made.__del__()  # as Serve does, which holds the replica still
    assert threads
    assert until(lambda: not made._watcher.is_alive() and not any(thread.is_alive() for thread in threads))
    with pytest.raises(RuntimeError, match="watcher"):
        made.check_health()


def test_a_replica_that_could_not_start_is_taken_away_quietly():
    with pytest.raises(ZeroDivisionError):
        Forecasting(FakeSource(name="crash"), ServeArgs(refresh_seconds=NEVER))
