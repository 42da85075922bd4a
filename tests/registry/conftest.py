from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from metrify.models.catalog import FAMILIES
from metrify.registry import Lineage, Registry
from metrify.settings import Workspace


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to make one."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    workspace = Workspace.open(path.parent)
    _ = Registry(workspace).client
    return path


@pytest.fixture(autouse=True)
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "forecasting/ridge", "tests.ridge:RidgeForecaster")
    monkeypatch.setitem(FAMILIES, "forecasting/plain", "tests.ridge:PlainForecaster")


@pytest.fixture
def registry(workspace: Workspace, empty_database: Path) -> Registry:
    shutil.copy(empty_database, workspace.home / "mlflow.db")
    return Registry(workspace)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server on a free port."""
    home = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{home}/mlflow.db"]
    command += ["--artifacts-destination", str(home / "kept"), "--port", str(port), "--workers", "1"]
    lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env=os.environ | lean, stdout=log, stderr=log)
    uri, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 240
    while not _answers(uri):
        assert process.poll() is None, (home / "log").read_text()
        assert time.monotonic() < deadline, (home / "log").read_text()
        time.sleep(0.3)
    yield uri
    process.terminate()
    process.wait(30)


def _answers(uri: str) -> bool:
    try:
        return httpx.get(f"{uri}/health").is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def lineage() -> Lineage:
    return Lineage(
        lake={"READING": 12, "WEATHER": 3},
        settings={"site": {"zone": "Europe/London"}, "folds": 4},
        first=datetime(2013, 1, 1, tzinfo=UTC),
        last=datetime(2013, 10, 31, 23, 30, tzinfo=UTC),
        meters=64,
        rows=847_000,
    )
