"""The tasks beside forecasting: who teaches, who is examined, and that nothing is known before its time."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrify.errors import EmptyTable, OneClass, UnknownName
from metrify.lake.tables import Lake
from metrify.models.catalog import ANSWERS, FAMILIES
from metrify.models.catalog import league as rivals_of
from metrify.registry import Registry
from metrify.sample.simulator import load, load_devices, simulate, simulate_devices
from metrify.schema import ASSET, EVENT
from metrify.settings import Workspace
from metrify.training.anomaly import METERING, AnomalyTask, MeteringTask, with_verdicts
from metrify.training.backtest import backtest, holdout
from metrify.training.maintenance import MaintenanceTask
from metrify.training.meters import split_meters
from metrify.training.quality import QualityTask
from metrify.training.split import folds
from metrify.training.task import of_task
from metrify.training.train import train

DAY = np.timedelta64(1, "D")
TAUGHT = ("anomaly", "maintenance", "quality", "quality/outlier")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Twelve simulated meters over a hundred days, and 150 device histories."""
    workspace = Workspace.open(tmp_path_factory.mktemp("fleet") / "home")
    load(workspace, simulate(12, 100, 5))
    load_devices(workspace, simulate_devices(150, 6, 5))
    return workspace


@pytest.fixture(scope="module")
def anomaly(fleet: Workspace) -> AnomalyTask:
    return AnomalyTask.of(fleet)


def test_each_meter_is_for_learning_or_for_the_exam_whoever_joins() -> None:
    few = [f"m{number}" for number in range(40)]
    split = split_meters(few, exam_share=0.3, most_learn=100, most_exam=100)
    assert sorted(split.learn + split.exam) == sorted(few)
    assert 4 <= len(split.exam) <= 20
    more = split_meters([*few, "another"], exam_share=0.3, most_learn=100, most_exam=100)
    assert set(split.exam) <= set(more.exam)
    assert set(split.learn) <= set(more.learn)
    assert split_meters(["alone"], exam_share=0.3, most_learn=9, most_exam=9) == type(split)(["alone"], ["alone"])
    assert len(split_meters(few, exam_share=0.3, most_learn=5, most_exam=2).learn) == 5


def test_an_exam_of_anomalies_asks_about_unseen_meters_and_knows_the_faults(anomaly: AnomalyTask) -> None:
    first = anomaly.moments[-20]
    exam, learned = anomaly.exam(first, anomaly.end), anomaly.known_at(first)
    assert not set(exam["meter_id"]) & set(learned["meter_id"])
    assert learned["timestamp"].max() < first <= exam["timestamp"].min()
    assert set(exam["kind"]) == {"", "spike", "stuck", "drop"}
    assert ((exam["target"] == 1) == (exam["event"] != "")).all()
    spikes = exam[exam["kind"] == "spike"]
    assert (spikes["value"] > 3 * spikes["usual"]).mean() > 0.9
    again = anomaly.exam(first, anomaly.end)
    pd.testing.assert_frame_equal(exam, again)


def test_an_exam_sees_nothing_after_its_end(anomaly: AnomalyTask) -> None:
    first = anomaly.moments[-20]
    short = anomaly.exam(first, anomaly.end, known_at=first + 5 * DAY)
    assert short["timestamp"].max() < first + 5 * DAY


def test_the_alert_budget_decides_and_without_one_the_family(anomaly: AnomalyTask) -> None:
    rows = pd.DataFrame({"step_minutes": np.int32([60, 30, 60])})
    answers = pd.DataFrame({"score": [3.05, 3.05, np.nan], "verdict": [False, True, True]})
    assert with_verdicts(answers, rows, 24.0)["verdict"].tolist() == [True, False, False]
    assert with_verdicts(answers, rows, 0.0)["verdict"].tolist() == [False, True, True]


def test_a_day_teaches_once_the_next_was_over(fleet: Workspace) -> None:
    task = QualityTask.of(fleet)
    moment, grace = task.moments[30], np.timedelta64(24, "h")
    known = task.known_at(moment)
    assert known["local_date"].max() + 2 * DAY + grace <= moment
    assert (known["issue_time"] + DAY <= moment).all()  # the next day's grace is over
    exam = task.exam(moment, task.end, known_at=moment + 9 * DAY)
    assert exam["local_date"].min() >= moment
    assert exam["local_date"].max() + 2 * DAY + grace <= moment + 9 * DAY
    assert (task.judged_by(moment) + 2 * DAY + grace <= moment).all()
    assert set(exam["target"]) == {0.0, 1.0}


def test_the_grace_of_the_settings_is_waited_for(fleet: Workspace, tmp_path: Path) -> None:
    home = shutil.copytree(fleet.home, tmp_path / "hasty")
    (home / "settings.toml").write_text("[quality]\ngrace_hours = 1\n")
    patient, hasty = QualityTask.of(fleet), QualityTask.of(Workspace.open(home))
    assert patient.end - hasty.end == np.timedelta64(23, "h")
    assert (patient.rows["issue_time"] - hasty.rows["issue_time"]).unique().tolist() == [pd.Timedelta(hours=23)]
    assert (hasty.rows["target"] >= patient.rows["target"])[patient.rows["target"].notna()].all()
    assert len(hasty.known_at(patient.moments[30])) >= len(patient.known_at(patient.moments[30]))


def test_bad_data_is_examined_by_faults_of_the_metering(fleet: Workspace) -> None:
    task = of_task(fleet, "quality/outlier")
    assert isinstance(task, MeteringTask)
    assert task.name == "quality"
    exam = task.exam(task.moments[-20], task.end)
    assert set(exam["kind"]) - {""} <= set(METERING.kinds)
    assert exam["shape_fit"].notna().mean() > 0.8
    assert type(of_task(fleet, "anomaly/zscore")) is AnomalyTask


def test_equipment_teaches_once_its_horizon_was_over(fleet: Workspace) -> None:
    task = MaintenanceTask.of(fleet)
    horizon = fleet.settings.maintenance.horizon_days * DAY
    moment = task.moments[-6]
    assert task.known_at(moment)["as_of"].max() + horizon <= moment
    assert task.exam(moment, task.end)["as_of"].min() >= moment
    assert task.exam(moment, task.end, known_at=moment).empty
    assert task.judged_by(task.end).tolist() == task.moments.tolist()
    (fold,) = folds(task.moments, train_until=moment, test_until=None)
    late = backtest(task, {"maintenance/failure": {"n_estimators": 5}}, [fold])
    assert set(late.league["family"]) == {"maintenance/failure", "the fleet's rate", "the rate of its age"}


@pytest.mark.parametrize("name", TAUGHT)
def test_every_family_is_measured_trained_and_registered(fleet: Workspace, name: str) -> None:
    task = of_task(fleet, name)
    for family in rivals_of(name):
        held = holdout(task, family, {}, until=task.end)
        assert held.metrics[task.metric] > 0
        assert held.test_from < held.test_until
        trained = train(fleet, task, family, {}, until=task.end, measured=held.metrics)
        version = Registry(fleet).version(family, trained.version.version)
        assert version.metrics == held.metrics
        assert version.lineage is not None
        assert version.lineage.rows == trained.rows == len(task.known_at(task.end))
        assert all(number >= 0 for table, number in version.lineage.lake.items() if table in {"READING", "ASSET"})


@pytest.mark.parametrize("name", TAUGHT)
def test_a_league_has_baselines_that_are_scored_alike(fleet: Workspace, name: str) -> None:
    task = of_task(fleet, name)
    entrants = {family: {} for family in rivals_of(name)}
    league = backtest(task, entrants, folds(task.moments, train_until=None, test_until=None)).league
    assert set(league["role"]) == {"entrant", "baseline"}
    assert league[task.metric].is_monotonic_increasing == (task.mode == "min")
    assert set(task.shown) <= set(league.columns)
    assert set(task.measured) <= set(task.shown)
    best, rivals = (league.loc[league["role"] == role, task.metric] for role in ("entrant", "baseline"))
    # twelve meters are few: a learned family must come near the best baseline, and be ahead of the worst
    if task.mode == "max":
        assert best.max() > rivals.max()
    else:
        assert best.min() < min(1.05 * rivals.min(), rivals.max())


@pytest.mark.parametrize("name", [*ANSWERS, *(name for name in FAMILIES if name.startswith("quality/"))])
def test_an_empty_lake_says_what_is_missing(workspace: Workspace, name: str) -> None:
    with pytest.raises(EmptyTable, match="metrify"):
        of_task(workspace, name)


def test_a_history_without_a_failure_teaches_nothing_and_says_so(workspace: Workspace) -> None:
    histories = simulate_devices(30, 4, 1)
    events = histories.events.filter(
        [kind not in {"failure", "replacement"} for kind in histories.events["kind"].to_pylist()]
    )
    Lake(workspace).upsert(ASSET, histories.assets.drop_columns(["retired_on"]))
    Lake(workspace).upsert(EVENT, events)
    task = MaintenanceTask.of(workspace)
    with pytest.raises(OneClass, match=r"maintenance/failure.*failure"):
        train(workspace, task, "maintenance/failure", {}, until=task.end)


def test_a_task_that_does_not_exist_is_named_with_the_nearest(workspace: Workspace) -> None:
    with pytest.raises(UnknownName, match="Did you mean anomaly"):
        of_task(workspace, "anomalie")


def test_the_truth_of_the_simulator_is_not_in_the_lake(fleet: Workspace) -> None:
    assert not [path for path in Path(fleet.lake).rglob("*") if "fault" in path.name or "hazard" in path.name]
