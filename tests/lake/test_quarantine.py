"""A refused row says of which meter and time it was, where that could be read; also in a table made before it did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from metrify.lake.files import ingest
from metrify.lake.quarantine import quarantine_rows
from metrify.lake.tables import Lake
from metrify.schema import QUARANTINE, READING
from metrify.settings import Workspace
from tests.lake.rows import quarantined

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def a_file(folder: Path, *lines: str) -> Path:
    path = folder / "readings.csv"
    path.write_text("\n".join(["meter_id,timestamp,kwh", *lines]) + "\n")
    return path


def test_meter_and_time_are_kept_where_they_could_be_read(workspace: Workspace, tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        "a,2024-01-01T00:00:00Z,0.5",
        "a,2024-01-01T01:00:00Z,n/a",
        "b,2024-01-01T02:00:00Z,nan",
        "b,yesterday,0.5",
        ",2024-01-01T03:00:00Z,0.5",
        "b,2024-01-01T04:00:00Z,0.5,9",
    )
    ingest(workspace, READING, [path])
    found = quarantined(Lake(workspace)).set_index("row")
    assert found["meter_id"].fillna("").to_dict() == {2: "a", 3: "b", 4: "b", 5: "", 6: ""}
    hours = found["timestamp"].dt.hour
    assert hours.dropna().to_dict() == {2: 1, 3: 2, 5: 3}


def _without_the_new_columns(lake: Lake) -> None:
    """QUARANTINE as it was before: without meter and time."""
    rows = quarantine_rows(READING, "old.csv", [1], ["kwh: not a number (x)"], ['{"kwh": "x"}'], NOW)
    old = rows.drop_columns(["meter_id", "timestamp"])
    folder = lake.workspace.lake / QUARANTINE.name
    folder.mkdir(parents=True)
    DeltaTable.create(str(folder), old.schema, name=QUARANTINE.name)
    DeltaTable(folder).merge(old, "s.quarantine_id = t.quarantine_id", "s", "t").when_not_matched_insert_all().execute()


def test_a_table_of_old_is_read_and_grows_into_the_new_columns(lake: Lake, tmp_path: Path) -> None:
    _without_the_new_columns(lake)
    assert quarantined(lake)["meter_id"].isna().all()
    path = a_file(tmp_path, "a,2024-01-01T00:00:00Z,x")
    ingest(lake.workspace, READING, [path])
    found = quarantined(lake)
    assert found["meter_id"].fillna("").tolist() == ["", "a"]
    assert found["reason"].tolist() == ["kwh: not a number (x)"] * 2
    version = lake.version(QUARANTINE)
    ingest(lake.workspace, READING, [path])
    assert lake.version(QUARANTINE) == version


def test_a_row_quarantined_again_gains_its_meter_and_then_changes_nothing(lake: Lake) -> None:
    _without_the_new_columns(lake)
    read = pa.table({"meter_id": ["a"], "timestamp": pa.array([NOW], pa.timestamp("us", "UTC"))})
    later = NOW + timedelta(days=1)
    again = quarantine_rows(READING, "old.csv", [1], ["kwh: not a number (x)"], ['{"kwh": "x"}'], later, read)
    assert lake.upsert(QUARANTINE, again).updated == 1
    assert lake.upsert(QUARANTINE, again).unchanged == 1
    assert quarantined(lake)["meter_id"].tolist() == ["a"]
