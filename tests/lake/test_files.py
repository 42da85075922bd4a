"""Files through the one door: kinds, layouts, units, every table, and what is counted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrify.lake import staging
from metrify.lake.files import ingest
from metrify.lake.mapping import Mapping
from metrify.lake.tables import Lake, Written
from metrify.schema import EVENT, GRID, METER, READING, SOLAR, TARIFF, WEATHER
from metrify.settings import Workspace
from tests.lake.files import LONDON, ingest_one, write_lines
from tests.lake.rows import START, history, quarantined, state


def test_a_csv_named_like_the_table_needs_no_mapping(workspace: Workspace, tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "r.csv",
        [
            "meter_id,timestamp,kwh,note",
            "a,2024-01-01T00:00:00Z,1.5,x",
            "a,2024-01-01T02:00:00+01:00,2.5,",
            "7,2024-01-01 00:00Z,0,",
        ],
    )
    report = ingest_one(workspace, "readings", path)
    assert report.written == Written(inserted=3)
    assert (report.first, report.last, report.meters) == (START, START + timedelta(hours=1), 2)
    assert state(Lake(workspace)) == {("a", 0): (1.5, 1), ("a", 1): (2.5, 1), ("7", 0): (0.0, 1)}


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_every_kind_of_file_gives_the_same_table_and_again_nothing(
    workspace: Workspace, tmp_path: Path, kind: str
) -> None:
    times = pd.date_range("2024-06-01", periods=96, freq="30min")
    frame = pd.DataFrame(
        {"id": np.repeat(["a", "b", "c"], 96), "time": np.tile(times, 3), "use": np.arange(288) / 10}
    ).sort_values("time", kind="stable")
    path = tmp_path / f"r.{kind}"
    frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)
    assert ingest_one(workspace, "readings", path, LONDON).written == Written(inserted=288)
    lake = Lake(workspace)
    rows = lake.read(READING).to_pandas().sort_values(["meter_id", "timestamp"], ignore_index=True)
    assert rows["kwh"].tolist() == (np.arange(288) / 10).tolist()
    assert rows["timestamp"][0] == pd.Timestamp("2024-05-31T23:00Z")  # British summer time
    assert (rows["available_at"] - rows["timestamp"]).unique().tolist() == [pd.Timedelta("30min")]
    version = lake.version(READING)
    assert ingest_one(workspace, "readings", path, LONDON).written == Written(unchanged=288)
    assert lake.version(READING) == version


def test_a_wide_file_has_a_column_a_meter(workspace: Workspace, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "w.csv", ["time;m1;m2", "2024-01-01 00:30;1000;", "2024-01-01 01:00;2000;0,5"])
    mapping = Mapping.of(
        {
            "layout": "wide",
            "zone": "UTC",
            "stamp": "end",
            "interval_minutes": 30,
            "delimiter": ";",
            "decimal": ",",
            "columns": {"timestamp": "time"},
            "wide": {"target": "kwh", "unit": "W"},
        }
    )
    report = ingest_one(workspace, "readings", path, mapping)
    assert (report.rows, report.warnings["empty cells: no reading"]) == (3, 1)
    rows = {(r["meter_id"], r["timestamp"]): r["kwh"] for r in Lake(workspace).read(READING).to_pylist()}
    half = timedelta(minutes=30)
    assert rows == {("m1", START): 0.5, ("m1", START + half): 1.0, ("m2", START + half): 0.00025}


def test_wide_and_long_give_the_same(tmp_path: Path) -> None:
    times = pd.date_range("2024-10-26T23:00Z", periods=30, freq="h").tz_convert("Europe/London").tz_localize(None)
    wide = pd.DataFrame(np.random.default_rng(0).uniform(0, 3, (30, 7)), columns=[f"m{n}" for n in range(7)]).round(3)
    wide.insert(0, "time", times)
    wide.to_parquet(tmp_path / "wide.parquet")
    wide.melt("time", var_name="id", value_name="use").to_csv(tmp_path / "long.csv", index=False)
    cells = {"layout": "wide", "zone": "Europe/London", "columns": {"timestamp": "time"}, "wide": {"target": "kwh"}}
    tables = []
    for name, mapping in (("wide.parquet", Mapping.of(cells)), ("long.csv", LONDON)):
        workspace = Workspace.open(tmp_path / name.split(".")[0])
        assert ingest_one(workspace, "readings", tmp_path / name, mapping).written == Written(
            inserted=210
        )  # 25 hours paired
        rows = Lake(workspace).read(READING, columns=["meter_id", "timestamp", "kwh"])
        tables.append(rows.sort_by([("meter_id", "ascending"), ("timestamp", "ascending")]))
    assert tables[0].equals(tables[1])


def test_a_meter_of_three_readings(workspace: Workspace, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.csv", ["meter_id,timestamp,kwh", *(f"a,2024-01-0{d}T00:00Z,1" for d in (1, 2, 5))])
    assert ingest_one(workspace, "readings", path).written == Written(inserted=3)


def test_units_scale_and_constants(workspace: Workspace, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "w.csv", ["t,f,h,p", "2024-01-01T00:00Z,50,0.5,1013"])
    mapping = Mapping.of(
        {
            "interval_minutes": 60,
            "columns": {
                "timestamp": "t",
                "temperature_c": {"column": "f", "unit": "degF"},
                "humidity": {"column": "h", "unit": "fraction"},
                "pressure_hpa": {"column": "p", "unit": "kPa", "scale": 0.1},
            },
            "constants": {"location": "london", "kind": "observed"},
        }
    )
    ingest_one(workspace, "weather", path, mapping)
    [row] = Lake(workspace).read(WEATHER).to_pylist()
    assert (row["location"], row["kind"]) == ("london", "observed")
    assert row["temperature_c"] == pytest.approx(10)
    assert row["humidity"] == 50
    assert row["pressure_hpa"] == pytest.approx(1013)
    assert row["available_at"] == START + timedelta(hours=1)


def test_other_tables_through_the_same_door(workspace: Workspace, tmp_path: Path) -> None:
    lake = Lake(workspace)
    files = {
        "solar": ["meter_id,timestamp,generation_kwh", "a,2024-01-01T00:00Z,1.5"],
        "grid": ["node_id,timestamp,load_kw", "t1,2024-01-01T00:00Z,250"],
        "tariff": ["tariff_id,timestamp,band", "x,2024-01-01T00:00Z,High"],
        "meters": [
            "meter_id,valid_from,zone,interval_minutes",
            "a,2024-01-01T00:00Z,Europe/London,30",
            "b,2024-01-01T00:00Z,Mars,30",
        ],
        "events": ["subject_id,timestamp,kind,until", "t1,2024-01-01T00:00Z,outage,2024-01-01T02:00Z"],
    }
    reports = {
        name: ingest_one(workspace, name, write_lines(tmp_path / f"{name}.csv", lines)) for name, lines in files.items()
    }
    assert {name: report.written.inserted for name, report in reports.items()} == dict.fromkeys(files, 1)
    assert lake.read(SOLAR)["generation_kwh"].to_pylist() == [1.5]
    assert lake.read(GRID)["available_at"].to_pylist() == [START + timedelta(hours=1)]
    assert lake.read(TARIFF)["band"].to_pylist() == ["High"]
    assert lake.read(METER)["interval_minutes"].to_pylist() == [30]
    assert lake.read(EVENT)["available_at"].to_pylist() == [START]
    assert "no IANA time zone" in quarantined(lake)["reason"][0]


def test_files_of_one_call_follow_each_other_and_progress_is_told(workspace: Workspace, tmp_path: Path) -> None:
    head = "meter_id,timestamp,kwh"
    paths = [
        write_lines(tmp_path / f"{n}.csv", [head, f"a,2024-01-01T00:00Z,{n}", f"a,2024-01-01T0{n}:00Z,1"])
        for n in (1, 2)
    ]
    told: list[int] = []
    report = ingest(workspace, READING, paths, progress=told.append)
    assert [file.file for file in report.files] == ["1.csv", "2.csv"]
    assert report.written == Written(inserted=3, updated=1)
    assert (told, report.rows) == ([2, 4], 4)
    assert history(Lake(workspace)) == [("a", 0, 1.0, 1)]


def test_a_file_of_many_batches_is_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    hours = rng.integers(0, 40, 3000)
    lines = [
        f"m{m},2024-01-01 {h % 24:02d}:00,{v},{r}"
        for m, h, v, r in zip(
            rng.integers(0, 60, 3000), hours, rng.integers(0, 3, 3000), rng.integers(1, 3, 3000), strict=True
        )
    ]
    path = write_lines(tmp_path / "r.csv", ["id,time,use,rev", *lines])
    columns = {"meter_id": "id", "timestamp": "time", "kwh": "use", "version": "rev"}
    results = []
    for batch in (staging.BATCH, 100):
        monkeypatch.setattr(staging, "BATCH", batch)
        workspace = Workspace.open(tmp_path / str(batch))
        report = ingest_one(workspace, "readings", path, Mapping.of({"zone": "UTC", "columns": columns}))
        lake = Lake(workspace)
        results.append(
            (state(lake), history(lake), quarantined(lake)["row"].tolist(), vars(report.written), report.meters)
        )
    assert results[0] == results[1]
    assert results[0][2]  # there were contradictions, too
