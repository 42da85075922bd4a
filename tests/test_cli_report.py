"""`metrify report quality` as a person and a program meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metrify.lake.tables import Lake
from metrify.schema import GRADE, METER
from metrify.settings import Workspace
from tests.report.judged import make_grades, make_meters, put
from tests.test_cli import run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = Workspace.open(tmp_path_factory.mktemp("report"))
    put(Lake(workspace), GRADE, make_grades(4, 30))
    put(Lake(workspace), METER, make_meters(["silent", "[bold]"]))
    return workspace.home


def test_the_page_is_written_and_told_of_in_json(capsys, home: Path) -> None:
    code, out, _ = run(capsys, "--home", str(home), "report", "quality", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["path"] == str(home / "reports" / "quality.html")
    assert Path(told["path"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (told["meters"], told["meter_days"]) == (4, 120)
    assert sum(told["grades"].values()) == 120
    assert told["worst"][0] == "silent"
    assert 0 < told["measured"] < 1


def test_people_see_the_grades_and_where_the_page_is(capsys, home: Path, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "week.html"
    asked = ["--since", "2024-03-05", "--until", "2024-03-12", "--out", str(page)]
    code, out, _ = run(capsys, "--home", str(home), "report", "quality", *asked)
    assert code == 0
    assert "28 meter-days of 4 meters" in out
    assert page.name in out
    assert "from 2024-03-05 to 2024-03-11" in page.read_text(encoding="utf-8")


def test_the_page_of_one_meter(capsys, home: Path) -> None:
    code, out, _ = run(capsys, "--home", str(home), "report", "quality", "--meter", "silent", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["path"] == str(home / "reports" / "quality-silent.html")
    assert told["grades"] == {"A": 0, "B": 0, "C": 0, "D": 0, "E": 0, "F": 30}
    code, out, _ = run(capsys, "--home", str(home), "report", "quality", "--meter", "[bold]")
    assert code == 0
    assert "No meter-day has a grade yet: run metrify vee." in out


def test_what_was_asked_wrong_is_refused(capsys, home: Path) -> None:
    start = ["--home", str(home), "report", "quality"]
    code, _, err = run(capsys, *start, "--meter", "nobody")
    assert code == 1
    assert "Unknown meter: nobody" in err
    code, _, err = run(capsys, *start, "--since", "yesterday")
    assert code == 2
    assert "wanted a date" in " ".join(err.split())
    code, _, err = run(capsys, *start, "--since", "2024-03-05", "--until", "2024-03-05")
    assert code == 2
    assert "a day after 2024-03-05" in " ".join(err.split())


def test_an_empty_workspace_has_a_page(capsys, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "--home", str(tmp_path), "report", "quality", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["meter_days"], told["measured"]) == (0, None)
    assert (tmp_path / "reports" / "quality.html").exists()


def test_help_shows_an_example(capsys) -> None:
    code, out, _ = run(capsys, "report", "quality", "--help")
    assert code == 0
    assert "metrify report quality --since" in out
