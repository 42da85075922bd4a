"""Tables in the lake: where their rows lie, and what a read opens and returns."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metrify.errors import BadValue, MissingColumns
from metrify.lake.buckets import bucket_of
from metrify.lake.commit import commit, write_part
from metrify.lake.tables import Lake
from metrify.schema import FEATURE, GRADE, METER, READING, WEATHER
from metrify.settings import Workspace
from tests.lake.rows import START, reading, readings, state


def test_a_table_is_not_there_until_it_is_written(lake: Lake) -> None:
    assert not lake.exists(READING)
    assert lake.version(READING) == -1
    assert lake.paths(READING) == {}
    assert lake.read(READING).schema.names == READING.names
    assert lake.meters().empty


def test_rows_lie_in_the_bucket_and_month_of_their_meter(lake: Lake) -> None:
    meters = [f"m{number}" for number in range(40)]
    lake.upsert(READING, readings([reading(meter, hour, 1.0) for meter in meters for hour in (800, 0)]))
    paths = lake.paths(READING)
    assert set(paths) == set(bucket_of(meters, 16).tolist())
    for bucket, files in paths.items():
        assert len(files) == 2  # January and February
        for path in files:
            rows = pq.read_table(path, partitioning=None, read_dictionary=["meter_id"])
            assert set(bucket_of(rows["meter_id"], 16)) == {bucket}
            assert len(set(rows["timestamp"].to_numpy().astype("datetime64[M]"))) == 1
            ids = rows["meter_id"].to_pylist()
            assert ids == sorted(ids)
            assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_month_is_the_utc_month_of_the_tables_time(lake: Lake) -> None:
    grade = {"meter_id": "a", "local_date": date(2024, 2, 29), "grade": "A", "graded_at": START}
    lake.upsert(GRADE, pa.Table.from_pylist([grade]))
    [path] = [path for files in lake.paths(GRADE).values() for path in files]
    assert "month=2024-02" in path


def test_tables_without_meters_have_one_group_of_files(lake: Lake) -> None:
    lake.upsert(METER, pa.Table.from_pylist([{"meter_id": "a", "valid_from": START, "zone": "UTC"}]))
    paths = lake.paths(METER)
    assert list(paths) == [-1]
    assert pq.read_table(paths[-1][0], columns=["zone"]).num_rows == 1


def test_read_takes_only_what_is_asked_for(lake: Lake) -> None:
    meters = [f"m{number}" for number in range(10)]
    lake.upsert(READING, readings([reading(m, hour, hour) for m in meters for hour in range(0, 24 * 70, 24)]))

    def days(**wanted: object) -> set[tuple[str, int]]:
        rows = lake.read(READING, columns=["meter_id", "timestamp"], **wanted).to_pylist()
        return {(row["meter_id"], (row["timestamp"] - START).days) for row in rows}

    everything = {(meter, day) for meter in meters for day in range(70)}
    assert days() == everything
    since, until = START + timedelta(days=30), pd.Timestamp("2024-02-02")
    assert days(since=since, until=until) == {(m, d) for m, d in everything if d in (30, 31)}
    assert days(since="2024-03-01T00:00Z") == {(m, d) for m, d in everything if d >= 60}
    assert days(meter_ids=["m3", "unknown"]) == {("m3", d) for d in range(70)}
    bucket = int(bucket_of(["m3"], 16)[0])
    assert days(buckets=[bucket]) == {(m, d) for m, d in everything if bucket_of([m], 16)[0] == bucket}
    assert days(buckets=[(bucket + 1) % 16], meter_ids=["m3"]) == set()


def test_read_opens_no_file_of_other_buckets_and_months(lake: Lake) -> None:
    lake.upsert(READING, readings([reading(f"m{n}", hour, 1.0) for n in range(20) for hour in (0, 800)]))
    wanted = int(bucket_of(["m0"], 16)[0])
    for bucket, files in lake.paths(READING).items():
        for path in files:
            if bucket != wanted or "month=2024-01" in path:
                with open(path, "wb") as file:  # noqa: PTH123
                    file.write(b"not to be opened")
    assert lake.read(READING, meter_ids=["m0"], since="2024-02-01").num_rows == 1


def test_read_as_of_an_earlier_version(lake: Lake) -> None:
    lake.upsert(READING, readings([reading("a", 0, 1.0)]))
    before = lake.version(READING)
    lake.upsert(READING, readings([reading("a", 0, 2.0, version=2)]))
    assert lake.read(READING, columns=["kwh"], version=before)["kwh"].to_pylist() == [1.0]


def test_declared_features_are_read_when_they_are_named(lake: Lake) -> None:
    assert lake.read(FEATURE, columns=["my_feature"]).num_rows == 0
    rows = pa.table({"meter_id": ["a"], "timestamp": pa.array([START], READING["timestamp"].type)})
    rows = rows.append_column("my_feature", pa.array([0.5], pa.float32()))
    root = lake.workspace.lake / FEATURE.name
    commit(root, rows.schema, [write_part(root, rows, 3, "2024-01")], "append")
    assert lake.read(FEATURE, columns=["meter_id", "my_feature", "target", "not_built"]).to_pylist() == [
        {"meter_id": "a", "my_feature": 0.5, "target": None, "not_built": None}
    ]
    assert lake.read(FEATURE).schema.names == FEATURE.names
    assert lake.count(FEATURE) == 1


def test_a_column_that_the_table_does_not_have(lake: Lake) -> None:
    with pytest.raises(MissingColumns, match="kwhh"):
        lake.read(READING, columns=["kwhh"])


def test_weather_is_read_by_time_but_not_by_bucket(lake: Lake) -> None:
    row = {"location": "x", "timestamp": START, "kind": "observed", "available_at": START, "temperature_c": 1.0}
    lake.upsert(WEATHER, pa.Table.from_pylist([row]))
    assert lake.read(WEATHER, since=START).num_rows == 1
    assert lake.read(WEATHER, until=START).num_rows == 0
    with pytest.raises(BadValue, match="buckets"):
        lake.read(WEATHER, buckets=[0])
    with pytest.raises(BadValue, match="meter_ids"):
        lake.read(WEATHER, meter_ids=["a"])


def test_meters_in_force_are_the_latest_rows_and_the_sites_defaults(tmp_path) -> None:
    workspace = Workspace.open(tmp_path)
    (tmp_path / "settings.toml").write_text('[site]\nzone = "Europe/Berlin"\ncountry = "DE"\nlocation = "berlin"\n')
    lake = Lake(workspace)
    lake.upsert(READING, readings([reading("stated", 0, 1.0), reading("only read", 0, 1.0)]))
    rows = [
        {"meter_id": "stated", "valid_from": START + timedelta(days=9), "zone": "Europe/Paris", "device_id": "new"},
        {"meter_id": "stated", "valid_from": START, "zone": "Europe/Rome", "device_id": "old"},
    ]
    lake.upsert(METER, pa.Table.from_pylist(rows))
    meters = lake.meters()
    assert list(meters.columns) == METER.names
    assert meters["meter_id"].tolist() == ["only read", "stated"]
    assert meters["zone"].tolist() == ["Europe/Berlin", "Europe/Paris"]
    assert meters["country"].tolist() == ["DE", None]
    assert meters["device_id"].tolist() == [None, "new"]
    assert meters["valid_from"].isna().tolist() == [True, False]


def test_the_row_in_force_has_begun_and_not_ended(lake: Lake) -> None:
    def row(device: str, begins: int, ends: int | None) -> dict:
        valid_to = None if ends is None else START + timedelta(days=ends)
        return {
            "meter_id": device[0],
            "valid_from": START + timedelta(days=begins),
            "valid_to": valid_to,
            "zone": "UTC",
            "device_id": device,
        }

    rows = [row("a1", 0, 10), row("a2", 10, None), row("a3", 30, None), row("b1", 0, 4), row("b2", 4, 8)]
    rows += [row("c1", 50, None), row("c2", 60, None), row("d1", 0, None), row("d2", 5, 6)]
    lake.upsert(METER, pa.Table.from_pylist(rows))

    def devices(days: float) -> list[str]:
        return lake.meters(START + timedelta(days=days))["device_id"].tolist()

    assert devices(5.5) == ["a1", "b2", "c1", "d2"]
    assert devices(10) == ["a2", "b2", "c1", "d1"]
    assert devices(70) == ["a3", "b2", "c2", "d1"]
    assert lake.meters()["device_id"].tolist() == devices(70)
    assert lake.meters("2024-01-11")["device_id"].tolist() == devices(10)


def test_a_home_with_a_strange_name_works(tmp_path) -> None:
    lake = Lake(Workspace.open(tmp_path / "with space & ümlaut"))
    lake.upsert(READING, readings([reading("a", 0, 1.0)]))
    lake.upsert(READING, readings([reading("a", 0, 2.0, version=2)]))
    assert state(lake) == {("a", 0): (2.0, 2)}
    assert all(pq.read_metadata(path).num_rows for files in lake.paths(READING).values() for path in files)
