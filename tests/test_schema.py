"""The vocabulary: its tables hang together, and its door lets in what it should."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from metrify import schema
from metrify.errors import MissingColumns, UnknownName
from metrify.schema import LEVELS, READING, TABLES, WEATHER, Column, Table, level_column
from metrify.schema.page import WORDS, main, page
from metrify.schema.table import F64, TEXT

NOON = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
HOMONYMS = {"verdict"}  # of a detector: yes or no; of a person: confirmed or false
EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def readings(**columns: list) -> pa.Table:
    """READING rows that may enter, with these columns in place of theirs."""
    rows = len(next(iter(columns.values()), [0]))
    fine = {"meter_id": ["m1"], "timestamp": [NOON], "kwh": [0.5], "version": [1], "ingested_at": [NOON]}
    return READING.conform(pa.table({name: values * rows for name, values in fine.items()} | columns))


@EVERY_TABLE
def test_a_table_hangs_together(table: Table):
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)
    assert all(table[name].required for name in table.key), "a row without its key cannot be found again"
    assert set(table.measures) <= set(table.names) - set(table.key)
    assert table.meaning.endswith(".")
    assert all(column.meaning for column in table.columns)
    assert ("meter_id" in table.names) or not table.by_meter
    assert table.schema.names == table.names


@EVERY_TABLE
def test_limits_are_in_order_and_on_numbers(table: Table):
    for column in table.columns:
        if column.low is not None or column.high is not None:
            assert pa.types.is_floating(column.type) or pa.types.is_integer(column.type), column
        if column.low is not None and column.high is not None:
            assert column.low < column.high, column


@EVERY_TABLE
def test_times_are_in_utc_and_one_name_has_one_type(table: Table):
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            assert (column.type.tz, column.unit) == ("UTC", "UTC")
        for other in TABLES.values():
            if column.name in other.names and column.name not in HOMONYMS:
                assert other[column.name].type == column.type, (column.name, table.name, other.name)


def test_every_table_is_named_where_it_is_exported():
    assert all(getattr(schema, name) is table and table.name == name for name, table in TABLES.items())
    assert {name for name in schema.__all__ if isinstance(getattr(schema, name), Table)} == set(TABLES)


def test_forecast_has_a_column_for_every_level():
    assert [level_column(level) for level in LEVELS] == ["q05", "q10", "q25", "q50", "q75", "q90", "q95"]
    assert {level_column(level) for level in LEVELS} <= set(schema.FORECAST.names)


@pytest.mark.parametrize("name", ["reading", "READINGS", "Readings"])
def test_a_table_is_found_as_people_write_it(name):
    assert schema.table(name) is READING


def test_names_with_several_words_are_found():
    assert schema.table("reading-history") is schema.READING_HISTORY


def test_a_misspelt_table_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match=r"no table 'redings'.*Did you mean reading"):
        schema.table("redings")


def test_an_unknown_column_is_refused_with_the_known_ones():
    with pytest.raises(MissingColumns, match=r"table READING: watts.*kwh"):
        READING["watts"]


def test_rows_that_may_enter_have_no_reason():
    rows = readings(kwh=[0.0, 1.5, -0.2, None], voltage_v=[None, None, None, 230.0])
    assert READING.check(rows).to_pylist() == [None] * 4


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"meter_id": [None]}, "meter_id is missing"),
        ({"timestamp": [None]}, "timestamp is missing"),
        ({"kwh": [float("nan")]}, "kwh is not a finite number"),
        ({"kwh": [float("-inf")]}, "kwh is not a finite number"),
        ({"kwh": [2e6]}, "kwh is above 1e+06 kWh"),
        ({"voltage_v": [-1.0]}, "voltage_v is below 0 V"),
        ({"kwh": [None]}, "no value in any of kwh, kwh_export"),
        ({"meter_id": [None], "kwh": [2e6]}, "meter_id is missing"),  # the first reason stands
    ],
)
def test_a_refused_row_says_why(columns, reason):
    (found,) = READING.check(readings(**columns)).to_pylist()
    assert found.startswith(reason)


def test_only_the_bad_rows_are_refused():
    found = READING.check(readings(kwh=[1.0, float("nan"), 2.0, -2e6])).to_pylist()
    assert [reason is None for reason in found] == [True, False, True, False]


@EVERY_TABLE
def test_a_table_without_rows_passes(table: Table):
    empty = table.conform(table.schema.empty_table())
    assert table.check(empty).to_pylist() == []


def test_a_table_with_one_measure_refuses_rows_without_it():
    table = Table("T", "One.", (Column("a", TEXT, "", "a", True), Column("b", F64, "", "b")), ("a",), measures=("b",))
    found = table.check(table.conform(pa.table({"a": ["x", "y"], "b": [None, 1.0]})))
    assert found.to_pylist() == ["no value in any of b", None]


def test_conform_orders_casts_and_fills():
    rows = pa.table(
        {
            "version": pa.array([1], pa.int64()),
            "extra": ["x"],
            "ingested_at": [NOON],
            "kwh": pa.array([1], pa.int32()),
            "timestamp": pa.array([NOON.replace(tzinfo=None)], pa.timestamp("s")),
            "meter_id": pa.array(["m1"]).dictionary_encode(),
        }
    )
    conformed = READING.conform(rows)
    assert conformed.column_names == READING.names
    assert conformed.schema.types == READING.schema.types
    row = conformed.to_pylist()[0]
    assert (row["meter_id"], row["timestamp"], row["kwh"], row["voltage_v"]) == ("m1", NOON, 1.0, None)


def test_conform_refuses_a_missing_column_and_a_value_that_does_not_fit():
    with pytest.raises(MissingColumns, match=r"rows for WEATHER: location, timestamp, kind, available_at"):
        WEATHER.conform(pa.table({"temperature_c": [1.0]}))
    with pytest.raises(pa.ArrowInvalid):
        readings(kwh=["a lot"])


def test_the_committed_page_is_the_generated_one():
    committed = Path(__file__).parents[1] / "docs" / "vocabulary.md"
    assert committed.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_page_explains_every_table_and_column(tmp_path):
    target = tmp_path / "vocabulary.md"
    main([str(target)])
    text = target.read_text(encoding="utf-8")
    for table in TABLES.values():
        section = text.split(f"\n### {table.name}\n")[1].split("\n### ")[0]
        assert table.meaning in section
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == table.names
        assert {row.count(" | ") for row in rows} == {5}, "a bar within a cell broke its row"
    assert all(f"- **{word}**: " in text for word in WORDS)
