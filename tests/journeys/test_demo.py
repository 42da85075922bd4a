"""The first contact: `metrify demo` in an empty folder, as a person runs it, and the same stages as jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from metrify.models.catalog import FAMILIES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STAGES = [
    "Ingest", "Simulate", "Start Ray", "Validate", "Impute", "Features", "Search", "Backtest", "Register",
    "Anomalies", "Maintenance", "Quality", "Score", "Serve", "Report",
]  # fmt: skip


def run(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"METRIFY_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, cwd=home.parent, capture_output=True, text=True, check=False)


def left_behind(home: Path) -> list[str]:
    """Processes that were started for this workspace."""
    mark, found = f"METRIFY_HOME={home}", []
    for process in psutil.process_iter():
        try:
            if process.environ().get("METRIFY_HOME") == str(home):
                found.append(f"{mark} {process.cmdline()}")
        except psutil.Error:  # it ended, or is not ours to look at
            continue
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, dict]:
    home = tmp_path_factory.mktemp("demo") / "home"
    done = run(sys.executable, "-m", "metrify.cli", "demo", "--json", home=home)
    assert done.returncode == 0, done.stderr[-4000:]
    return home, json.loads(done.stdout)


def test_the_demo_goes_all_the_way_and_says_how_long_each_stage_took(demo) -> None:
    _, answer = demo
    assert [stage["name"] for stage in answer["stages"]] == STAGES
    assert all(stage["seconds"] > 0 and stage["result"] for stage in answer["stages"])


def test_the_winner_beats_the_best_naive_forecast(demo) -> None:
    league = demo[1]["league"]
    naive = min(row["wape"] for row in league if row["role"] == "baseline")
    assert league[0]["family"] == "forecasting/lightgbm"
    assert league[0]["wape"] < 0.97 * naive
    assert 0.7 < league[0]["coverage_80"] < 0.9


def test_the_other_tasks_are_taught_judged_and_asked(demo) -> None:
    home, answer = demo
    tasks = answer["tasks"]
    detectors = {row["family"]: row for row in tasks["anomaly"]}
    assert tasks["anomaly"][0]["role"] == "entrant"
    assert detectors["anomaly/isolation_forest"]["event_recall"] > 0.25
    failures = tasks["maintenance"][0]
    assert (failures["family"], failures["auc_roc"] > 0.85, failures["brier_skill"] > 0.1) == (
        "maintenance/failure", True, True,
    )  # fmt: skip
    assert tasks["quality"][0]["family"] in {"quality/score", "quality/validator"}
    page = Path(answer["report"]).read_text()
    assert "Grades" in (Path(answer["report"]).parent / "quality.html").read_text()
    for heading in ("Anomalies", "Maintenance", "Data quality"):
        assert f">{heading}</h2>" in page
    assert "The graph was not asked" not in page
    held = json.loads(run(sys.executable, "-m", "metrify.cli", "lake", "--json", home=home).stdout)
    assert held["RISK"]["rows"] > 1_000
    assert held["ANOMALY"]["rows"] == 117 * 24


def test_nothing_heavy_was_loaded_for_it(demo) -> None:
    """TensorFlow, SHAP and Evidently are for later tasks; a demo that loaded them would take a minute more."""
    code = "import sys, metrify.quickstart, metrify.serving.app, metrify.scoring.batch; print(*sys.modules)"
    loaded = set(run(sys.executable, "-c", code, home=demo[0]).stdout.split())
    assert not loaded & {"tensorflow", "shap", "evidently", "prophet", "feast"}


@pytest.mark.parametrize("family", sorted(name for name in FAMILIES if not name.startswith("forecasting/")))
def test_every_family_is_searched_by_tune(demo, family: str) -> None:
    command = ("-m", "metrify.cli", "search", family, "--trials", "2", "--time-budget", "60", "--most-rows", "20000")
    done = run(sys.executable, *command, "--json", home=demo[0])
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["trials"] == 2
    assert found["settings"]


def test_scoring_again_writes_nothing(demo) -> None:
    verb = (sys.executable, "-m", "metrify.cli", "score", "maintenance", "--until", "2017-07-29T07:00:00Z", "--json")
    first, second = (json.loads(run(*verb, home=demo[0]).stdout) for _ in range(2))
    assert first["rows"] == second["rows"] > 1_000
    assert (second["written"]["inserted"], second["written"]["updated"]) == (0, 0)


def test_the_doors_are_those_that_up_will_open(demo) -> None:
    home, answer = demo
    ports = json.loads((home / "run" / "ports.json").read_text())
    links = {link["name"]: link for link in answer["links"]}
    assert links["API docs"]["address"] == f"http://127.0.0.1:{ports['api']}/docs"
    assert set(links) == {"API docs", "MLflow UI", "Ray dashboard"}
    page = Path(answer["report"]).read_text()
    assert all(link["address"] in page and link["how"] == f"metrify --home {home} up" for link in links.values())


def test_the_report_is_there_and_fetches_nothing(demo) -> None:
    page = Path(demo[1]["report"]).read_text()
    assert "home-01" in page
    assert "<svg" in page
    assert 'src="http' not in page


def test_nothing_is_left_running(demo) -> None:
    assert left_behind(demo[0]) == []


@pytest.mark.parametrize(("job", "key"), [("vee", "readings"), ("features", "rows")])
def test_a_stage_runs_as_a_job_with_one_json_report(demo, job: str, key: str) -> None:
    done = run(sys.executable, str(ROOT / "jobs" / f"{job}.py"), home=demo[0])
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout)[key] > 140_000


def test_train_promote_and_roll_back_by_hand(demo) -> None:
    home, _ = demo
    verb = (sys.executable, "-m", "metrify.cli")
    trained = run(*verb, "train", "forecasting/seasonal", "--set", "days=28", "--promote", "--json", home=home)
    answer = json.loads(trained.stdout)
    assert answer["version"] == "forecasting/seasonal:1"
    assert answer["answers"]["before"] == "forecasting/lightgbm:1"
    assert 0 < answer["holdout"]["metrics"]["wape"] < 1
    run(*verb, "train", "forecasting/seasonal", "--promote", "--json", home=home)
    back = run(*verb, "rollback", "forecasting/seasonal", "--json", home=home)
    assert json.loads(back.stdout) == {"champion": "forecasting/seasonal:1", "answers": "forecasting/seasonal:1"}
    listed = json.loads(run(*verb, "models", "--json", home=home).stdout)["models"]
    assert {row["model"] for row in listed} >= {"forecasting/seasonal:2", "forecasting/lightgbm:1"}
