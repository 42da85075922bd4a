from __future__ import annotations

from pathlib import Path

import pytest

from metrify.errors import BadMapping, MetrifyError, MissingColumns, UnknownKeys, UnknownName, UnreadableFile
from metrify.lake.mapping import CELL_COLUMN, CELL_VALUE, Mapping, Source
from metrify.lake.units import UNITS, conversion
from metrify.schema import GRID, READING, TABLES, TARIFF, WEATHER, Table

COLUMNS = {"meter_id": "id", "timestamp": "time", "kwh": "use"}
OBSERVED = {"columns": {"timestamp": "time", "temperature_c": "temp"}, "constants": {"location": "x"}}


def test_a_file_becomes_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        'table = "readings"\nzone = "Europe/London"\ninterval_minutes = 30\n[columns]\nmeter_id = "id"\n'
        'timestamp = "time"\nkwh = { column = "power", unit = "kW", scale = 2 }\n'
    )
    mapping = Mapping.read(path).checked(READING)
    assert mapping.columns == {"meter_id": Source("id"), "timestamp": Source("time"), "kwh": Source("power", "kW", 2.0)}
    assert (mapping.zone, mapping.interval_minutes, mapping.stamp, mapping.layout) == (
        "Europe/London",
        30,
        "start",
        "long",
    )
    with pytest.raises(AttributeError):
        mapping.zone = "UTC"


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        ({"colums": {}}, UnknownKeys, "Did you mean columns"),
        ({"columns": {"kwh": {"column": "x", "units": "Wh"}}}, UnknownKeys, "Did you mean unit"),
        ({"wide": {"target": "kwh", "unti": "Wh"}}, UnknownKeys, "Did you mean unit"),
        ({"columns": {"kwh": {"unit": "Wh"}}}, BadMapping, "columns.kwh.column"),
        ({"columns": {"kwh": 3}}, BadMapping, "columns.kwh"),
        ({"layout": "tall"}, BadMapping, "'long', 'wide'"),
        ({"stamp": "middle"}, BadMapping, "'start' or 'end'"),
        ({"interval_minutes": "30"}, BadMapping, "interval_minutes"),
        ({"interval_minutes": 0}, BadMapping, "greater than or equal to 1"),
        ({"zone": 1}, BadMapping, "zone"),
    ],
)
def test_what_a_mapping_cannot_say(content: dict, error: type[MetrifyError], says: str) -> None:
    with pytest.raises(error, match=says):
        Mapping.of(content)


@pytest.mark.parametrize(
    ("table", "content", "error", "says"),
    [
        (READING, {"columns": {**COLUMNS, "kwhh": "use"}}, UnknownKeys, "Did you mean kwh"),
        (READING, {"columns": {**COLUMNS, "ingested_at": "x"}}, UnknownKeys, "ingested_at"),
        (READING, {"columns": COLUMNS, "constants": {"lokation": "x"}}, UnknownKeys, "lokation"),
        (READING, {"columns": COLUMNS, "constants": {"kwh": 1.0}}, BadMapping, "kwh is named twice"),
        (READING, {"columns": {"meter_id": "id", "kwh": "use"}}, BadMapping, "nothing is named for timestamp"),
        (READING, {"columns": {"meter_id": "id", "timestamp": "t"}}, BadMapping, "nothing is named for kwh"),
        (READING, {"columns": COLUMNS, "table": "weather"}, BadMapping, "it is for weather, not for READING"),
        (READING, {"columns": COLUMNS, "table": "readngs"}, UnknownName, "readngs"),
        (READING, {"columns": COLUMNS, "zone": "Europe/Londn"}, BadMapping, "no IANA time zone"),
        (READING, {"columns": COLUMNS, "stamp": "end"}, BadMapping, "interval_minutes"),
        (READING, {"columns": {**COLUMNS, "kwh": {"column": "x", "unit": "kW"}}}, BadMapping, "interval_minutes"),
        (
            READING,
            {"columns": {**COLUMNS, "kwh": {"column": "x", "unit": "BTU"}}},
            BadMapping,
            "no unit for kwh .*Known: .*MWh",
        ),
        (READING, {"columns": {**COLUMNS, "meter_id": {"column": "x", "scale": 2.0}}}, BadMapping, "meter_id"),
        (
            READING,
            {"columns": {**COLUMNS, "register_kwh": {"column": "x", "unit": "kW"}}, "interval_minutes": 30},
            BadMapping,
            "register_kwh",
        ),
        (READING, {"columns": COLUMNS, "layout": "wide"}, BadMapping, "go together"),
        (READING, {"columns": COLUMNS, "layout": "wide", "wide": {"target": "kwh"}}, BadMapping, "kwh, meter_id"),
        (READING, {"columns": COLUMNS, "constants": {"voltage_v": "high"}}, BadMapping, "voltage_v"),
        (WEATHER, {**OBSERVED, "constants": {"location": "x", "kind": "forecast"}}, BadMapping, "when it was issued"),
        (WEATHER, {**OBSERVED, "columns": {**OBSERVED["columns"], "kind": "k"}}, BadMapping, "when it was issued"),
        (
            WEATHER,
            {**OBSERVED, "constants": {"location": "x", "kind": "observed"}, "lead_minutes": 60},
            BadMapping,
            "what was observed was not known",
        ),
        (
            TARIFF,
            {"columns": {"tariff_id": "t", "timestamp": "x", "band": "b", "available_at": "a"}, "lead_minutes": 60},
            BadMapping,
            "lead_minutes",
        ),
    ],
)
def test_what_makes_no_sense_for_the_table(table: Table, content: dict, error: type[MetrifyError], says: str) -> None:
    with pytest.raises(error, match=says):
        Mapping.of(content).checked(table)


def test_a_forecast_names_its_issue_time_in_either_way() -> None:
    kind = {"location": "x", "kind": "forecast"}
    Mapping.of({**OBSERVED, "constants": kind, "lead_minutes": 60}).checked(WEATHER)
    issued = {**OBSERVED["columns"], "available_at": "issued"}
    Mapping.of({"columns": issued, "constants": kind}).checked(WEATHER)


def test_a_file_that_is_no_mapping(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("= what")
    for path in (tmp_path / "m.toml", tmp_path / "absent.toml", tmp_path):
        with pytest.raises(UnreadableFile):
            Mapping.read(path)


def test_a_column_that_the_file_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(MissingColumns, match=r"Missing columns in f.csv: use. Available columns: id, time, kwh"):
        Mapping.of({"columns": COLUMNS}).fits(["id", "time", "kwh"], "f.csv")


def test_without_a_mapping_columns_go_by_their_own_names() -> None:
    plain = Mapping.plain(READING, ["kwh", "meter_id", "other", "timestamp", "ingested_at"], "f.csv")
    assert set(plain.columns) == {"meter_id", "timestamp", "kwh"}
    with pytest.raises(MissingColumns, match="timestamp"):
        Mapping.plain(READING, ["kwh", "meter_id"], "f.csv")


def test_the_cells_of_a_wide_file_are_all_columns_that_are_not_named() -> None:
    mapping = Mapping.of({"layout": "wide", "columns": {"timestamp": "time"}, "wide": {"target": "kwh", "unit": "Wh"}})
    assert mapping.checked(READING).cells(["time", "a", "b"]) == ["a", "b"]
    assert mapping.sources(READING)["meter_id"] == Source(CELL_COLUMN)
    assert mapping.sources(READING)["kwh"] == Source(CELL_VALUE, "Wh")
    with pytest.raises(MissingColumns):
        mapping.fits(["time"], "f.csv")


@pytest.mark.parametrize(
    ("table", "column", "unit", "value", "wanted"),
    [
        (READING, "kwh", "Wh", 1500.0, 1.5),
        (READING, "kwh", "MWh", 0.002, 2.0),
        (READING, "kwh", "kW", 3.0, 1.5),
        (READING, "kwh", "W", 3000.0, 1.5),
        (READING, "kwh", "MJ", 3.6, 1.0),
        (READING, "register_kwh", "Wh", 1000.0, 1.0),
        (READING, "voltage_v", "kV", 0.23, 230.0),
        (GRID, "load_kw", "MW", 2.0, 2000.0),
        (GRID, "carbon_kg_per_kwh", "g/kWh", 200.0, 0.2),
        (WEATHER, "temperature_c", "degF", 212.0, 100.0),
        (WEATHER, "temperature_c", "K", 273.15, 0.0),
        (WEATHER, "humidity", "fraction", 0.92, 92.0),
        (WEATHER, "pressure_hpa", "Pa", 101325.0, 1013.25),
        (WEATHER, "wind_speed_ms", "km/h", 36.0, 10.0),
        (WEATHER, "wind_speed_ms", "kn", 3600 / 1852, 1.0),
        (TARIFF, "price_per_kwh", "1/MWh", 50.0, 0.05),
        (WEATHER, "humidity", "", 50.0, 50.0),
    ],
)
def test_units(table: Table, column: str, unit: str, value: float, wanted: float) -> None:
    how = conversion(table[column], unit)
    assert (value + how.before) * how.total(30) == pytest.approx(wanted)


def test_every_unit_of_the_schema_can_be_named() -> None:
    units = {c.unit for table in TABLES.values() for c in table.columns} & set(UNITS)
    assert all(UNITS[unit][unit].factor == 1 and not UNITS[unit][unit].before for unit in units)
    assert set(UNITS) <= {c.unit for table in TABLES.values() for c in table.columns}


def test_the_keys_in_the_text_are_the_keys_that_are_known() -> None:
    import metrify.lake.mapping as module

    for name in Mapping.__dataclass_fields__:
        if not name.startswith("_"):
            assert f"{name} = " in module.__doc__ or f"[{name}]" in module.__doc__, name
