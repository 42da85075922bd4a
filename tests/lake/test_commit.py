"""Parts that many tasks wrote become visible at once, whoever else commits meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from metrify.errors import LakeConflict
from metrify.lake import commit as module
from metrify.lake.commit import Part, commit, write_part

ROWS = pa.table({"meter_id": ["a"], "x": [1.0]})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "FEATURE"


def _parts(root: Path) -> list[Part]:
    return [write_part(root, ROWS, 3, "2024-01")]


def _overtaken(times: int) -> tuple[Callable[[Path], DeltaTable | None], list[int]]:
    """A way to read a table, after which another writer replaces it: `times` times, each of which is noted."""
    noted: list[int] = []

    def read(root: Path) -> DeltaTable | None:
        table = DeltaTable(root) if DeltaTable.is_deltatable(str(root)) else None
        if len(noted) < times:
            noted.append(commit(root, ROWS.schema, _parts(root), "overwrite"))
        return table

    return read, noted


@pytest.mark.parametrize(("mode", "rows"), [("overwrite", 1), ("append", 2)])
@pytest.mark.parametrize("there", [True, False])
def test_a_commit_that_loses_a_race_reads_again_and_retries(root: Path, mode, rows: int, there: bool) -> None:
    if there:
        commit(root, ROWS.schema, _parts(root), "overwrite")
    read, noted = _overtaken(2)
    version = commit(root, ROWS.schema, _parts(root), mode, read=read)
    assert noted == [version - 2, version - 1]
    assert DeltaTable(root).count() == rows


def test_a_commit_that_keeps_losing_says_so_and_changes_nothing(root: Path) -> None:
    commit(root, ROWS.schema, _parts(root), "overwrite")
    read, noted = _overtaken(1000)
    with pytest.raises(LakeConflict, match=f"changed FEATURE during each of {module.TRIES} tries"):
        commit(root, ROWS.schema, _parts(root), "overwrite", read=read)
    assert len(noted) == module.TRIES
    assert DeltaTable(root).version() == noted[-1]
