"""Rows that their table's types would admit, but no place or time: each is quarantined with its reason."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metrify.lake.files import ingest
from metrify.lake.mapping import Mapping
from metrify.lake.tables import Lake, Written
from metrify.schema import HOLIDAY, METER, READING, SOLAR, WEATHER
from metrify.settings import Workspace
from tests.lake.files import ingest_one, write_lines
from tests.lake.rows import START, quarantined

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("table", "measure"), [(READING, "kwh"), (SOLAR, "generation_kwh")])
def test_what_is_dated_more_than_a_day_ahead_is_quarantined(
    workspace: Workspace, tmp_path: Path, table, measure: str
) -> None:
    stamps = ["2024-01-01T00:00Z", "2024-01-02T12:00Z", "2024-01-02T12:30Z", "2099-01-01T00:00Z"]
    path = write_lines(tmp_path / "r.csv", [f"meter_id,timestamp,{measure}", *(f"a,{stamp},1" for stamp in stamps)])
    now = pd.Timestamp("2024-01-01T13:00+01:00")
    [report] = ingest(workspace, table, [path], now=now).files
    assert report.written == Written(inserted=2)
    assert report.quarantined == {"timestamp: in the future": 2}
    lake = Lake(workspace)
    assert lake.read(table)["timestamp"].to_pandas().max() == pd.Timestamp("2024-01-02T12:00Z")
    refused = quarantined(lake)
    assert refused["row"].tolist() == [3, 4]
    assert "2099-01-01T00:00:00Z" in refused["reason"][1]
    later = ingest(workspace, table, [path], now=now + pd.Timedelta("1h"))
    assert later.written == Written(inserted=1, unchanged=2)


def test_prices_and_events_may_lie_in_the_future(workspace: Workspace, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t.csv", ["tariff_id,timestamp,price_per_kwh", "x,2099-01-01T00:00Z,1"])
    assert ingest_one(workspace, "tariff", path).written == Written(inserted=1)


def test_meters_of_unknown_places_and_of_intervals_that_leave_a_rest(workspace: Workspace, tmp_path: Path) -> None:
    rows = [
        "a,Europe/London,GB,ENG,30",
        "b,Europe/London,,,",
        "c,Europe/London,XX,,30",
        "d,Europe/London,GB,ZZ,30",
        "e,Europe/London,GB,,7",
        "f,Europe/London,GB,,0",
        "g,Mars,XX,,7",
        "h,Europe/London,,ENG,1440",
    ]
    head = "valid_from,meter_id,zone,country,subdivision,interval_minutes"
    path = write_lines(tmp_path / "m.csv", [head, *(f"2024-01-01T00:00Z,{row}" for row in rows)])
    assert ingest_one(workspace, "meters", path).written == Written(inserted=4)
    assert sorted(Lake(workspace).read(METER)["meter_id"].to_pylist()) == ["a", "b", "d", "h"]
    reasons = quarantined(Lake(workspace))["reason"].tolist()
    wanted = [
        "country: 'XX' is no ISO 3166 country",
        "interval_minutes: does not divide a day (7 minutes)",
        "interval_minutes is below 1 min",
        "zone: 'Mars' is no IANA time zone",
    ]
    assert [reason.startswith(start) for reason, start in zip(reasons, wanted, strict=True)] == [True] * 4


def test_an_observation_is_not_known_before_its_interval_is_over(workspace: Workspace, tmp_path: Path) -> None:
    lines = ["t,k,c", "2024-01-01T05:00Z,observed,1", "2024-01-01T05:00Z,forecast,2"]
    columns = {"timestamp": "t", "kind": "k", "temperature_c": "c"}
    content = {"interval_minutes": 60, "columns": columns, "constants": {"location": "x"}}
    mapping = Mapping.of({**content, "lead_minutes": 180})
    ingest_one(workspace, "weather", write_lines(tmp_path / "w.csv", lines), mapping)
    assert _known(workspace) == {"observed": [START + 6 * HOUR], "forecast": [START + 2 * HOUR]}


@pytest.mark.parametrize("interval", [{"interval_minutes": 60}, {}])
def test_an_observation_that_claims_to_be_known_earlier_is_known_at_its_end(
    workspace: Workspace, tmp_path: Path, interval: dict
) -> None:
    lines = [
        "t,k,at,c",
        "2024-01-01T05:00Z,observed,2024-01-01T05:00Z,1",  # too early: an hour is not over when it begins
        "2024-01-01T06:00Z,observed,2024-01-01T09:00Z,1",
        "2024-01-01T05:00Z,forecast,2024-01-01T00:00Z,2",
    ]
    columns = {"timestamp": "t", "kind": "k", "available_at": "at", "temperature_c": "c"}
    mapping = Mapping.of({**interval, "columns": columns, "constants": {"location": "x"}})
    path = write_lines(tmp_path / "w.csv", lines)
    for written in (Written(inserted=3), Written(unchanged=3)):
        assert ingest_one(workspace, "weather", path, mapping).written == written
    assert _known(workspace) == {"observed": [START + 6 * HOUR, START + 9 * HOUR], "forecast": [START]}


def _known(workspace: Workspace) -> dict:
    rows = Lake(workspace).read(WEATHER).sort_by("available_at").to_pylist()
    found: dict = {}
    for row in rows:
        found.setdefault(row["kind"], []).append(row["available_at"])
    return found


def test_numbers_that_are_not_whole_where_whole_ones_are_wanted(workspace: Workspace, tmp_path: Path) -> None:
    versions = ["1", "nan", "inf", "-Infinity", "1.5", "3000000000", "many"]
    rows = [f"a,2024-01-01T0{n}:00Z,1,{version}" for n, version in enumerate(versions)]
    path = write_lines(tmp_path / "r.csv", ["meter_id,timestamp,kwh,version", *rows])
    assert ingest_one(workspace, "readings", path).written == Written(inserted=1)
    reasons = quarantined(Lake(workspace)).set_index("row")["reason"]
    assert reasons[2] == "version: not a whole number (nan)"
    assert reasons[3] == "version: not a whole number (inf)"
    assert reasons[4] == "version: not a whole number (-inf)"
    assert reasons[7] == "version: not a number (many)"
    numbers = pa.array([float("nan"), None, 2.0], pa.float64())
    rows = pa.table({"meter_id": ["a"] * 3, "timestamp": [START] * 3, "kwh": [1.0] * 3, "version": numbers})
    pq.write_table(rows, tmp_path / "r.parquet")
    report = ingest_one(workspace, "readings", tmp_path / "r.parquet")
    assert report.written == Written(updated=1)
    assert report.quarantined == {"version: not a whole number": 1, "version is missing": 1}


def test_an_empty_region_of_a_holiday_means_the_whole_country(workspace: Workspace, tmp_path: Path) -> None:
    lines = ["country,subdivision,date,kind", "GB,,2024-12-25,public", "GB,SCT,2024-01-02,public"]
    path = write_lines(tmp_path / "h.csv", lines)
    assert ingest_one(workspace, "holidays", path).written == Written(inserted=2)
    found = {(row["subdivision"], row["date"]) for row in Lake(workspace).read(HOLIDAY).to_pylist()}
    assert found == {("", date(2024, 12, 25)), ("SCT", date(2024, 1, 2))}
