"""Validate, impute, grade, edit and view as a person types it and a program reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from metrify.cli import main
from metrify.lake.tables import Lake
from metrify.schema import CLEAN, FINDING, READING
from tests.vee.lake import fill


@pytest.fixture
def say(workspace, capsys):
    """`say("vee")`: exit code, and the answer of the verb, or what it said on stderr."""

    def run(*words: str) -> tuple[int, dict]:
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(workspace.home), "--json", *words])
        return int(ended.value.code or 0), json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    fill(lake)
    return lake


def test_from_findings_to_what_bills_are_made_of(lake: Lake, say, tmp_path: Path, ray_session) -> None:
    before = lake.read(READING)
    code, report = say("vee", "--out", str(tmp_path / "found" / "findings.csv"))
    assert code == 0
    assert report["intervals"]["spike"] == 1
    rows = pacsv.read_csv(tmp_path / "found" / "findings.csv")
    assert rows.schema.names == FINDING.names
    assert rows.num_rows == lake.count(FINDING)
    code, told = say("quality", "--worst", "1")
    assert told["days"]["F"] > 0
    assert "metrify impute" in told["next_step"]
    code, report = say("impute")
    assert (code, report["written"]) == (0, 28)
    assert sum(report["methods"].values()) == 28
    assert say("impute")[1]["written"] == 0
    assert say("quality")[1]["days"]["F"] < told["days"]["F"]
    code, first = say("clean", "--out", str(tmp_path))
    assert first["status"]["estimated"] == 28
    assert pq.read_table(tmp_path / "clean.parquet").schema.names == CLEAN.names
    assert lake.read(READING).equals(before)


def test_edits_are_applied_listed_and_undone(lake: Lake, say, tmp_path: Path) -> None:
    file = tmp_path / "edits.csv"
    file.write_text(
        "meter_id,timestamp,column,value\nwhole,2024-01-02T00:00Z,kwh,1.25\nwhole,2024-01-03T00:00Z,kwh,2\n"
    )
    words = ["edit", "apply", str(file), "--author", "A. Clerk", "--reason", "read on site"]
    code, done = say(*words)
    assert (code, done["written"]) == (0, 2)
    assert say(*words)[1]["written"] == 0
    listed = say("edit", "list", "--meter", "whole")[1]["edits"]
    assert [row["after"] for row in listed] == [1.25, 2.0]
    assert listed[0]["author"] == "A. Clerk"
    assert say("edit", "undo", listed[0]["edit_id"], "--author", "B")[1]["written"] == 1
    assert len(say("edit", "list")[1]["edits"]) == 1
    assert [row["state"] for row in say("edit", "list", "--all")[1]["edits"]] == ["undone", "holds"]
    undone = say("edit", "undo", "--meter", "whole", "--since", "2024-01-03", "--until", "2024-01-04")[1]
    assert undone["written"] == 1
    out = tmp_path / "clean.csv"
    answer = say("clean", "--out", str(out), "--meter", "whole", "--since", "2024-01-02", "--until", "2024-01-04")[1]
    assert answer["status"] == {"measured": 48}
    assert answer["versions"]["EDIT"] >= 0
    assert pacsv.read_csv(out).num_rows == 48


def test_what_is_wrong_is_told_before_any_work(lake: Lake, say, tmp_path: Path) -> None:
    for words, error in (
        (["vee", "--out", str(tmp_path / "findings.xlsx")], "BadValue"),
        (["clean", "--out", str(tmp_path / "clean.json")], "BadValue"),
        (["edit", "apply", str(tmp_path / "absent.csv"), "--author", "A", "--reason", "B"], "UnreadableFile"),
        (["edit", "undo"], "BadValue"),
        (["edit", "undo", "--since", "2024-01-01"], "BadValue"),
        (["edit", "undo", "nothing"], "BadValue"),
    ):
        code, answer = say(*words)
        assert (code, answer["error"]) == (2, error)
    for words, error in ((["quality"], "EmptyTable"), (["quality", "--meter", "nobody"], "UnknownMeter")):
        code, answer = say(*words)
        assert (code, answer["error"]) == (1, error)
    assert not lake.exists(FINDING)


def test_people_get_tables(lake: Lake, workspace, capsys, tmp_path: Path) -> None:
    file = tmp_path / "edits.csv"
    file.write_text("meter_id,timestamp,column,value\nwhole,2024-01-02T00:00Z,kwh,1.25\n")
    for words in (
        ["edit", "apply", str(file), "--author", "A", "--reason", "why"],
        ["edit", "list"],
        ["clean", "--out", str(tmp_path / "clean.parquet")],
    ):
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(workspace.home), *words])
        assert not ended.value.code
    out = capsys.readouterr().out
    assert "1 edits hold now" in out
    assert "whole" in out
    assert "measured" in out
