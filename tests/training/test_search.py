from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from metrify.errors import BadValue, ClusterError, SearchFailed
from metrify.training.search import Progress, search
from tests.ridge import (
    BrittleForecaster,
    BrokenForecaster,
    PlainForecaster,
    RidgeForecaster,
    SlowForecaster,
    SteadyForecaster,
    batches,
    judge,
)

pytestmark = pytest.mark.usefixtures("ray_session")
TRAIN, VALID = batches()
DEFAULTS = {"rate": 0.05, "penalty": 0.0, "steps": 40, "shape": "line"}


def judge_and_look(answers: pd.DataFrame, rows: pd.DataFrame) -> dict[str, float]:
    heavy = {"tensorflow", "torch", "mlflow"} & set(sys.modules)
    return {**judge(answers, rows), "heavy_imports": float(len(heavy)), "worker": float(os.getpid())}


def judge_never(answers: pd.DataFrame, rows: pd.DataFrame) -> dict[str, float]:
    raise AssertionError("a trial ran")


def test_searches_stops_early_remembers_and_goes_on(tmp_path: Path):
    told: list[Progress] = []
    first = search(
        RidgeForecaster, TRAIN, VALID, judge_and_look,
        metric="mae", trials=12, seconds=300, folder=tmp_path, progress=told.append,
    )  # fmt: skip
    trials = first.trials.set_index("trial")
    assert list(trials.index) == list(range(12))
    assert trials.loc[0, "settings"] == DEFAULTS
    assert first.stopped_why == "trials"
    assert [news.ended for news in told] == list(range(1, 13))
    assert told[-1].best == first.value

    finished, stopped = trials[trials["state"] == "finished"], trials[trials["state"] == "stopped"]
    assert len(finished) + len(stopped) == 12
    assert first.value == finished["mae"].min() <= trials.loc[0, "mae"]
    assert first.settings == finished.loc[finished["mae"].idxmin(), "settings"]
    assert len(stopped) >= 3
    assert (stopped["reports"] < stopped["settings"].map(lambda chosen: chosen["steps"])).all()
    assert set(stopped["reports"]) <= {2, 6, 18}
    assert (finished["reports"] == finished["settings"].map(lambda chosen: chosen["steps"] + 1)).all()
    assert (finished["heavy_imports"] == 0).all()
    assert finished["worker"].nunique() <= 2  # actors are reused

    again = search(RidgeForecaster, TRAIN, VALID, judge_never, metric="mae", trials=12, seconds=300, folder=tmp_path)
    pd.testing.assert_frame_equal(again.trials, first.trials)
    assert (again.settings, again.value) == (first.settings, first.value)

    fewer = search(RidgeForecaster, TRAIN, VALID, judge_never, metric="mae", trials=3, seconds=600, folder=tmp_path)
    assert len(fewer.trials) == 12
    assert fewer.stopped_why == "trials"

    more = search(RidgeForecaster, TRAIN, VALID, judge, metric="mae", trials=14, seconds=300, folder=tmp_path)
    assert list(more.trials["trial"]) == list(range(14))
    shared = ["trial", "state", "reports", "settings", "mae"]
    pd.testing.assert_frame_equal(more.trials.loc[:11, shared], first.trials[shared])

    with pytest.raises(BadValue, match="train, valid differ"):
        search(RidgeForecaster, VALID, TRAIN, judge, metric="mae", trials=12, seconds=9, folder=tmp_path)
    with pytest.raises(BadValue, match="family differ"):
        search(SteadyForecaster, TRAIN, VALID, judge, metric="mae", trials=12, seconds=9, folder=tmp_path)


def test_failed_trials_are_rows_with_their_error(tmp_path: Path):
    found = search(BrittleForecaster, TRAIN, VALID, judge, metric="mae", trials=5, seconds=300, folder=tmp_path)
    failed = found.trials[found.trials["state"] == "failed"]
    assert failed.iloc[0]["error"] == "ValueError: the rate 0.05 is above 0.01"
    assert failed["mae"].isna().all()
    assert found.settings["rate"] <= BrittleForecaster.limit


def test_a_search_whose_every_trial_fails_raises_with_the_cause(tmp_path: Path):
    with pytest.raises(
        SearchFailed, match=r"All 2 trials .*forecasting/broken.* ValueError: the rate 0\.05 is above 0.*--fresh"
    ):
        search(BrokenForecaster, TRAIN, VALID, judge, metric="mae", trials=2, seconds=300, folder=tmp_path)


def test_an_objective_without_the_metric_is_a_failure(tmp_path: Path):
    with pytest.raises(SearchFailed, match="BadValue: objective: mape: wanted a finite number, found None"):
        search(PlainForecaster, TRAIN, VALID, judge, metric="mape", trials=3, seconds=300, folder=tmp_path)


def test_a_family_without_a_space_is_tried_once(tmp_path: Path):
    found = search(PlainForecaster, TRAIN, VALID, judge, metric="rmse", trials=9, seconds=300, folder=tmp_path)
    assert len(found.trials) == 1
    assert found.settings == {}
    assert math.isfinite(found.value)


@pytest.mark.slow
def test_the_time_ends_a_trial_that_reports_nothing(tmp_path: Path):
    started = time.monotonic()
    found = search(SlowForecaster, TRAIN, VALID, judge, metric="mae", trials=4, seconds=20, folder=tmp_path, workers=1)
    assert time.monotonic() - started < 20 + 15
    assert found.stopped_why == "seconds"
    assert math.isnan(found.value)
    assert found.settings == DEFAULTS
    assert set(found.trials["state"]) <= {"out of time"}  # none, if its worker took longer to start
    again = search(SlowForecaster, TRAIN, VALID, judge, metric="mae", trials=4, seconds=20, folder=tmp_path)
    pd.testing.assert_frame_equal(again.trials, found.trials)


@pytest.mark.slow
def test_with_more_seconds_a_search_goes_on(tmp_path: Path):
    short = search(SteadyForecaster, TRAIN, VALID, judge, metric="mae", trials=3, seconds=0.2, folder=tmp_path)
    assert short.stopped_why == "seconds"
    long = search(SteadyForecaster, TRAIN, VALID, judge, metric="mae", trials=3, seconds=120, folder=tmp_path)
    assert long.stopped_why == "trials"
    assert math.isfinite(long.value)
    assert set(long.trials["state"]) <= {"finished", "stopped"}


def test_without_ray_no_ray_is_started(tmp_path: Path):
    script = f"""
from pathlib import Path
from tests.ridge import *
from metrify.training.search import search
search(RidgeForecaster, *batches(), judge, metric="mae", trials=1, seconds=1, folder=Path({str(tmp_path)!r}))
"""
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert ClusterError.__name__ in found.stderr
    assert "metrify.cluster.session" in found.stderr


DRIVER = """
import sys
from pathlib import Path
from tests.ridge import SteadyForecaster, batches, judge
from metrify.cluster import session
from metrify.settings import Workspace
from metrify.training.search import search
with session(Workspace.open(sys.argv[1])):
    search(SteadyForecaster, *batches(), judge, metric="mae", trials=8, seconds=300, folder=Path(sys.argv[2]))
"""


def _environment(**variables: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | variables


@pytest.mark.slow
def test_goes_on_after_its_driver_was_killed(tmp_path: Path, ray_session: str):
    folder = tmp_path / "search"
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "home"), str(folder)]
    driver = subprocess.Popen(command, env=_environment(RAY_ADDRESS=ray_session))
    deadline = time.monotonic() + 240
    while len(list(folder.glob("trials/*.json"))) < 3 and time.monotonic() < deadline and driver.poll() is None:
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    before = {path.name: (path.stat().st_mtime_ns, path.read_text()) for path in folder.glob("trials/*.json")}
    assert 3 <= len(before) < 8

    found = search(SteadyForecaster, TRAIN, VALID, judge, metric="mae", trials=8, seconds=300, folder=folder)
    after = {path.name: (path.stat().st_mtime_ns, path.read_text()) for path in folder.glob("trials/*.json")}
    assert before.items() <= after.items()
    assert list(found.trials["trial"]) == list(range(8))
    assert found.trials.iloc[0]["settings"] == DEFAULTS
    assert found.trials["settings"].map(str).nunique() == 8
    assert math.isfinite(found.value)
