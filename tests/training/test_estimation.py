"""Estimation as a task: gaps that were cut out, by the time at which they are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from metrify.features.sources import Validated
from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.schema import EVENT, METER, READING
from metrify.settings import Workspace
from metrify.training.backtest import backtest
from metrify.training.estimation import EXAM, EstimationTask, judge, teachers
from metrify.training.journal import fingerprint
from metrify.training.split import folds
from metrify.training.task import task_class
from metrify.vee.ladder import UNFIT
from metrify.vee.rules import RULES
from tests.vee.test_gather import rows

DAYS = 120
START = np.datetime64("2013-03-01", "s")
DAY = np.timedelta64(86400, "s")


def group(names: list[str], step: int = 60, seed: int = 1) -> Validated:
    random = np.random.default_rng(seed)
    slots = 1440 // step
    hours = np.arange(DAYS * slots) % slots
    shape = 0.4 + 0.3 * np.sin(2 * np.pi * (hours / slots - 0.5)) ** 2
    values = (shape * random.gamma(8.0, 1 / 8, (len(names), len(hours)))).astype(np.float32)
    values[0, 30 * slots : 31 * slots] = np.nan
    panel = Panel(np.array(names), START, step, values)
    flags = np.zeros(values.shape, np.uint32)
    flags[-1, 500:510] = np.uint32(1 << 4)  # a spike
    meters = pd.DataFrame({"zone": None, "country": None, "subdivision": None}, index=names)
    return Validated(panel, flags, flags, Calendar("Europe/London", "GB"), meters, None)


@pytest.fixture
def task(workspace: Workspace) -> EstimationTask:
    return EstimationTask(workspace, (group(["a", "b", "c"]),))


def around(task: EstimationTask, rows: pd.DataFrame) -> Panel:
    history = task.batch(rows).history
    assert history is not None
    return history


def test_a_family_of_estimates_is_taught_by_this_task() -> None:
    assert task_class("quality/imputer") is EstimationTask
    assert task_class("quality/denoiser") is EstimationTask
    assert task_class("quality") is not EstimationTask


def test_the_target_is_what_stood_there_and_nothing_flagged_is_one(task: EstimationTask) -> None:
    rows, found = task.known_at(task.end), task.groups[0]
    assert rows["target"].notna().all()
    column = ((rows["timestamp"].to_numpy() - START) // np.timedelta64(3600, "s")).astype(int)
    meter = pd.Index(found.raw.meter_ids).get_indexer(rows["meter_id"])
    assert (found.raw.values[meter, column] == rows["target"].to_numpy(np.float32)).all()
    assert not (found.flags[meter, column] > 0).any()
    assert set(rows["gap_hours"]) >= {1, 2, 3, 6, 12, 24}
    assert rows["cut"].nunique() > 1
    assert not rows[rows["cut"] == 0].duplicated(["meter_id", "timestamp"]).any()


def test_what_comes_after_a_moment_teaches_nothing(task: EstimationTask) -> None:
    moment = START + 80 * DAY
    rows = task.known_at(moment)
    assert rows["timestamp"].max() < moment
    assert (rows["issue_time"] == moment).all()
    found = task.groups[0]
    later = found.raw.values.copy()
    later[:, 80 * 24 :] = 77
    other = replace(task, groups=(replace(found, raw=found.raw.replace(later)),))
    pd.testing.assert_frame_equal(other.known_at(moment), rows)
    exam = task.exam(moment, moment + 20 * DAY)
    assert exam["timestamp"].min() >= moment
    assert exam["timestamp"].max() < moment + 20 * DAY
    assert task.exam(moment, moment + 20 * DAY, known_at=moment + 10 * DAY)["timestamp"].max() < moment + 10 * DAY


def test_a_reading_that_came_late_is_not_known_before(task: EstimationTask) -> None:
    found = task.groups[0]
    available = np.zeros(found.raw.values.shape, np.int64)
    available[1, 1000:1400] = (START + 100 * DAY).astype(np.int64)
    late = replace(task, groups=(replace(found, available=available),))
    before, after = (around(late, late.known_at(START + days * DAY)).values[1, 1000:1400] for days in (80, 110))
    assert np.isnan(before).all()
    assert np.isfinite(after).any()


def test_a_batch_holds_the_readings_around_but_not_those_asked_for(task: EstimationTask) -> None:
    exam = task.exam(START + 80 * DAY, task.end)
    batch, history = task.batch(exam.drop(columns="target")), around(task, exam)
    column = ((exam["timestamp"].to_numpy() - history.start) // np.timedelta64(3600, "s")).astype(int)
    meter = pd.Index(history.meter_ids).get_indexer(exam["meter_id"])
    assert np.isnan(history.values[meter, column]).all()
    assert history.mask.mean() > 0.5
    assert batch.meters is not None
    assert set(batch.meters["zone"]) == {"Europe/London"}
    assert fingerprint(batch) == fingerprint(task.batch(exam.drop(columns="target")))


def test_the_same_seed_asks_the_same_and_another_asks_elsewhere(task: EstimationTask) -> None:
    first = START + 80 * DAY
    pd.testing.assert_frame_equal(task.exam(first, task.end), task.exam(first, task.end))
    other = replace(task, seed=1).exam(first, task.end)
    assert not other["timestamp"].equals(task.exam(first, task.end)["timestamp"])


def test_a_fleet_of_mixed_interval_lengths_is_asked_as_a_whole(workspace: Workspace) -> None:
    mixed = EstimationTask(workspace, (group(["a", "b"]), group(["q"], step=15, seed=2)))
    exam = mixed.exam(START + 90 * DAY, mixed.end)
    assert set(exam["meter_id"]) == {"a", "b", "q"}
    assert around(mixed, exam).step_minutes == 15  # most rows are of that meter


def test_an_interval_that_a_family_leaves_to_the_ladder_counts_as_the_ladder_does(task: EstimationTask) -> None:
    exam = task.exam(START + 80 * DAY, task.end)
    nothing = exam[["meter_id", "timestamp"]].assign(value=np.nan, low=np.nan, high=np.nan, reason="no")
    rung = nothing.assign(value=exam["ladder"])
    assert judge(nothing, exam)["wape"] == pytest.approx(judge(rung, exam)["wape"])
    assert judge(nothing, exam)["answered"] == 0
    perfect = nothing.assign(value=exam["target"], low=exam["target"] - 1, high=exam["target"] + 1)
    told = judge(perfect, exam)
    assert told["wape"] == pytest.approx(0, abs=1e-6)
    assert (told["coverage_80"], told["answered"]) == (1.0, 1.0)
    assert set(task.measured) <= set(told)


def test_the_league_has_every_rung_and_the_family_is_ahead_of_the_ladder(task: EstimationTask) -> None:
    quick = {"quality/imputer": {"n_estimators": 40, "min_data_in_leaf": 20, "threads": 2}}
    found = backtest(task, quick, folds(task.moments, train_until=None, test_until=None)).league
    rungs = {"the ladder", "linear", "like_days", "two_weeks", "class_profile"}
    assert set(found["family"]) == {"quality/imputer", *rungs}
    wape = found.set_index("family")["wape"]
    assert wape["quality/imputer"] < min(wape["the ladder"], wape["linear"], wape["like_days"])
    assert found["wape"].is_monotonic_increasing
    assert set(EXAM) == {1, 6, 24, 72}


def test_readings_of_an_outage_or_a_wrong_clock_teach_nothing(task: EstimationTask) -> None:
    """They are flagged and yet trusted: what the ladder makes no estimate of, the imputer does not learn."""
    found = task.groups[0]
    hindsight = found.hindsight.copy()
    bits = {rule.name: rule.bit for rule in RULES}
    for row, rule in enumerate(bits[UNFIT[row % len(UNFIT)]] for row in range(3)):
        hindsight[row, 1000:1400] |= np.uint32(1 << rule)
    wrong = replace(task, groups=(replace(found, hindsight=hindsight),))
    inside = lambda rows: rows["timestamp"].between(*(found.raw.times[[1000, 1399]]))  # noqa: E731
    assert inside(task.known_at(task.end)).any()
    assert not inside(wrong.known_at(wrong.end)).any()
    assert not inside(wrong.exam(START + 50 * DAY, START + 75 * DAY)).any()
    assert np.isfinite(wrong.groups[0].truth.values[:, 1000:1400]).any()


def test_the_readings_that_teach_are_told_of_by_these_rules(workspace: Workspace) -> None:
    """Outages are read from the lake."""
    begin, hour = datetime(2013, 3, 1, tzinfo=UTC), timedelta(hours=1)
    kwh = 0.2 + np.random.default_rng(3).gamma(4, 0.1, 24 * 30)
    read = [{"meter_id": "a", "timestamp": begin + h * hour, "kwh": float(v)} for h, v in enumerate(kwh)]
    lake = Lake(workspace)
    lake.upsert(READING, rows(READING, [row | {"version": 1} for row in read]))
    lake.upsert(METER, rows(METER, [{"meter_id": "a", "zone": "UTC", "valid_from": begin}]))
    told = {"event_id": "x", "subject": "meter", "subject_id": "a", "kind": "outage"}
    lake.upsert(EVENT, rows(EVENT, [told | {"timestamp": begin + 100 * hour, "until": begin + 103 * hour}]))
    (group,) = teachers(workspace, ["a"])
    assert np.flatnonzero(np.isnan(group.usable.values[0])).tolist() == [100, 101, 102]


def test_a_family_is_compared_with_the_ladder_of_the_settings(task: EstimationTask) -> None:
    first = START + 80 * DAY
    usual = task.exam(first, task.end)
    (task.workspace.home / "settings.toml").write_text("[vee]\nlinear_hours = 6\n")
    other = replace(task, workspace=Workspace.open(task.workspace.home))
    longer = other.exam(first, task.end)
    six = longer["gap_hours"] == 6
    assert (longer["ladder"] == longer["linear"])[six].all()
    assert (usual["ladder"] != usual["linear"])[six].any()
    assert (other.baselines(usual, longer)["the ladder"]["value"] == longer["ladder"]).all()


def test_profiles_are_those_of_the_customer_class(task: EstimationTask) -> None:
    found = task.groups[0]
    classes = replace(found, meters=found.meters.assign(customer_class=["home", "home", "plant"]))
    first = START + 80 * DAY
    one, two = (each.exam(first, each.end) for each in (task, replace(task, groups=(classes,))))
    plant = one["meter_id"] == "c"
    assert (one["class_profile"] != two["class_profile"])[plant].any()
    np.testing.assert_array_equal(one["like_days"], two["like_days"])
