"""A READING table that is there but holds no rows: what others were made of earlier stays."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from metrify.errors import EmptyTable
from metrify.features.build import build
from metrify.lake.commit import commit, write_part
from metrify.lake.delta import open_table
from metrify.lake.tables import Lake
from metrify.schema import FEATURE, FINDING, READING, Table
from metrify.settings import Workspace
from metrify.vee.validate import validate_lake
from tests.lake.rows import START


@pytest.mark.parametrize(("step", "result"), [(build, FEATURE), (validate_lake, FINDING)])
def test_without_readings_nothing_is_replaced(
    workspace: Workspace, lake: Lake, step: Callable[[Workspace], object], result: Table
) -> None:
    open_table(workspace.lake / READING.name, READING)
    assert lake.exists(READING)
    rows = pa.table({"meter_id": ["a"], "timestamp": pa.array([START], READING["timestamp"].type)})
    root = workspace.lake / result.name
    commit(root, rows.schema, [write_part(root, rows, 3, "2024-01")], "append")
    with pytest.raises(EmptyTable, match="READING"):
        step(workspace)
    assert lake.count(result) == 1
