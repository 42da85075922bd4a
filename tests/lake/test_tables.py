from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrify.errors import BadValue, LakeConflict, MissingColumns
from metrify.lake.buckets import bucket_of
from metrify.lake.commit import commit, write_part
from metrify.lake.tables import Lake, Written
from metrify.schema import (
    CLEAN,
    FEATURE,
    GRADE,
    HOLIDAY,
    METER,
    READING,
    TABLES,
    WEATHER,
    Table,
)
from metrify.settings import Workspace
from tests.lake.rows import START, history, quarantined, reading, readings, state


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return Lake(workspace)


def test_a_table_is_not_there_until_it_is_written(lake: Lake) -> None:
    assert not lake.exists(READING)
    assert lake.version(READING) == -1
    assert lake.paths(READING) == {}
    assert lake.read(READING).schema.names == READING.names
    assert lake.meters().empty


def test_rows_come_back_as_they_went_in(lake: Lake) -> None:
    rows = readings([reading("a", 0, 1.0), reading("b", 1, None), reading("a", 800, -2.0)])
    assert lake.upsert(READING, rows) == Written(inserted=3)
    back = lake.read(READING)
    assert back.schema.names == READING.names
    assert back.schema.field("meter_id").type == pa.string()
    assert state(lake) == {("a", 0): (1.0, 1), ("b", 1): (None, 1), ("a", 800): (-2.0, 1)}


def test_the_same_rows_again_write_nothing(lake: Lake) -> None:
    rows = readings([reading("a", hour, float(hour)) for hour in range(50)])
    lake.upsert(READING, rows)
    before, version = lake.read(READING).sort_by("timestamp"), lake.version(READING)
    assert lake.upsert(READING, rows) == Written(unchanged=50)
    assert lake.version(READING) == version
    assert lake.read(READING).sort_by("timestamp").equals(before)


def test_a_newer_version_wins_and_the_older_one_is_kept_in_history(lake: Lake) -> None:
    lake.upsert(READING, readings([reading("a", 0, 1.0), reading("a", 1, 5.0)]))
    assert lake.upsert(READING, readings([reading("a", 0, 2.0, version=2)])) == Written(updated=1)
    assert state(lake) == {("a", 0): (2.0, 2), ("a", 1): (5.0, 1)}
    assert history(lake) == [("a", 0, 1.0, 1)]


def test_an_older_version_that_comes_late_goes_to_history_once(lake: Lake) -> None:
    lake.upsert(READING, readings([reading("a", 0, 3.0, version=3)]))
    for _ in range(2):
        assert lake.upsert(READING, readings([reading("a", 0, 2.0, version=2)])) == Written(superseded=1)
    assert state(lake) == {("a", 0): (3.0, 3)}
    assert history(lake) == [("a", 0, 2.0, 2)]


def test_of_one_version_the_later_ingestion_wins(lake: Lake) -> None:
    lake.upsert(READING, readings([reading("a", 0, 1.0, ingested=10)]))
    lake.upsert(READING, readings([reading("a", 0, 2.0, ingested=20)]))
    assert lake.upsert(READING, readings([reading("a", 0, 9.0, ingested=15)])) == Written(superseded=1)
    assert state(lake) == {("a", 0): (2.0, 1)}
    assert history(lake) == [("a", 0, 1.0, 1), ("a", 0, 9.0, 1)]


def test_versions_of_one_key_in_one_load(lake: Lake) -> None:
    rows = readings([reading("a", 0, float(version), version) for version in (2, 1, 3)])
    assert lake.upsert(READING, rows) == Written(inserted=1, superseded=2)
    assert state(lake) == {("a", 0): (3.0, 3)}
    assert history(lake) == [("a", 0, 1.0, 1), ("a", 0, 2.0, 2)]


def test_contradicting_rows_of_one_load_are_quarantined(lake: Lake) -> None:
    rows = readings([reading("a", 0, 1.0), reading("a", 0, 2.0), reading("a", 0, 1.0)])
    for _ in range(2):
        lake.upsert(READING, rows, source="test")
    assert state(lake) == {("a", 0): (1.0, 1)}
    refused = quarantined(lake)
    assert len(refused) == 1
    assert (refused["source"][0], refused["row"][0]) == ("test", 2)
    assert "kwh 1.0 came first, this says 2.0" in refused["reason"][0]
    assert '"kwh": 2.0' in refused["content"][0]


def test_other_tables_keep_the_later_row_and_no_history(lake: Lake) -> None:
    def holiday(name: str) -> pa.Table:
        values = {"country": "GB", "subdivision": "ENG", "date": date(2024, 12, 25), "kind": "public", "name": name}
        return pa.Table.from_pylist([values])

    assert lake.upsert(HOLIDAY, holiday("Xmas")) == Written(inserted=1)
    assert lake.upsert(HOLIDAY, holiday("Xmas")) == Written(unchanged=1)
    assert lake.upsert(HOLIDAY, holiday("Christmas Day")) == Written(updated=1)
    assert lake.read(HOLIDAY)["name"].to_pylist() == ["Christmas Day"]


def test_a_table_without_ingestion_time_takes_the_new_row(lake: Lake) -> None:
    def clean(kwh: float) -> pa.Table:
        row = {"meter_id": "a", "timestamp": START, "kwh": kwh, "status": "measured"}
        return pa.Table.from_pylist([row]).cast(pa.schema([CLEAN.schema.field(name) for name in row]))

    lake.upsert(CLEAN, clean(1.0))
    version = lake.version(CLEAN)
    assert lake.upsert(CLEAN, clean(1.0)) == Written(unchanged=1)
    assert lake.version(CLEAN) == version
    assert lake.upsert(CLEAN, clean(2.0)) == Written(updated=1)
    assert lake.read(CLEAN)["kwh"].to_pylist() == [2.0]


def _sample_of(table: Table, number: int) -> dict:
    made = {
        pa.string(): "it's 1",
        pa.timestamp("us", "UTC"): START,
        pa.date32(): START.date(),
        pa.bool_(): True,
    }
    return {column.name: made.get(column.type, number) for column in table.columns}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_can_be_written_twice_and_read(lake: Lake, name: str) -> None:
    table = TABLES[name]
    rows = table.conform(pa.Table.from_pylist([_sample_of(table, 1)]))
    assert lake.upsert(table, rows) == Written(inserted=1)
    assert lake.upsert(table, rows) == Written(unchanged=1)
    assert lake.read(table).to_pylist() == rows.to_pylist()


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


def test_a_missing_column_and_a_value_of_the_wrong_type_are_refused(lake: Lake) -> None:
    with pytest.raises(MissingColumns, match="version"):
        lake.upsert(READING, pa.table({"meter_id": ["a"], "timestamp": [START], "kwh": [1.0]}))
    with pytest.raises(pa.ArrowInvalid):
        lake.upsert(READING, pa.table({"meter_id": ["a"], "timestamp": [START], "kwh": ["x"], "version": [1]}))
    assert not lake.exists(READING)


def test_a_home_with_a_strange_name_works(tmp_path) -> None:
    lake = Lake(Workspace.open(tmp_path / "with space & ümlaut"))
    lake.upsert(READING, readings([reading("a", 0, 1.0)]))
    lake.upsert(READING, readings([reading("a", 0, 2.0, version=2)]))
    assert state(lake) == {("a", 0): (2.0, 2)}
    assert all(pq.read_metadata(path).num_rows for files in lake.paths(READING).values() for path in files)


def test_writers_that_always_lose_the_race_say_so(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from deltalake.exceptions import CommitFailedError

    class Unlucky(Lake):
        tries = 0

        @staticmethod
        def _merge(*_: object) -> None:
            Unlucky.tries += 1
            raise CommitFailedError("another writer was faster")

    monkeypatch.setattr("metrify.lake.tables.time.sleep", lambda _: None)
    with pytest.raises(LakeConflict, match="READING"):
        Unlucky(workspace).upsert(READING, readings([reading("a", 0, 1.0)]))
    assert Unlucky.tries > 10


VERSIONED = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=40, unique=True
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=VERSIONED, data=st.data())
def test_any_order_split_and_repetition_of_readings_gives_the_same_table(tmp_path_factory, rows, data) -> None:
    """Nothing is lost: what is not in READING is in READING_HISTORY, once."""
    again = data.draw(st.lists(st.sampled_from(rows), max_size=20))
    order = data.draw(st.permutations(rows + again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    lake = Lake(Workspace.open(tmp_path_factory.mktemp("home")))
    counted = Written()
    for first, last in zip([0, *cuts], [*cuts, len(order)], strict=True):
        part = [
            reading(meter, hour, float(hash((meter, hour, version)) % 7), version)
            for meter, hour, version in order[first:last]
        ]
        counted += lake.upsert(READING, readings(part)) if part else Written()
    newest = {}
    for meter, hour, version in rows:
        newest[meter, hour] = max(version, newest.get((meter, hour), 0))
    assert {key: version for key, (_, version) in state(lake).items()} == newest
    older = sorted((m, h, v) for m, h, v in rows if v != newest[m, h])
    assert sorted((m, h, v) for m, h, _, v in history(lake)) == older
    assert counted.inserted == len(newest)
    assert sum(vars(counted).values()) == len(order)
    assert counted.refused == 0
