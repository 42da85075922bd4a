"""The stages as jobs of a Ray cluster that asks for its token: one by one, as a chain, killed and submitted again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pandas as pd
import psutil
import pytest

from metrify import sample
from metrify.cluster import environment
from metrify.lake.files import ingest
from metrify.lake.tables import Lake
from metrify.registry import Registry
from metrify.schema import FEATURE, FINDING, READING
from metrify.serving import launch
from metrify.serving.ports import free_ports
from metrify.serving.processes import Started, end, marked
from metrify.settings import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
METERS = ["home-01", "home-02", "home-03"]
DAYS = 90
PORTS = ("ray", "ray_client", "dashboard")
TRAIN = ("train", "forecasting/seasonal", "--no-measure", "--promote")


@dataclass
class Head:
    """A head node of its own, with the token of its workspace."""

    workspace: Workspace
    ports: dict[str, int] = field(default_factory=lambda: dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    temp_dir: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="metrify-", dir="/tmp"))

    def start(self, started: list[Started]) -> None:
        logs = self.workspace.folder(self.workspace.run / "logs")
        ray = launch.ray(self.workspace, self.mark, self.temp_dir, self.ports, logs)
        started.append(ray)
        dashboard = launch.Dashboard(self.workspace, self.ports["dashboard"])
        launch.wait("Ray", lambda: launch.ray_address(self.temp_dir), ray, logs / "ray.log")
        launch.wait("Ray", dashboard.answers, ray, logs / "ray.log")

    def job(self, *words: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
        """`ray job ...` from the folder of this repository, where people stand."""
        env = environment(self.workspace)
        if token:
            env["RAY_AUTH_TOKEN"] = token
        address = f"--address={launch.url(self.ports['dashboard'])}"
        command = [sys.executable, "-m", "ray.scripts.scripts", "job", words[0], address, *words[1:]]
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)

    def submit(
        self, workspace: Workspace, stage: str, *words: object, options: Sequence[str] = (), token: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`ray job submit --working-dir . -- python jobs/STAGE.py ...`."""
        home = json.dumps({"env_vars": {"METRIFY_HOME": str(workspace.home)}})
        entry = ["python", f"jobs/{stage}.py", *map(str, words)]
        command = ["submit", "--working-dir=.", f"--runtime-env-json={home}", *options, "--", *entry]
        deadline = time.monotonic() + 400
        while True:  # the dashboard answers some seconds before the agent that takes jobs does
            done = self.job(*command, token=token)
            if "No available agent" not in done.stderr or time.monotonic() > deadline:
                return done

    def answer(self, workspace: Workspace, stage: str, *words: object) -> dict:
        """The report of a job that succeeds."""
        done = self.submit(workspace, stage, *words)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return report(done.stdout)

    def begin(self, workspace: Workspace, name: str, stage: str, *words: object) -> None:
        done = self.submit(workspace, stage, *words, options=["--no-wait", f"--submission-id={name}"])
        assert done.returncode == 0, done.stderr[-2000:]

    def ended(self, name: str) -> dict:
        """What the cluster says of a job that has ended."""
        address = f"{launch.url(self.ports['dashboard'])}/api/jobs/{name}"
        token = Path(environment(self.workspace)["RAY_AUTH_TOKEN_PATH"]).read_text()
        for _ in range(240):
            said = httpx.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
            if said["status"] in {"STOPPED", "FAILED", "SUCCEEDED"}:
                return said
            time.sleep(0.5)
        raise AssertionError(f"{name} did not end: {said}")

    def running(self, *words: str) -> psutil.Process:
        """The process of this cluster that has these words in its command line, as soon as there is one."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            for process in marked(self.mark):
                try:
                    line = process.cmdline()
                except psutil.Error:  # it ended meanwhile
                    continue
                if "python" in Path(line[0] if line else "").name and all(word in line for word in words):
                    return process
            time.sleep(0.05)
        raise AssertionError(f"no process with {words}")


def report(out: str) -> dict:
    """The one object in a job's log, of which `ray job submit` tells the end twice where the job failed."""
    (line,) = {line for line in out.splitlines() if line.startswith("{")}
    return json.loads(line)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, list[str]]:
    """Readings and meters of a few homes of the sample, as words of `ingest`."""
    folder, words = tmp_path_factory.mktemp("files"), {}
    for name in ("meters", "readings"):
        rows = pd.read_parquet(sample.FOLDER / f"{name}.parquet")
        rows = rows[rows["meter_id"].isin(METERS)]
        if "clock" in rows:
            rows = rows[rows["clock"] < rows["clock"].min() + pd.Timedelta(days=DAYS)].reset_index(drop=True)
            rows.loc[1000:1011, "kwh"] = 1.234  # a meter that got stuck, so that there is something to find
        rows.to_parquet(folder / f"{name}.parquet")
        words[name] = [name, str(folder / f"{name}.parquet"), "--mapping", str(sample.FOLDER / f"{name}.toml")]
    return words


@pytest.fixture(scope="module")
def head(tmp_path_factory) -> Iterator[Head]:
    home = Head(Workspace.open(tmp_path_factory.mktemp("head") / "home"))
    started: list[Started] = []
    try:
        home.start(started)
        yield home
    finally:
        left = end(home.mark, started)
        shutil.rmtree(home.temp_dir, ignore_errors=True)
        assert left == []


@pytest.fixture(scope="module")
def staged(head: Head, files, tmp_path_factory) -> tuple[Workspace, dict[str, dict]]:
    """A workspace after one job a stage, and what each job answered."""
    workspace = Workspace.open(tmp_path_factory.mktemp("staged") / "home")
    load(workspace, {"meters": files["meters"]})
    stages = {"ingest": files["readings"], "vee": [], "features": [], "train": TRAIN[1:]}
    return workspace, {stage: head.answer(workspace, stage, *words) for stage, words in stages.items()}


def load(workspace: Workspace, files: dict[str, list[str]]) -> None:
    for table, data, _, mapping in files.values():
        ingest(workspace, table, [Path(data)], Path(mapping))


def features(workspace: Workspace) -> pd.DataFrame:
    rows = Lake(workspace).read(FEATURE).to_pandas()
    return rows.sort_values(["meter_id", "timestamp"]).reset_index(drop=True)


def test_two_workspaces_at_once_each_with_a_ray_of_its_own(files, tmp_path: Path) -> None:
    homes = [Workspace.open(tmp_path / name) for name in ("one", "two")]
    for home in homes:
        load(home, files)
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | {"PYTHONPATH": str(ROOT)}
    verbs = [
        subprocess.Popen(
            [sys.executable, "-m", "metrify.cli", "--home", str(home.home), "vee", "--json"],
            env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for home in homes
    ]  # fmt: skip
    for home, verb in zip(homes, verbs, strict=True):
        out, err = verb.communicate(timeout=300)
        assert verb.returncode == 0, err[-4000:]
        assert json.loads(out)["readings"] == Lake(home).count(READING)
    assert Lake(homes[0]).count(FINDING) == Lake(homes[1]).count(FINDING) > 0


def test_every_stage_is_a_job_with_a_report_of_its_own(staged) -> None:
    workspace, answers = staged
    rows = Lake(workspace).count(READING)
    assert rows == answers["ingest"]["files"][0]["written"]["inserted"] > len(METERS) * 24 * (DAYS - 2)
    assert (answers["vee"]["readings"], answers["vee"]["meters"]) == (rows, len(METERS))
    assert answers["features"]["rows"] == Lake(workspace).count(FEATURE)
    assert answers["train"]["version"] == "forecasting/seasonal:1"


def test_a_wrong_token_is_refused_in_words(head: Head, staged) -> None:
    done = head.submit(staged[0], "vee", token="not-the-token")
    assert done.returncode != 0
    assert "Invalid authentication token" in done.stderr
    assert "RAY_AUTH_TOKEN_PATH" in done.stderr


def test_a_family_that_does_not_exist_ends_with_2_and_the_nearest(head: Head, staged) -> None:
    done = head.submit(staged[0], "train", "forecasting/doesnotexist")
    assert done.returncode != 0
    assert "exit code 2" in done.stdout + done.stderr
    answer = report(done.stdout)
    assert answer["error"] == "UnknownName"
    assert "forecasting/lightgbm" in answer["message"]


def test_a_killed_chain_goes_on_where_it_was_and_doubles_nothing(head: Head, staged, files, tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "home")
    chain = tmp_path / "chain.toml"
    steps = [["ingest", *files["meters"]], ["ingest", *files["readings"]], ["vee"], ["features", "build"], [*TRAIN]]
    chain.write_text(f"steps = {json.dumps(steps)}")

    head.begin(workspace, "stopped", "pipeline", chain)
    step = head.running("metrify.cli", str(workspace.home), "vee")
    assert head.job("stop", "stopped").returncode == 0
    assert head.ended("stopped")["status"] == "STOPPED"
    step.wait(10)

    head.begin(workspace, "killed", "pipeline", chain)
    step = head.running("metrify.cli", str(workspace.home), "features")
    head.running("jobs/pipeline.py", str(chain)).send_signal(signal.SIGKILL)
    assert head.ended("killed")["status"] == "FAILED"
    step.wait(10)

    answer = head.answer(workspace, "pipeline", chain)
    assert [one["state"] for one in answer["steps"]] == ["skipped"] * 3 + ["done"] * 2
    assert all(one["answer"] for one in answer["steps"])
    lake, alone = Lake(workspace), Lake(staged[0])
    assert [lake.count(table) for table in (READING, FINDING)] == [alone.count(table) for table in (READING, FINDING)]
    pd.testing.assert_frame_equal(features(workspace), features(staged[0]))
    assert [str(version) for version in Registry(workspace).versions()] == ["forecasting/seasonal:1"]

    again = head.answer(workspace, "pipeline", chain)
    assert [one["state"] for one in again["steps"]] == ["skipped"] * 5
    assert len(Registry(workspace).versions()) == 1
