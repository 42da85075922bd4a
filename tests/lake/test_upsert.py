"""Rows into the lake: which of two wins, what history keeps, what is refused."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrify.errors import LakeConflict, MissingColumns
from metrify.lake.tables import Lake, Written
from metrify.schema import CLEAN, HOLIDAY, READING, TABLES, Table
from metrify.settings import Workspace
from tests.lake.rows import START, history, quarantined, reading, readings, state


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


def test_a_missing_column_and_a_value_of_the_wrong_type_are_refused(lake: Lake) -> None:
    with pytest.raises(MissingColumns, match="version"):
        lake.upsert(READING, pa.table({"meter_id": ["a"], "timestamp": [START], "kwh": [1.0]}))
    with pytest.raises(pa.ArrowInvalid):
        lake.upsert(READING, pa.table({"meter_id": ["a"], "timestamp": [START], "kwh": ["x"], "version": [1]}))
    assert not lake.exists(READING)


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
