"""The verb for a chain: what it refuses before any step begins, and steps as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from metrify.cli import main
from metrify.errors import BadValue, UnknownName
from metrify.lake.tables import Lake
from metrify.schema import READING
from tests.test_pipeline import csv


def cli(capsys, home: Path, *words: str) -> tuple[int, dict]:
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(home), "pipeline", *words, "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("step", "error", "said"),
    [
        ("featurs build", UnknownName, "Did you mean features"),
        ("features bild", UnknownName, "Did you mean build"),
        ("features", UnknownName, "build"),
        ("demo", BadValue, "can be part of a chain"),
        ("pipeline", BadValue, "step 2"),
        ("vee --fast", BadValue, "--fast"),
        ("vee --help", BadValue, "does something"),
        ("search forecasting/lightgbm --trials many", BadValue, "many"),
        ("train", BadValue, "FAMILY"),
        ("train forecasting/lightgmb", UnknownName, "Did you mean forecasting/lightgbm"),
        ("score anomly", UnknownName, "Did you mean anomaly"),
        ("backtest forcasting", UnknownName, "Did you mean forecasting"),
    ],
)
def test_a_wrong_step_is_refused_before_any_is_begun(capsys, workspace, tmp_path, step, error, said) -> None:
    path = tmp_path / "chain.toml"
    path.write_text(json.dumps({"steps": ["lake", step]}).replace('{"steps":', "steps =").rstrip("}"))
    code, answer = cli(capsys, workspace.home, str(path))
    assert (code, answer["error"]) == (2, error.__name__)
    assert said in answer["message"]
    assert not (workspace.checkpoints / "pipeline" / "done.json").exists()


def test_steps_are_processes_of_their_own_and_their_answers_and_errors_come_through(
    capsys, workspace, tmp_path
) -> None:
    path = tmp_path / "chain.toml"
    path.write_text(f"steps = ['ingest readings {csv(tmp_path / 'a.csv', 1, 2)}', 'ingest readings absent.csv', 'vee']")
    code, answer = cli(capsys, workspace.home, str(path))
    assert (code, answer["error"]) == (2, "UnreadableFile")
    assert "absent.csv" in answer["message"]
    done, failed, last = answer["steps"]
    assert (done["state"], failed["state"], last["state"]) == ("done", "failed", "not run")
    assert done["answer"]["files"][0]["written"]["inserted"] == 2
    assert Lake(workspace).count(READING) == 2


def test_no_step_outlives_its_pipeline(tmp_path: Path) -> None:
    """A job's driver can be killed in a way that it cannot answer to."""
    if sys.platform != "linux":
        pytest.skip("only Linux ends a child with its parent")
    code = (
        "import os, subprocess, sys; from metrify.cli.pipeline import _dying_with;"
        "child = subprocess.Popen(['sleep', '60'], preexec_fn=_dying_with(os.getpid()));"
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child = started_by(parent)
    parent.kill()
    parent.wait()
    child.wait(10)
    assert not child.is_running()


def started_by(parent: subprocess.Popen[str]) -> psutil.Process:
    assert parent.stdout
    return psutil.Process(int(parent.stdout.readline()))
