"""`metrify contract`: a file against the contract of its table, before anything is loaded."""

from __future__ import annotations

import pandas as pd
import pytest

import metrify.registry
from metrify.models.quality.contract import from_yaml
from metrify.models.quality.validator import ExpectationsValidator
from metrify.settings import Workspace
from tests.models.quality.test_validator import of_homes
from tests.test_cli import run
from tests.test_console import strict


@pytest.fixture
def file(tmp_path):
    times = pd.date_range("2023-05-01", periods=4, freq="h", tz="UTC")
    frame = pd.DataFrame({"meter_id": "M002", "timestamp": times, "kwh": [3.0, 2.9, 40.0, 3.1]})
    frame.to_parquet(tmp_path / "readings.parquet")
    return tmp_path / "readings.parquet"


def test_a_file_that_keeps_it_ends_with_0_and_writes_nothing(capsys, workspace: Workspace, file, tmp_path) -> None:
    yaml = tmp_path / "readings.yaml"
    code, out, _ = run(
        capsys, "--home", str(workspace.home), "contract", "readings", str(file), "--yaml", str(yaml), "--json"
    )
    assert code == 0
    assert strict(out) == {"table": "READING", "rows": 4, "broken": 0, "contract": str(yaml), "reasons": []}
    assert from_yaml(yaml.read_text()).name == "READING"
    assert not list(workspace.lake.glob("*"))


def test_rows_that_break_it_are_told_and_it_ends_with_1(capsys, workspace: Workspace, file) -> None:
    frame = pd.read_parquet(file).assign(kwh=[3.0, None, 2e6, 3.1])
    frame.to_csv(file.with_suffix(".csv"), index=False)
    code, out, _ = run(capsys, "--home", str(workspace.home), "contract", "readings", str(file.with_suffix(".csv")))
    assert code == 1
    assert "2 breaches in 4 rows" in out
    assert "kwh is 2000000.0: it is above 1e+06 kWh" in out
    assert "no value in any of kwh" in out


class Champions:
    """A registry that holds one fitted validator."""

    def __init__(self, workspace: Workspace):
        self.home = workspace.home

    def load(self, name: str) -> tuple[ExpectationsValidator, str]:
        assert name == "quality/validator"
        return of_homes(), f"{name}:1"


def test_what_the_validator_learned_of_a_meter_narrows_it(
    capsys, workspace: Workspace, file, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrify.registry, "Registry", Champions)
    home = ["--home", str(workspace.home), "contract"]
    code, out, _ = run(capsys, *home, "readings", str(file), "--meter", "M002", "--json")
    assert code == 1
    (told,) = strict(out)["reasons"]
    assert told["row"] == 2
    assert told["reason"].startswith("kwh is 40.0: it is above ")
    for table, meter in (("weather", "M002"), ("readings", "M999")):
        code, _, err = run(capsys, *home, table, str(file), "--meter", meter)
        assert code == 2
        assert "readings" in err or "M002" in err


def test_a_file_that_is_none_is_refused(capsys, workspace: Workspace, tmp_path) -> None:
    for name in ("absent.parquet", "broken.parquet"):
        (tmp_path / "broken.parquet").write_text("no parquet")
        code, _, err = run(capsys, "--home", str(workspace.home), "contract", "readings", str(tmp_path / name))
        assert code == 2
        assert "UnreadableFile" in err


def test_a_place_where_no_contract_can_be_written_is_told(capsys, workspace: Workspace, file) -> None:
    for place in (file / "x.yaml", file.parent / "absent" / "x.yaml"):
        home = ["--home", str(workspace.home), "contract"]
        code, _, err = run(capsys, *home, "readings", str(file), "--yaml", str(place))
        assert code == 2
        assert "--yaml: wanted a place where a file can be written" in " ".join(err.split())
