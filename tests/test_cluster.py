from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from metrify import cluster
from metrify.errors import UnknownMeter
from metrify.settings import Workspace

DRIVER = """
import os, sys
from metrify.cluster import session
from metrify.settings import Workspace
import ray
before = dict(os.environ)
for home in sys.argv[1:]:
    with session(Workspace.open(home), cpus=1) as address:
        token = ray.get(ray.remote(lambda: os.environ["RAY_AUTH_TOKEN_PATH"]).remote())
        print(address, token, os.environ["RAY_worker_niceness"], int(ray.cluster_resources()["CPU"]))
assert not ray.is_initialized()
assert {k: v for k, v in os.environ.items() if "AUTH" in k} == {k: v for k, v in before.items() if "AUTH" in k}
"""


def run(*homes: Path, **variables: str) -> subprocess.Popen[str]:
    """A driver process of its own, so that the session of this test run is left alone."""
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *map(str, homes)],
        env={k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_uses_and_leaves_the_ray_of_this_process(ray_session: str, workspace: Workspace):
    with cluster.session(workspace) as address:
        assert address == ray_session
        assert ray.get(ray.remote(lambda: 1 + 1).remote()) == 2
    assert ray.is_initialized()


def test_data_hands_out_numpy_backed_pandas_and_is_quiet(ray_session: str, capfd: pytest.CaptureFixture[str]):
    rows = ray.data.range(10).map_batches(lambda frame: frame * 2.0, batch_format="pandas")
    kind = rows.map_batches(lambda frame: frame.astype(str).assign(kind=str(frame["id"].dtype)), batch_format="pandas")
    assert {row["kind"] for row in kind.take_all()} == {"float64"}
    assert capfd.readouterr().err == ""


def test_errors_of_workers_arrive_as_they_were_raised(ray_session: str, capfd: pytest.CaptureFixture[str]):
    def refuse(rows: dict) -> dict:
        raise UnknownMeter(["M-1"], 7)

    with pytest.raises(UnknownMeter, match=r"Unknown meter: M-1\. The lake holds 7 meters") as raised:
        ray.data.range(3).map_batches(refuse).take_all()
    assert raised.value.meter_ids == ["M-1"]
    assert "Traceback" not in capfd.readouterr().err


def test_environment_holds_the_token_of_the_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of another cluster")
    found = cluster.environment(workspace)
    token = Path(found["RAY_AUTH_TOKEN_PATH"])
    assert found["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in found
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.is_relative_to(workspace.run)
    assert len(token.read_text()) == 64
    assert cluster.environment(workspace) == found
    assert os.environ["RAY_AUTH_TOKEN"] == "of another cluster"


@pytest.mark.slow
def test_two_workspaces_at_once_have_their_own_clusters(tmp_path: Path):
    stale = Workspace.open(tmp_path / "a")
    stale.folder(stale.run)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        cluster.address_file(stale).write_text(f"127.0.0.1:{closed.getsockname()[1]}")  # `up` died without `down`
    drivers = {name: run(tmp_path / name) for name in ("a", "b")}
    answers = {}
    for name, driver in drivers.items():
        out, err = driver.communicate(timeout=240)
        assert driver.returncode == 0, err
        assert err == ""
        answers[name] = out.split()
    assert answers["a"][0] != answers["b"][0]
    assert {name: found[1:] for name, found in answers.items()} == {
        name: [str(tmp_path / name / "run" / "ray_token"), "0", "1"] for name in ("a", "b")
    }


@pytest.fixture
def up(workspace: Workspace) -> Iterator[str]:
    """A cluster as `metrify up` starts one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temp = f"/tmp/ray-{port}"  # under tmp_path the names of its sockets would be too long
    log = workspace.folder(workspace.run) / "ray.log"
    command = [Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=1", f"--port={port}"]
    command += ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={temp}"]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=cluster.environment(workspace), stdout=out, stderr=out)
    deadline = time.monotonic() + 120
    while "Ray runtime started" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.3)
    address = f"{ray.util.get_node_ip_address()}:{port}"
    cluster.address_file(workspace).write_text(address)
    yield address
    process.terminate()
    process.wait(60)
    shutil.rmtree(temp, ignore_errors=True)


@pytest.mark.slow
def test_joins_the_cluster_of_the_workspace_and_leaves_it_running(up: str, workspace: Workspace, tmp_path: Path):
    for _ in range(2):
        out, err = run(workspace.home).communicate(timeout=120)
        assert out.split()[0] == up, err
    driver = run(tmp_path / "stranger", RAY_ADDRESS=up, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="wrong")
    out, err = driver.communicate(timeout=240)
    assert driver.returncode != 0
    assert "ClusterError" in err
    assert up in err
