"""What the demo refuses, and where it says that everything is; the demo itself is in journeys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metrify.cli.operate import _doors
from metrify.errors import BadValue
from metrify.lake.tables import Lake
from metrify.quickstart import demo
from metrify.schema import READING
from metrify.serving.doors import doors, verb
from metrify.settings import Workspace
from tests.features.test_build import readings


def test_a_workspace_with_meters_of_ones_own_is_refused_before_anything_happens(workspace: Workspace) -> None:
    Lake(workspace).upsert(READING, readings("mine", 60, days=1))
    told: list[str] = []
    with pytest.raises(BadValue, match=r"--home or METRIFY_HOME.*1 other meters, such as mine"):
        demo(workspace, lambda *news: told.extend(news))
    assert told == []
    assert Lake(workspace).meters()["meter_id"].tolist() == ["mine"]


def test_the_doors_are_where_up_will_open_them(workspace: Workspace) -> None:
    links = {link.name: link for link in doors(workspace)}
    ports = json.loads((workspace.run / "ports.json").read_text())
    assert links["API docs"].address == f"http://127.0.0.1:{ports['api']}/docs"
    assert links["MLflow UI"].address == f"http://127.0.0.1:{ports['mlflow']}"
    assert links["Ray dashboard"].address == f"http://127.0.0.1:{ports['dashboard']}"
    assert {link.how for link in links.values()} == {f"metrify --home {workspace.home} up"}
    lines = "\n".join(_doors(workspace, tuple(links.values())))
    assert all(link.address in lines for link in links.values())
    assert f"metrify --home {workspace.home} up" in lines


def test_a_command_names_the_home_only_where_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = Workspace.open(tmp_path / ".metrify")
    assert verb(here, "up") == "metrify up"
    (tmp_path / "Makefile").write_text("")
    assert verb(here, "down") == "make down"
    assert verb(Workspace.open(tmp_path / "two words"), "up") == f"metrify --home '{tmp_path}/two words' up"
