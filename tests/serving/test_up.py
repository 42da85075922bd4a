"""`up`, `status` and `down` with real Ray, MLflow and Serve: everything starts, answers, survives, and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from metrify import sample
from metrify.cluster import session
from metrify.features.build import build
from metrify.lake.tables import Lake
from metrify.registry import Registry
from metrify.schema import READING
from metrify.serving.local import deployed
from metrify.serving.processes import marked
from metrify.serving.services import ServiceStatus, down, status, up
from metrify.settings import Workspace
from metrify.training.anomaly import AnomalyTask
from metrify.training.forecasting import ForecastingTask
from metrify.training.train import train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

HALF_AN_UP = "import sys; from metrify.serving.services import up; from metrify.settings import Workspace;"
HALF_AN_UP += "up(Workspace.open(sys.argv[1]))"


@pytest.fixture
def running(workspace: Workspace) -> Iterator[Workspace]:
    up(workspace)
    yield workspace
    down(workspace)


def record(workspace: Workspace) -> dict:
    path = workspace.run / "services.json"
    return json.loads(path.read_text()) if path.exists() else {}


def states(found: list[ServiceStatus]) -> dict[str, str]:
    return {service.name: service.state for service in found}


def listening(mark: str) -> set[str]:
    """Addresses that the marked processes listen at."""
    connections = [one for process in marked(mark) for one in process.net_connections("tcp")]
    return {f"{one.laddr.ip}:{one.laddr.port}" for one in connections if one.status == psutil.CONN_LISTEN}


def teach(workspace: Workspace) -> list[str]:
    """The sample in the lake and champions of two tasks in the registry, on the cluster that `up` started."""
    sample.load(workspace)
    with session(workspace) as address:
        assert address == (workspace.run / "ray_address").read_text()
        build(workspace)
        tasks = {"forecasting/seasonal": ForecastingTask.of(workspace), "anomaly/zscore": AnomalyTask.of(workspace)}
        until = np.datetime64("2017-07-01", "s")
        found = [train(workspace, task, name, {}, until=until).version for name, task in tasks.items()]
        for version in found:
            Registry(workspace).promote(version.name, version.version)
        with deployed(workspace) as url:  # the running graph, once it has followed
            assert url == address_of(workspace, "graph")
    return list(map(str, found))


def address_of(workspace: Workspace, name: str) -> str:
    return next(service.address for service in status(workspace) if service.name == name)


def test_a_day_in_the_life(running: Workspace, tmp_path: Path):
    mark, temp_dir = record(running)["mark"], Path(record(running)["temp_dir"])
    assert states(status(running)) == {"graph": "not ready", "mlflow": "running", "dashboard": "running"}

    forecaster, detector = teach(running)
    graph = address_of(running, "graph")
    assert states(status(running))["graph"] == "running"
    meter = Lake(running).meters()["meter_id"].iloc[0]
    answer = httpx.post(f"{graph}/v1/forecast", json={"meter_id": meter}, timeout=60)
    (found,) = answer.json()["forecasts"]
    assert (found["model"], len(found["q50"])) == (forecaster, 24)
    models = httpx.get(f"{graph}/v1/models").json()
    assert [(model["ready"], model["absent"]) for model in models] == [(True, False)] * 2 + [(False, True)] * 3
    assert models[0]["lake_version"] == Lake(running).version(READING)
    judged = httpx.post(f"{graph}/v1/anomalies", json={"meter_id": meter}, timeout=60).json()
    assert [(member["model"], member["answered"]) for member in judged["members"]] == [(detector, True)]
    assert (judged["degraded"], len(judged["anomalies"][0]["score"])) == (False, 24)

    for port in (record(running)["ports"][key] for key in ("api", "dashboard", "mlflow")):
        assert {one for one in listening(mark) if one.endswith(f":{port}")} == {f"127.0.0.1:{port}"}
    assert httpx.get(f"{address_of(running, 'dashboard')}/api/version").status_code == 401  # without the token

    before = record(running)
    assert states(up(running)) == states(status(running))
    assert record(running) == before

    neighbour = Workspace.open(tmp_path / "neighbour")
    up(neighbour)
    assert set(record(neighbour)["ports"].values()).isdisjoint(before["ports"].values())
    assert down(neighbour) is True
    assert states(status(running)) == {"graph": "running", "mlflow": "running", "dashboard": "running"}

    os.kill(before["processes"]["mlflow"]["pid"], signal.SIGKILL)
    assert states(status(running))["mlflow"] == "gone"
    assert down(running) is True
    assert marked(mark) == []
    assert not temp_dir.exists()
    assert status(running) == []
    assert down(running) is False


def test_an_up_that_was_killed_halfway_leaves_nothing_after_down(workspace: Workspace):
    half = subprocess.Popen([sys.executable, "-c", HALF_AN_UP, str(workspace.home)])
    deadline = time.monotonic() + 60
    while len(marked(record(workspace).get("mark", "?"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    half.kill()
    half.wait()
    mark = record(workspace)["mark"]
    assert marked(mark)
    assert down(workspace) is True
    assert marked(mark) == []
    assert not (workspace.run / "services.json").exists()
