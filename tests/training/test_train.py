"""Training as a job: what a version says it was made of, and which settings of a search may be used for what."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrify.errors import BadValue, TooLittle, UnknownName
from metrify.features.origin import Origin
from metrify.lake.tables import Lake
from metrify.registry import Registry
from metrify.schema import FEATURE, READING
from metrify.settings import Workspace
from metrify.training import train as steps
from metrify.training.backtest import holdout
from metrify.training.forecasting import ForecastingTask
from metrify.training.train import find_settings, found_settings, train
from tests.features.test_build import readings
from tests.training.fleet import meters_rows, put_features

FAMILY = "forecasting/seasonal"
UNTIL = np.datetime64("2013-04-20", "s")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to make one."""
    workspace = Workspace.open(tmp_path_factory.mktemp("mlflow"))
    _ = Registry(workspace).client
    return workspace.home / "mlflow.db"


@pytest.fixture
def fleet(workspace: Workspace, empty_database: Path) -> Workspace:
    shutil.copy(empty_database, workspace.home / "mlflow.db")
    Lake(workspace).upsert(READING, readings("m1", 60, days=2))
    put_features(workspace)
    return workspace


def kept(workspace: Workspace, until: str) -> None:
    folder = workspace.folder(workspace.checkpoints / "search" / "forecasting.seasonal")
    (folder / "best.json").write_text(json.dumps({"settings": {"days": 28}, "wape": 0.4, "until": until}))


def test_lineage_names_the_lake_as_the_build_read_it(fleet: Workspace) -> None:
    lake = Lake(fleet)
    before = lake.version(READING)
    lake.upsert(READING, readings("m2", 60, days=2))
    assert lake.version(READING) > before
    version = train(fleet, ForecastingTask.of(fleet), FAMILY, {}, until=UNTIL, measured={"wape": 0.4}).version
    assert version.lineage is not None
    assert version.lineage.lake == {**Origin.of_features(fleet).lake, "FEATURE": lake.version(FEATURE)}
    assert version.lineage.lake["READING"] == before
    assert version.lineage.settings["features"]["forecasting"]["horizon"] == "1d"
    assert version.metrics == {"wape": 0.4}


def test_features_of_another_horizon_teach_and_search_nothing(fleet: Workspace) -> None:
    (fleet.home / "settings.toml").write_text('[forecasting]\nhorizon = "2d"\n')
    changed = Workspace.open(fleet.home)
    with pytest.raises(BadValue, match=r"horizon.*metrify features build"):
        train(changed, ForecastingTask(meters_rows()), FAMILY, {}, until=UNTIL)
    with pytest.raises(BadValue, match=r"horizon.*metrify features build"):
        ForecastingTask.of(changed)


def test_settings_of_no_search_are_asked_for_with_the_verb(workspace: Workspace) -> None:
    with pytest.raises(BadValue, match="metrify search forecasting/seasonal"):
        found_settings(workspace, FAMILY)
    with pytest.raises(UnknownName, match="forecasting/seasonal"):
        found_settings(workspace, "forecasting/seasonel")


def test_settings_that_were_chosen_inside_a_test_are_refused_there(workspace: Workspace) -> None:
    kept(workspace, "2013-11-01T00:00:00")
    found = found_settings(workspace, FAMILY)
    assert found.before(np.datetime64("2013-11-01", "s")) == {"days": 28}
    with pytest.raises(BadValue, match=r"metrify search forecasting/seasonal --until 2013-10-31"):
        found.before(np.datetime64("2013-10-31", "s"))


def test_a_search_without_a_finished_trial_keeps_what_the_last_one_found(
    fleet: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(fleet, "2013-04-01T00:00:00")
    monkeypatch.setattr(steps, "search", nothing_found)
    result = find_settings(fleet, ForecastingTask(meters_rows()), FAMILY, until=UNTIL, valid_days=7)
    assert math.isnan(result.value)
    assert found_settings(fleet, FAMILY).settings == {"days": 28}


def nothing_found(*args, **options) -> steps.SearchResult:
    trials = {"trial": [0], "state": ["out of time"], "seconds": [1.0], "reports": [0], "error": [""], "settings": [{}]}
    return steps.SearchResult(FAMILY, {"days": 7}, "wape", math.nan, pd.DataFrame(trials), "seconds")


def test_a_holdout_is_the_last_fifth_of_what_was_known() -> None:
    rows = meters_rows()
    found = holdout(ForecastingTask(rows), FAMILY, {}, until=UNTIL)
    assert found.test_until <= UNTIL
    issues = np.unique(rows["issue_time"][rows["issue_time"] < UNTIL])
    tested = issues[issues >= found.test_from]
    assert tested.size == pytest.approx(issues.size / 5, abs=1)
    assert 0 < found.metrics["wape"] < 1
    assert found.seconds > 0
    assert all(math.isfinite(value) for value in found.metrics.values())
    changed = rows.assign(target=rows["target"].where(rows["timestamp"] < UNTIL, 99.0))
    again = holdout(ForecastingTask(changed), FAMILY, {}, until=UNTIL)
    assert again.metrics == found.metrics


def test_a_holdout_is_no_longer_than_four_weeks() -> None:
    rows = meters_rows()
    later = [np.timedelta64(60 * part, "D") for part in range(3)]
    long = [rows.assign(**{name: rows[name] + by for name in ("issue_time", "timestamp")}) for by in later]
    late = holdout(ForecastingTask(pd.concat(long)), FAMILY, {}, until=np.datetime64("2014-01-01", "s"))
    assert (late.test_until - late.test_from) / np.timedelta64(1, "D") <= ForecastingTask.holdout_days


def test_too_little_for_a_holdout_is_said() -> None:
    with pytest.raises(TooLittle, match="at least two moments"):
        holdout(ForecastingTask(meters_rows()), FAMILY, {}, until=np.datetime64("2013-03-01", "s"))
