"""The command line as a person and a program meet it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from metrify.cli import main

HEAVY = ("ray", "numpy", "pandas", "pyarrow", "mlflow", "tensorflow", "lightgbm", "pydantic", "fastapi")


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a verb."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_help_lists_every_verb_and_loads_nothing_heavy() -> None:
    code = f"import sys, metrify.cli.door; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_verb_shows_an_example(capsys) -> None:
    _, listed, _ = run(capsys, "--help")
    for verb in ("ingest", "vee", "lake", "search", "train", "backtest", "models", "promote", "rollback", "demo", "up"):
        assert verb in listed
        code, text, _ = run(capsys, verb, "--help")
        assert code == 0
        assert f"metrify {verb}" in text


def csv(folder: Path, *lines: str) -> Path:
    path = folder / "readings.csv"
    path.write_text("\n".join(["meter_id,timestamp,kwh,version", *lines]) + "\n")
    return path


def test_ingest_tells_what_became_of_each_row(capsys, tmp_path) -> None:
    file = csv(
        tmp_path,
        "m1,2020-01-01T00:00:00Z,0.5,0",
        "m1,2020-01-01T01:00:00Z,0.6,0",
        "m1,2020-01-01T01:00:00Z,0.6,0",
        "m1,2020-01-01T01:00:00Z,0.9,0",
        "m1,2020-01-01T02:00:00Z,NaN,0",
        "m1,2020-01-01T03:00:00Z,-0.4,0",
    )
    home = str(tmp_path / "home")
    code, out, _ = run(capsys, "--home", home, "ingest", "readings", str(file), "--json")
    assert code == 0
    (report,) = json.loads(out)["files"]
    assert report["rows"] == 6
    assert report["written"]["inserted"] == 3
    assert sum(report["quarantined"].values()) == 2
    assert report["warnings"]
    code, out, _ = run(capsys, "--home", home, "lake", "--json")
    assert json.loads(out)["READING"]["rows"] == 3
    assert json.loads(out)["QUARANTINE"]["rows"] == 2


def test_an_error_says_what_to_do_and_ends_with_its_code(capsys, tmp_path) -> None:
    home = ["--home", str(tmp_path / "home")]
    code, out, err = run(capsys, *home, "ingest", "readings", str(tmp_path / "absent.csv"))
    assert (code, out) == (2, "")
    assert "UnreadableFile" in err
    code, out, _ = run(capsys, *home, "train", "forecasting/lightgbm", "--json")
    assert code == 1
    assert json.loads(out)["error"] == "EmptyTable"
    code, _, err = run(capsys, *home, "ingest", "reedings", "x.csv")
    assert code == 2
    assert "reading" in err


def test_a_misspelt_setting_of_the_workspace_is_refused(capsys, tmp_path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text("[forecasting]\nhorizn = '1d'\n")
    code, _, err = run(capsys, "--home", str(home), "vee")
    assert code == 2
    assert "Did you mean horizon" in " ".join(err.split())
