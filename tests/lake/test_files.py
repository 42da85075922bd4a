"""Files through the one door: layouts, units, times, what is quarantined and what is counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metrify.errors import BadMapping, MissingColumns, UnknownName, UnreadableFile
from metrify.lake import staging
from metrify.lake.files import FileReport, ingest
from metrify.lake.mapping import Mapping
from metrify.lake.tables import Lake, Written
from metrify.schema import EVENT, GRID, METER, READING, READING_HISTORY, SOLAR, TARIFF, WEATHER
from metrify.settings import Workspace
from tests.lake.rows import START, history, quarantined, state

LONDON = Mapping.of(
    {
        "zone": "Europe/London",
        "interval_minutes": 30,
        "columns": {"meter_id": "id", "timestamp": "time", "kwh": "use"},
    }
)


def _write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def _one(workspace: Workspace, table: str, path: Path, mapping: Mapping | None = None) -> FileReport:
    [report] = ingest(workspace, table, [path], mapping).files
    assert report.rows == sum(vars(report.written).values()) + report.quarantined.total()
    return report


def test_a_csv_named_like_the_table_needs_no_mapping(workspace: Workspace, tmp_path: Path) -> None:
    path = _write(
        tmp_path / "r.csv",
        [
            "meter_id,timestamp,kwh,note",
            "a,2024-01-01T00:00:00Z,1.5,x",
            "a,2024-01-01T02:00:00+01:00,2.5,",
            "7,2024-01-01 00:00Z,0,",
        ],
    )
    report = _one(workspace, "readings", path)
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
    assert _one(workspace, "readings", path, LONDON).written == Written(inserted=288)
    lake = Lake(workspace)
    rows = lake.read(READING).to_pandas().sort_values(["meter_id", "timestamp"], ignore_index=True)
    assert rows["kwh"].tolist() == (np.arange(288) / 10).tolist()
    assert rows["timestamp"][0] == pd.Timestamp("2024-05-31T23:00Z")  # British summer time
    assert (rows["available_at"] - rows["timestamp"]).unique().tolist() == [pd.Timedelta("30min")]
    version = lake.version(READING)
    assert _one(workspace, "readings", path, LONDON).written == Written(unchanged=288)
    assert lake.version(READING) == version


def test_a_wide_file_has_a_column_a_meter(workspace: Workspace, tmp_path: Path) -> None:
    path = _write(tmp_path / "w.csv", ["time;m1;m2", "2024-01-01 00:30;1000;", "2024-01-01 01:00;2000;0,5"])
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
    report = _one(workspace, "readings", path, mapping)
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
        assert _one(workspace, "readings", tmp_path / name, mapping).written == Written(inserted=210)  # 25 hours paired
        rows = Lake(workspace).read(READING, columns=["meter_id", "timestamp", "kwh"])
        tables.append(rows.sort_by([("meter_id", "ascending"), ("timestamp", "ascending")]))
    assert tables[0].equals(tables[1])


def test_interval_ends_and_the_day_of_25_hours(workspace: Workspace, tmp_path: Path) -> None:
    ends = pd.date_range("2024-10-26T23:30Z", periods=50, freq="30min")
    clock = ends.tz_convert("Europe/London").tz_localize(None)
    rows = [(meter, stamp) for stamp in clock for meter in ("a", "b")]  # meters interleave
    path = tmp_path / "r.csv"
    pd.DataFrame({"id": [m for m, _ in rows], "time": [t for _, t in rows], "use": 1.0}).to_csv(path, index=False)
    mapping = Mapping.of(
        {**vars(LONDON), "columns": {"meter_id": "id", "timestamp": "time", "kwh": "use"}, "stamp": "end"}
    )
    assert _one(workspace, "readings", path, mapping).written == Written(inserted=100)
    for meter in "ab":
        starts = Lake(workspace).read(READING, meter_ids=[meter])["timestamp"].to_pandas().sort_values()
        assert starts.tolist() == (ends - pd.Timedelta("30min")).tolist()


def test_versions_in_one_file_at_the_clock_change(workspace: Workspace, tmp_path: Path) -> None:
    """Each revision delivers the repeated hour twice: stamps are paired within a revision."""
    lines = [f"a,2024-10-27 0{h}:00,{rev}{n},{rev}" for rev in (1, 2) for n, h in enumerate((0, 1, 1, 2))]
    path = _write(tmp_path / "r.csv", ["id,time,use,rev", *lines])
    columns = {"meter_id": "id", "timestamp": "time", "kwh": "use", "version": "rev"}
    report = _one(workspace, "readings", path, Mapping.of({"zone": "Europe/London", "columns": columns}))
    assert report.written == Written(inserted=4, superseded=4)
    rows = Lake(workspace).read(READING).sort_by("timestamp")
    assert rows["kwh"].to_pylist() == [20.0, 21.0, 22.0, 23.0]
    assert [t.hour for t in rows["timestamp"].to_pylist()] == [23, 0, 1, 2]
    assert _one(
        workspace, "readings", path, Mapping.of({"zone": "Europe/London", "columns": columns})
    ).written == Written(unchanged=4, superseded=4)
    assert len(history(Lake(workspace))) == 4


def test_what_cannot_enter_is_quarantined_whole_and_the_rest_goes_in(workspace: Workspace, tmp_path: Path) -> None:
    lines = [
        "id,time,use",
        "a,2024-01-01 00:00,1.0",
        "a,2024-01-01 00:30,abc",  # 2
        "a,2024-01-01 01:00,nan",  # 3
        "a,2024-01-01 01:30,inf",  # 4
        "a,2024-01-01 02:00,",  # 5
        "a,2024-01-01 02:30",  # 6
        "a,2024-01-01 03:00,1.0,2.0",  # 7
        "a,yesterday,1.0",  # 8
        ",2024-01-01 03:30,1.0",  # 9
        "a,2024-03-31 01:30,1.0",  # 10: the skipped hour
        "a,2024-10-27 01:30,1.0",  # 11: alone in the repeated hour
        "a,2024-01-01 04:00,-2.5",
        "a,2024-01-01 00:00,1.0",  # a duplicate
        "a,2024-01-01 00:00,7.0",  # 14: contradicts
        "a,2024-01-01 04:30,2000000",  # 15
        "a,2024-01-01 05:00,3.0",
    ]
    path = _write(tmp_path / "bad.csv", lines)
    for written in (Written(inserted=3, repeated=1), Written(unchanged=3, repeated=1)):
        report = _one(workspace, "readings", path, LONDON)
        assert report.rows == 16
        assert report.written == written
        assert report.warnings == {"kwh below zero: a net meter exports, else it is wrong": 1}
        lake = Lake(workspace)
        assert {hour: kwh for (_, hour), (kwh, _) in state(lake).items()} == {0: 1.0, 4: -2.5, 5: 3.0}
        refused = quarantined(lake)
        assert refused["row"].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15]
        assert set(refused["source"]) == {"bad.csv"}
        assert set(refused["table"]) == {"READING"}
    wanted = [
        "kwh: not a number (abc)",
        "kwh is not a finite number",
        "kwh is not a finite number",
        "no value in any of",
        "wrong number of cells (2 instead of 3)",
        "wrong number of cells (4 instead of 3)",
        "timestamp: not a time (yesterday)",
        "meter_id is missing",
        "timestamp: this clock time does not exist in Europe/London",
        "timestamp: this clock time happens twice in Europe/London",
        "contradicts an earlier row of the same key and version (kwh 1.0 came first, this says 7.0)",
        "kwh is above 1e+06 kWh",
    ]
    assert [reason.startswith(start) for reason, start in zip(refused["reason"], wanted, strict=True)] == [True] * 12
    contents = [json.loads(content) for content in refused["content"]]
    assert contents[0] == {"id": "a", "time": "2024-01-01 00:30", "use": "abc"}
    assert contents[4] == {"line": "a,2024-01-01 02:30"}
    assert report.quarantined["kwh is not a finite number"] == 2
    assert report.quarantined["wrong number of cells"] == 2


def test_row_numbers_hold_over_many_blocks(workspace: Workspace, tmp_path: Path) -> None:
    count = 150_000  # several blocks of a CSV file
    lines = [f"m{n % 3},2024-01-01 00:00:{n % 60:02d}.{n:07d},{n}" for n in range(count)]
    for broken in (10, 70_000, count - 1):
        lines[broken] = "broken"
    lines[70_001] = "m1,2024-01-01 00:00,text"
    report = _one(workspace, "readings", _write(tmp_path / "long.csv", ["id,time,use", *lines]), LONDON)
    assert report.written.inserted + report.written.repeated == count - report.quarantined.total()
    assert quarantined(Lake(workspace))["row"].tolist() == [11, 70_001, 70_002, count]


def test_negative_and_missing_values_in_parquet(workspace: Workspace, tmp_path: Path) -> None:
    times = [START + timedelta(minutes=30 * n) for n in range(4)]
    rows = pa.table({"id": ["a"] * 4, "time": times, "use": [-1.0, float("nan"), None, 2.0]})
    pq.write_table(rows, tmp_path / "r.parquet")
    report = _one(workspace, "readings", tmp_path / "r.parquet", LONDON)
    assert report.written == Written(inserted=2)
    reasons = quarantined(Lake(workspace)).set_index("row")["reason"]
    assert reasons[2] == "kwh is not a finite number"
    assert reasons[3].startswith("no value in any of kwh")


def test_a_meter_of_three_readings(workspace: Workspace, tmp_path: Path) -> None:
    path = _write(tmp_path / "r.csv", ["meter_id,timestamp,kwh", *(f"a,2024-01-0{d}T00:00Z,1" for d in (1, 2, 5))])
    assert _one(workspace, "readings", path).written == Written(inserted=3)


def test_available_at_follows_the_interval_of_each_meter(workspace: Workspace, tmp_path: Path) -> None:
    lines = [f"q,2024-01-01T00:{m:02d}Z,1" for m in (0, 15, 30, 45)] + [f"h,2024-01-01T{h:02d}:00Z,1" for h in range(4)]
    _one(
        workspace, "readings", _write(tmp_path / "r.csv", ["meter_id,timestamp,kwh", *lines, "one,2024-01-01T00:00Z,1"])
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
    report = _one(workspace, "readings", _write(tmp_path / "r.csv", lines), LONDON)
    assert report.written.inserted == 6
    assert report.warnings == {"off the grid of 30 minutes": 1}


def test_units_scale_and_constants(workspace: Workspace, tmp_path: Path) -> None:
    path = _write(tmp_path / "w.csv", ["t,f,h,p", "2024-01-01T00:00Z,50,0.5,1013"])
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
    _one(workspace, "weather", path, mapping)
    [row] = Lake(workspace).read(WEATHER).to_pylist()
    assert (row["location"], row["kind"]) == ("london", "observed")
    assert row["temperature_c"] == pytest.approx(10)
    assert row["humidity"] == 50
    assert row["pressure_hpa"] == pytest.approx(1013)
    assert row["available_at"] == START + timedelta(hours=1)


def test_weather_forecasts_are_available_from_their_issue(workspace: Workspace, tmp_path: Path) -> None:
    lines = ["t,issued,c", "2024-01-02 00:00,2024-01-01 00:00,1", "2024-01-02 00:00,2024-01-01 06:00,2"]
    path = _write(tmp_path / "f.csv", lines)
    base = {"zone": "UTC", "constants": {"location": "x", "kind": "forecast"}}
    columns = {"timestamp": "t", "temperature_c": "c"}
    _one(workspace, "weather", path, Mapping.of({**base, "columns": {**columns, "available_at": "issued"}}))
    lake = Lake(workspace)
    rows = lake.read(WEATHER).sort_by("available_at")
    assert rows["temperature_c"].to_pylist() == [1.0, 2.0]
    assert rows["available_at"].to_pylist() == [START, START + timedelta(hours=6)]
    _one(
        workspace,
        "weather",
        _write(tmp_path / "g.csv", lines[:2]),
        Mapping.of({**base, "columns": columns, "lead_minutes": 90}),
    )
    assert lake.read(WEATHER)["available_at"].to_pandas().max() == pd.Timestamp("2024-01-01T22:30Z")


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
    reports = {name: _one(workspace, name, _write(tmp_path / f"{name}.csv", lines)) for name, lines in files.items()}
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
        _write(tmp_path / f"{n}.csv", [head, f"a,2024-01-01T00:00Z,{n}", f"a,2024-01-01T0{n}:00Z,1"]) for n in (1, 2)
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
    path = _write(tmp_path / "r.csv", ["id,time,use,rev", *lines])
    columns = {"meter_id": "id", "timestamp": "time", "kwh": "use", "version": "rev"}
    results = []
    for batch in (staging.BATCH, 100):
        monkeypatch.setattr(staging, "BATCH", batch)
        workspace = Workspace.open(tmp_path / str(batch))
        report = _one(workspace, "readings", path, Mapping.of({"zone": "UTC", "columns": columns}))
        lake = Lake(workspace)
        results.append(
            (state(lake), history(lake), quarantined(lake)["row"].tolist(), vars(report.written), report.meters)
        )
    assert results[0] == results[1]
    assert results[0][2]  # there were contradictions, too


def test_history_and_readings_keep_the_ingestion_time_of_the_file(workspace: Workspace, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    path = _write(
        tmp_path / "r.csv", ["meter_id,timestamp,kwh,version", "a,2024-01-01T00:00Z,1,1", "a,2024-01-01T00:00Z,2,2"]
    )
    _one(workspace, "readings", path)
    lake = Lake(workspace)
    [first] = lake.read(READING)["ingested_at"].to_pylist()
    [kept] = lake.read(READING_HISTORY)["ingested_at"].to_pylist()
    assert before <= first == kept <= datetime.now(UTC)


def test_stamps_without_offset_need_a_zone(workspace: Workspace, tmp_path: Path) -> None:
    head = "meter_id,timestamp,kwh"
    path = _write(tmp_path / "naive.csv", [head, "a,2024-01-01 00:00,1", "a,2024-01-01 01:00,1"])
    with pytest.raises(BadMapping, match=r"naive.csv: .*no offset.*Add zone"):
        ingest(workspace, "readings", [path])
    assert not Lake(workspace).exists(READING)
    mixed = _write(tmp_path / "mixed.csv", [head, "a,2024-01-01 00:00,1", "a,2024-01-01T01:00Z,1"])
    report = _one(workspace, "readings", mixed)
    assert (report.written.inserted, report.quarantined.total()) == (1, 1)


def test_a_mapping_that_names_a_missing_column(workspace: Workspace, tmp_path: Path) -> None:
    path = _write(tmp_path / "r.csv", ["id,time,usage", "a,2024-01-01 00:00,1"])
    with pytest.raises(MissingColumns, match=r"r.csv: use. Available columns: id, time, usage"):
        ingest(workspace, "readings", [path], LONDON)
    with pytest.raises(UnknownName, match="table"):
        ingest(workspace, "raedings", [path], LONDON)


def _unreadable(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    rows = pa.table({"id": ["a"] * 5000, "time": ["x"] * 5000, "use": np.arange(5000) / 8})
    pq.write_table(rows, folder / "whole.parquet", compression="zstd", use_dictionary=False)
    whole = (folder / "whole.parquet").read_bytes()
    text = ("id,time,use\n" + "a,2024-01-01 00:00,1\n" * 50_000).encode()
    noise = np.random.default_rng(0).bytes(20_000)
    contents = {
        "empty.csv": b"",
        "empty.parquet": b"",
        "noise.csv": noise,
        "noise.parquet": noise,
        "truncated.parquet": whole[: len(whole) // 2],
        "damaged.parquet": whole[:1000] + noise[:2000] + whole[3000:],
        "truncated.csv.gz": gzip.compress(text)[:-200],
        "no.csv.gz": text,
        "latin.csv": "id,time,use\nZürich,2024-01-01 00:00,1\n".encode("latin-1"),
        "twice.csv": b"id,time,use,use\na,2024-01-01 00:00,1,1\n",
    }
    paths = {name: folder / name for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return {**paths, "absent.csv": folder / "absent.csv", "absent.parquet": folder / "absent.parquet", "folder": folder}


def test_unreadable_files_are_named_and_leave_nothing(workspace: Workspace, tmp_path: Path) -> None:
    for name, path in _unreadable(tmp_path / "files").items():
        try:
            ingest(workspace, "readings", [path], LONDON)
        except UnreadableFile as error:
            assert error.path == path  # noqa: PT017
        else:
            pytest.fail(f"{name} was read")
    lake = Lake(workspace)
    assert lake.version(READING) == -1
    assert quarantined(lake).empty


def test_a_file_without_rows_is_told(workspace: Workspace, tmp_path: Path) -> None:
    report = _one(workspace, "readings", _write(tmp_path / "head.csv", ["id,time,use"]), LONDON)
    assert report.rows == 0
    assert report.warnings == {"the file holds no rows": 1}
