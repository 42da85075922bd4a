"""`metrify export readings` as a person and a program meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metrify.cli import main
from metrify.lake.tables import Lake
from metrify.schema import READING
from metrify.settings import Workspace


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a verb."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def home(workspace: Workspace, tmp_path: Path, capsys) -> str:
    lines = [f"{meter},2024-01-01T0{hour}:00Z,{hour / 8}" for meter in ("m1", "m2") for hour in range(6)]
    path = tmp_path / "r.csv"
    path.write_text("\n".join(["meter_id,timestamp,kwh", *lines]) + "\n")
    run(capsys, "--home", str(workspace.home), "ingest", "readings", str(path))
    return str(workspace.home)


@pytest.mark.parametrize("clean", [[], ["--clean"]])
def test_what_is_exported_is_ingested_again(home: str, tmp_path: Path, capsys, clean: list[str]) -> None:
    out = tmp_path / "out.xml.gz"
    code, text, _ = run(capsys, "--home", home, "export", "readings", str(out), *clean, "--json")
    report = json.loads(text)
    assert (code, report["meters"], report["intervals"], report["inexact"]) == (0, 2, 12, [])
    other = str(tmp_path / "other")
    code, text, _ = run(capsys, "--home", other, "ingest", "readings", str(out), "--json")
    assert json.loads(text)["files"][0]["written"]["inserted"] == 12
    key = [("meter_id", "ascending"), ("timestamp", "ascending")]
    columns = ["meter_id", "timestamp", *READING.measures, "version", "available_at"]
    found = [Lake(Workspace.open(where)).read(READING, columns=columns).sort_by(key) for where in (home, other)]
    assert found[0].equals(found[1])


def test_a_part_is_exported_and_slips_are_told(home: str, tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "out.xml")
    part = ["--meter", "m2", "--since", "2024-01-01T02:00Z", "--until", "2024-01-01T05:00Z"]
    _, text, _ = run(capsys, "--home", home, "export", "readings", out, *part, "--json")
    assert (json.loads(text)["meters"], json.loads(text)["values"]) == (1, 3)
    for slip, code in ((["--meter", "m3"], 1), (["--since", "soon"], 2), (["--until", "2001-01-01"], 1)):
        assert run(capsys, "--home", home, "export", "readings", out, *slip)[0] == code
    code, text, _ = run(capsys, "export", "readings", "--help")
    assert "metrify export readings my.xml" in text
