from __future__ import annotations

import math
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from metrify.errors import BadValue, NoSuchModel, RegistryError
from metrify.models.catalog import league
from metrify.registry import Lineage, Registry, Run
from metrify.schema import ESTIMATE
from metrify.settings import Workspace
from tests.ridge import PlainForecaster, RidgeForecaster, batches

TRAIN, VALID = batches()


@pytest.fixture(scope="module")
def model() -> RidgeForecaster:
    return RidgeForecaster(steps=20).fit(TRAIN)


def test_publish_and_load(registry: Registry, model: RidgeForecaster, lineage: Lineage):
    version = registry.publish(model, metrics={"wape": 0.42, "mae": 0.1}, lineage=lineage, release="1.0")
    assert str(version) == "forecasting/ridge:1"
    assert version.aliases == ("challenger",)
    assert version.release == "1.0"
    assert version.metrics == {"wape": 0.42, "mae": 0.1}
    assert version.lineage == lineage
    assert version.created is not None

    loaded, found = registry.load("forecasting/ridge", "challenger")
    assert found == version
    assert loaded == model
    pd.testing.assert_frame_equal(loaded.predict(VALID), model.predict(VALID))
    run = registry.client.get_run(version.run_id)
    assert run.data.params["steps"] == "20"
    assert run.data.metrics["wape"] == 0.42
    assert run.data.tags["lineage.code"] == lineage.code
    assert run.info.status == "FINISHED"


def test_files_are_fetched_once(registry: Registry, model: RidgeForecaster, lineage: Lineage, workspace: Workspace):
    version = registry.publish(model, metrics={}, lineage=lineage)
    registry.load("forecasting/ridge", 1)
    for path in workspace.artifacts.rglob("weights.json"):
        path.unlink()
    assert registry.load("forecasting/ridge", version.version)[0] == model
    registry.publish(model, metrics={}, lineage=lineage)
    for path in workspace.artifacts.rglob("weights.json"):
        path.unlink()
    with pytest.raises(RegistryError, match="forecasting/ridge:2"):
        registry.load("forecasting/ridge", 2)


def test_mlflow_itself_loads_and_predicts(
    registry: Registry, model: RidgeForecaster, lineage: Lineage, monkeypatch: pytest.MonkeyPatch
):
    import mlflow.pyfunc

    registry.publish(model, metrics={}, lineage=lineage, alias="champion")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    found = mlflow.pyfunc.load_model("models:/forecasting.ridge@champion").predict(VALID.rows)
    pd.testing.assert_frame_equal(found, model.predict(VALID))
    assert list(found["q50"]) == list(found["mean"])


def test_promote_and_roll_back(registry: Registry, model: RidgeForecaster, lineage: Lineage):
    for number in (1, 2, 3):
        assert registry.publish(model, metrics={"wape": number / 10}, lineage=lineage).version == number
    assert registry.champion("forecasting") is None
    registry.promote("forecasting/ridge", 1, by="ann")
    promoted = registry.promote("forecasting/ridge", 3, by="bob")
    assert promoted.aliases == ("challenger", "champion")
    registry.promote("forecasting/ridge", 3, by="eve")  # nothing changes, so nothing is remembered
    assert [(entry.version, entry.by, entry.before) for entry in registry.promotions("forecasting/ridge")] == [
        (1, "ann", None),
        (3, "bob", 1),
    ]
    tags = registry.client.get_model_version("forecasting.ridge", "3").tags
    assert (tags["champion.by"], tags["champion.before"]) == ("bob", "1")

    assert registry.rollback("forecasting/ridge").version == 1
    assert registry.champion("forecasting") == registry.version("forecasting/ridge", 1)
    with pytest.raises(RegistryError, match="first champion of forecasting/ridge"):
        registry.rollback("forecasting/ridge")
    with pytest.raises(NoSuchModel, match="forecasting/ridge@9"):
        registry.promote("forecasting/ridge", 9)


def test_one_family_leads_a_task(registry: Registry, model: RidgeForecaster, lineage: Lineage):
    plain = PlainForecaster().fit(TRAIN)
    registry.publish(model, metrics={}, lineage=lineage)
    registry.publish(plain, metrics={}, lineage=lineage)
    assert registry.leader("forecasting") is None
    registry.promote("forecasting/ridge", 1)
    with pytest.raises(NoSuchModel, match="forecasting/plain@champion"):
        registry.set_leader("forecasting", "forecasting/plain")
    registry.promote("forecasting/plain", 1)
    assert registry.leader("forecasting") == "forecasting/ridge"
    registry.set_leader("forecasting", "forecasting/plain")
    assert str(registry.champion("forecasting")) == "forecasting/plain:1"
    with pytest.raises(RegistryError, match="family of forecasting"):
        registry.set_leader("anomaly", "forecasting/plain")
    assert registry.champion("anomaly") is None


def test_families_of_a_task_that_answer_something_else_have_a_leader_of_their_own(
    registry: Registry, model: RidgeForecaster, lineage: Lineage, monkeypatch: pytest.MonkeyPatch
):
    registry.publish(model, metrics={}, lineage=lineage)
    registry.publish(PlainForecaster().fit(TRAIN), metrics={}, lineage=lineage)
    monkeypatch.setattr(PlainForecaster, "produces", ESTIMATE)
    registry.promote("forecasting/plain", 1)
    assert registry.champion("forecasting") is None
    registry.promote("forecasting/ridge", 1)
    assert str(registry.champion("forecasting")) == "forecasting/ridge:1"
    assert str(registry.champion("forecasting", ESTIMATE)) == "forecasting/plain:1"
    assert league("forecasting/plain") == ["forecasting/plain"]
    assert "forecasting/plain" not in league("forecasting")


def test_versions_of_all_families_newest_first(registry: Registry, model: RidgeForecaster, lineage: Lineage):
    assert registry.versions() == []
    for fitted in (model, model, PlainForecaster().fit(TRAIN)):
        registry.publish(fitted, metrics={}, lineage=lineage, alias=None)
    registry.client.create_registered_model("somebody else's")
    registry.client.create_model_version("somebody else's", "file:///nowhere")
    registry.promote("forecasting/ridge", 1)
    assert [(str(version), version.aliases) for version in registry.versions()] == [
        ("forecasting/plain:1", ()),
        ("forecasting/ridge:2", ()),
        ("forecasting/ridge:1", ("champion",)),
    ]
    assert [version.version for version in registry.versions("forecasting/ridge")] == [2, 1]
    assert registry.versions("forecasting/none") == []


def test_what_is_not_there_is_named(registry: Registry, model: RidgeForecaster, lineage: Lineage):
    with pytest.raises(NoSuchModel, match=r"no forecasting/ridge@champion\. Known: none"):
        registry.load("forecasting/ridge")
    registry.publish(model, metrics={}, lineage=lineage)
    with pytest.raises(NoSuchModel, match="Known: forecasting/ridge@challenger"):
        registry.load("forecasting/ridge", "champion")
    with pytest.raises(NoSuchModel, match="forecasting/ridge@7"):
        registry.version("forecasting/ridge", 7)
    with pytest.raises(BadValue, match="task/name"):
        registry.version("forecasting.ridge")


def test_twenty_trials_are_logged_quickly(registry: Registry, tmp_path: Path):
    report, plots = tmp_path / "report.html", tmp_path / "plots"
    report.write_text("<p>")
    plots.mkdir()
    (plots / "week.svg").write_text("<svg>")
    trials = [
        Run(f"trial {number}", {"rate": number, **{f"p{k}": k for k in range(130)}}, {"mae": 1 / (number + 1)})
        for number in range(19)
    ]
    trials.append(Run("trial 19", {"rate": 19}, {"mae": math.nan}, {"error": "ValueError: no"}, failed=True))
    started = time.monotonic()
    run_id = registry.log_run(
        "search forecasting", "search forecasting/ridge", {"trials": 20}, {"mae": 0.05}, {"seed": "0"},
        artifacts=[report, plots], trials=trials,
    )  # fmt: skip
    assert time.monotonic() - started < 20  # about 1 s on a quiet machine
    client = registry.client
    experiment = client.get_experiment_by_name("search forecasting").experiment_id
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    assert len(found) == 20
    assert sorted(run.info.status for run in found) == ["FAILED"] + ["FINISHED"] * 19
    assert all(len(run.data.params) == 131 for run in found if run.info.status == "FINISHED")
    assert {file.path for file in client.list_artifacts(run_id)} == {"report.html", "plots"}
    assert [file.path for file in client.list_artifacts(run_id, "plots")] == ["plots/week.svg"]


def test_an_experiment_that_was_deleted_comes_back(registry: Registry):
    registry.log_run("backtest", "first")
    registry.client.delete_experiment(registry.client.get_experiment_by_name("backtest").experiment_id)
    registry.log_run("backtest", "second", {}, {"wape": 0.4})
    assert registry.client.get_experiment_by_name("backtest").lifecycle_stage == "active"


def test_a_server_works_as_the_registry(
    server: str,
    workspace: Workspace,
    model: RidgeForecaster,
    lineage: Lineage,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    import mlflow.pyfunc

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    registry = Registry(workspace)
    registry.publish(model, metrics={"wape": 0.4}, lineage=lineage)
    registry.publish(replace(model, steps=21).fit(TRAIN), metrics={"wape": 0.3}, lineage=lineage)
    registry.promote("forecasting/ridge", 1)
    registry.promote("forecasting/ridge", 2)
    assert registry.load("forecasting/ridge")[1].metrics == {"wape": 0.3}
    assert str(registry.rollback("forecasting/ridge")) == "forecasting/ridge:1"
    loaded, version = registry.load("forecasting/ridge")
    pd.testing.assert_frame_equal(loaded.predict(VALID), model.predict(VALID))
    assert version == registry.champion("forecasting")
    assert version.lineage == lineage
    with pytest.raises(NoSuchModel):
        registry.version("forecasting/plain")
    answers = mlflow.pyfunc.load_model("models:/forecasting.ridge@champion").predict(VALID.rows)
    pd.testing.assert_frame_equal(answers, model.predict(VALID))
    registry.log_run("search", "search", trials=[Run("trial 0", {"rate": 1}, {"mae": 1})])
    assert not (workspace.home / "mlflow.db").exists()
    assert not workspace.artifacts.exists()
    assert capfd.readouterr() == ("", "")  # standard output belongs to --json


@pytest.mark.parametrize("scheme", ["http://", "postgresql://user:secret@"])
def test_nobody_there_is_told_soon(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, scheme: str):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}127.0.0.1:{closed.getsockname()[1]}")
    started = time.monotonic()
    with pytest.raises(RegistryError, match=r"does not answer.*MLFLOW_TRACKING_URI") as raised:
        Registry(workspace).load("forecasting/ridge")
    assert time.monotonic() - started < 10
    assert "secret" not in str(raised.value)


def test_a_server_that_went_away_is_told_soon(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as passing:
        threading.Thread(target=passing.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{passing.server_port}")
        registry = Registry(workspace)
        assert registry.client is not None
        passing.shutdown()
    started = time.monotonic()
    with pytest.raises(RegistryError, match=r"refused: API request .* failed"):
        registry.version("forecasting/ridge")
    assert time.monotonic() - started < 30


def test_a_damaged_file_is_told_at_once(workspace: Workspace):
    (workspace.home / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(RegistryError, match="file is not a database"):
        Registry(workspace).versions()
