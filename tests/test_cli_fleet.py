"""The verbs that make a fleet and let models answer for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrify.lake.tables import Lake
from metrify.schema import ASSET, READING
from metrify.settings import Workspace
from tests.test_cli import run
from tests.test_console import strict

FLEET = ("simulate", "--meters", "3", "--days", "12", "--devices", "20", "--years", "3", "--seed", "4")


def test_the_same_seed_writes_the_same_files_and_leaves_the_lake_alone(capsys, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    made = []
    for name in ("one", "two"):
        code, out, err = run(capsys, "--home", home, *FLEET, "--into", str(tmp_path / name), "--json")
        assert code == 0, err
        answer = strict(out)
        assert answer["loaded"] == []
        made.append({Path(path).relative_to(tmp_path / name): Path(path).read_bytes() for path in answer["files"]})
    assert made[0] == made[1]
    assert {"readings.parquet", "faults.parquet", "hazards.parquet"} <= {path.name for path in made[0]}
    assert not Lake(Workspace.open(home)).exists(READING)


def test_a_fleet_enters_the_lake_once(capsys, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    first = strict(run(capsys, "--home", home, *FLEET, "--json")[1])
    lake = Lake(Workspace.open(home))
    held = lake.count(READING), lake.count(ASSET), lake.version(READING)
    assert held[0] > 500
    assert held[1] > 20
    assert (Path(home) / "simulated" / "seed-4" / "faults.parquet").exists()
    assert sum(file["written"]["inserted"] for report in first["loaded"] for file in report["files"]) > 1_000
    again = strict(run(capsys, "--home", home, *FLEET, "--json")[1])
    assert sum(file["written"]["inserted"] for report in again["loaded"] for file in report["files"]) == 0
    assert (lake.count(READING), lake.count(ASSET), lake.version(READING)) == held


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("score", "anomaly/zscore"), "no anomaly/zscore@champion"),
        (("score", "anomaly"), "no anomaly@champion"),
        (("score", "anomalie"), "Did you mean anomaly"),
        (("score", "anomaly", "--version", "3"), "a family"),
        (("score", "anomaly", "--since", "yesterday-ish"), "a date or time"),
        (("train", "maintenance/failur"), "Did you mean maintenance/failure"),
        (("train", "maintenance/failure"), "metrify ingest assets"),
        (("backtest", "anomaly", "--set", "limit=3"), "one family"),
        (("simulate", "--interval", "7"), "15"),
    ],
)
def test_what_cannot_be_done_is_said(capsys, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    code, out, _ = run(capsys, "--home", str(tmp_path / "home"), *words, "--json")
    assert code in {1, 2}
    assert said in strict(out)["message"]
