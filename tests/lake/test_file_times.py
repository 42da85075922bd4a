"""Times in files: interval ends, clock changes, offsets, when a row became available and when it was ingested."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from metrify.errors import BadMapping
from metrify.lake.files import ingest
from metrify.lake.mapping import Mapping
from metrify.lake.tables import Lake, Written
from metrify.schema import READING, READING_HISTORY, WEATHER
from metrify.settings import Workspace
from tests.lake.files import LONDON, ingest_one, write_lines
from tests.lake.rows import START, history


def test_interval_ends_and_the_day_of_25_hours(workspace: Workspace, tmp_path: Path) -> None:
    ends = pd.date_range("2024-10-26T23:30Z", periods=50, freq="30min")
    clock = ends.tz_convert("Europe/London").tz_localize(None)
    rows = [(meter, stamp) for stamp in clock for meter in ("a", "b")]  # meters interleave
    path = tmp_path / "r.csv"
    pd.DataFrame({"id": [m for m, _ in rows], "time": [t for _, t in rows], "use": 1.0}).to_csv(path, index=False)
    mapping = Mapping.of(
        {**vars(LONDON), "columns": {"meter_id": "id", "timestamp": "time", "kwh": "use"}, "stamp": "end"}
    )
    assert ingest_one(workspace, "readings", path, mapping).written == Written(inserted=100)
    for meter in "ab":
        starts = Lake(workspace).read(READING, meter_ids=[meter])["timestamp"].to_pandas().sort_values()
        assert starts.tolist() == (ends - pd.Timedelta("30min")).tolist()


def test_versions_in_one_file_at_the_clock_change(workspace: Workspace, tmp_path: Path) -> None:
    """Each revision delivers the repeated hour twice: stamps are paired within a revision."""
    lines = [f"a,2024-10-27 0{h}:00,{rev}{n},{rev}" for rev in (1, 2) for n, h in enumerate((0, 1, 1, 2))]
    path = write_lines(tmp_path / "r.csv", ["id,time,use,rev", *lines])
    columns = {"meter_id": "id", "timestamp": "time", "kwh": "use", "version": "rev"}
    report = ingest_one(workspace, "readings", path, Mapping.of({"zone": "Europe/London", "columns": columns}))
    assert report.written == Written(inserted=4, superseded=4)
    rows = Lake(workspace).read(READING).sort_by("timestamp")
    assert rows["kwh"].to_pylist() == [20.0, 21.0, 22.0, 23.0]
    assert [t.hour for t in rows["timestamp"].to_pylist()] == [23, 0, 1, 2]
    assert ingest_one(
        workspace, "readings", path, Mapping.of({"zone": "Europe/London", "columns": columns})
    ).written == Written(unchanged=4, superseded=4)
    assert len(history(Lake(workspace))) == 4


def test_available_at_follows_the_interval_of_each_meter(workspace: Workspace, tmp_path: Path) -> None:
    lines = [f"q,2024-01-01T00:{m:02d}Z,1" for m in (0, 15, 30, 45)] + [f"h,2024-01-01T{h:02d}:00Z,1" for h in range(4)]
    ingest_one(
        workspace,
        "readings",
        write_lines(tmp_path / "r.csv", ["meter_id,timestamp,kwh", *lines, "one,2024-01-01T00:00Z,1"]),
    )
    rows = Lake(workspace).read(READING).to_pandas()
    lengths = (rows["available_at"] - rows["timestamp"]).groupby(rows["meter_id"]).unique().map(list)
    assert lengths.to_dict() == {
        "q": [pd.Timedelta("15min")],
        "h": [pd.Timedelta("1h")],
        "one": [pd.Timedelta("1h")],
    }


def test_rows_off_the_grid_are_told(workspace: Workspace, tmp_path: Path) -> None:
    lines = ["id,time,use", *(f"a,2024-01-01 0{h}:15,1" for h in range(5)), "a,2024-01-01 07:22,1"]
    report = ingest_one(workspace, "readings", write_lines(tmp_path / "r.csv", lines), LONDON)
    assert report.written.inserted == 6
    assert report.warnings == {"off the grid of 30 minutes": 1}


def test_weather_forecasts_are_available_from_their_issue(workspace: Workspace, tmp_path: Path) -> None:
    lines = ["t,issued,c", "2024-01-02 00:00,2024-01-01 00:00,1", "2024-01-02 00:00,2024-01-01 06:00,2"]
    path = write_lines(tmp_path / "f.csv", lines)
    base = {"zone": "UTC", "constants": {"location": "x", "kind": "forecast"}}
    columns = {"timestamp": "t", "temperature_c": "c"}
    ingest_one(workspace, "weather", path, Mapping.of({**base, "columns": {**columns, "available_at": "issued"}}))
    lake = Lake(workspace)
    rows = lake.read(WEATHER).sort_by("available_at")
    assert rows["temperature_c"].to_pylist() == [1.0, 2.0]
    assert rows["available_at"].to_pylist() == [START, START + timedelta(hours=6)]
    ingest_one(
        workspace,
        "weather",
        write_lines(tmp_path / "g.csv", lines[:2]),
        Mapping.of({**base, "columns": columns, "lead_minutes": 90}),
    )
    assert lake.read(WEATHER)["available_at"].to_pandas().max() == pd.Timestamp("2024-01-01T22:30Z")


def test_history_and_readings_keep_the_ingestion_time_of_the_file(workspace: Workspace, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    path = write_lines(
        tmp_path / "r.csv", ["meter_id,timestamp,kwh,version", "a,2024-01-01T00:00Z,1,1", "a,2024-01-01T00:00Z,2,2"]
    )
    ingest_one(workspace, "readings", path)
    lake = Lake(workspace)
    [first] = lake.read(READING)["ingested_at"].to_pylist()
    [kept] = lake.read(READING_HISTORY)["ingested_at"].to_pylist()
    assert before <= first == kept <= datetime.now(UTC)


def test_stamps_without_offset_need_a_zone(workspace: Workspace, tmp_path: Path) -> None:
    head = "meter_id,timestamp,kwh"
    path = write_lines(tmp_path / "naive.csv", [head, "a,2024-01-01 00:00,1", "a,2024-01-01 01:00,1"])
    with pytest.raises(BadMapping, match=r"naive.csv: .*no offset.*Add zone"):
        ingest(workspace, "readings", [path])
    assert not Lake(workspace).exists(READING)
    mixed = write_lines(tmp_path / "mixed.csv", [head, "a,2024-01-01 00:00,1", "a,2024-01-01T01:00Z,1"])
    report = ingest_one(workspace, "readings", mixed)
    assert (report.written.inserted, report.quarantined.total()) == (1, 1)
