"""What FEATURE was built from stays with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrify.errors import BadValue, EmptyTable
from metrify.features.build import feature_schema
from metrify.features.origin import Origin
from metrify.lake.commit import commit, write_part
from metrify.lake.tables import Lake
from metrify.schema import FEATURE, READING
from metrify.settings import Workspace
from tests.features.test_build import readings


def built(workspace: Workspace, origin: Origin | None) -> None:
    """An empty FEATURE, committed as a build does."""
    root = workspace.lake / FEATURE.name
    part = write_part(root, feature_schema().empty_table(), 0, "2013-03")
    commit(root, feature_schema(), [part], "overwrite", metadata=origin.metadata() if origin else None)


def changed(workspace: Workspace, text: str) -> Workspace:
    """The workspace as a process sees it that starts after its settings were changed."""
    Path(workspace.home, "settings.toml").write_text(text)
    return Workspace.open(workspace.home)


def test_later_readings_do_not_change_what_features_were_built_from(workspace: Workspace) -> None:
    lake = Lake(workspace)
    lake.upsert(READING, readings("m1", 60, days=2))
    origin = Origin.now(workspace)
    built(workspace, origin)
    lake.upsert(READING, readings("m2", 60, days=2))
    assert Origin.of_features(workspace) == origin
    assert origin.lake["READING"] == lake.version(READING) - 1
    assert origin.lake["HOLIDAY"] == -1
    built(workspace, Origin.now(workspace))  # the second commit goes another way than the first, which makes the table
    assert Origin.of_features(workspace).lake["READING"] == lake.version(READING)


@pytest.mark.parametrize("line", ['target = "kvarh"', 'horizon = "2d"', 'issue_at = "09:00"'])
def test_features_of_another_question_are_refused(workspace: Workspace, line: str) -> None:
    built(workspace, Origin.now(workspace))
    with pytest.raises(BadValue, match=f"{line.split(maxsplit=1)[0]}.*metrify features build"):
        Origin.of_features(changed(workspace, f"[forecasting]\n{line}\n"))


def test_settings_that_ask_the_same_question_are_none_of_its_business(workspace: Workspace) -> None:
    built(workspace, Origin.now(workspace))
    Origin.of_features(changed(workspace, '[forecasting]\nhorizon = "1d"\nfolds = 3\n'))


def test_features_that_do_not_say_are_built_again(workspace: Workspace) -> None:
    with pytest.raises(EmptyTable, match="metrify features build"):
        Origin.of_features(workspace)
    built(workspace, None)
    with pytest.raises(BadValue, match="metrify features build"):
        Origin.of_features(workspace)
