"""OBIS codes as the names of channels: in headers, in a column, in a mapping."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrify.errors import BadMapping, MissingColumns, UnknownKeys
from metrify.lake.files import ingest
from metrify.lake.mapping import Mapping
from metrify.lake.obis import KNOWN, Meaning, Obis, meaning
from metrify.lake.tables import Lake, Written
from metrify.schema import METER, READING
from metrify.settings import Workspace
from tests.lake.files import ingest_one, write_lines
from tests.lake.rows import quarantined

CHANNELS = {
    "layout": "channels",
    "zone": "Europe/Berlin",
    "interval_minutes": 15,
    "columns": {"meter_id": "meter", "timestamp": "stamp"},
    "channels": {"code": "obis", "value": "value", "unit": "unit"},
}
EXAMPLES = Path(__file__).parents[2] / "examples" / "greenbutton"


def rows(workspace: Workspace) -> list[dict]:
    found = Lake(workspace).read(READING).sort_by([("meter_id", "ascending"), ("timestamp", "ascending")]).to_pylist()
    kept = ("timestamp", *READING.measures)
    return [{name: row[name] for name in kept if row[name] is not None} for row in found]


def values(workspace: Workspace) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "timestamp"} for row in rows(workspace)]


@pytest.mark.parametrize(
    ("code", "column", "unit", "phase"),
    [
        ("1-0:1.8.0", "register_kwh", "", False),
        ("1.8.0", "register_kwh", "", False),
        ("1-0:1.8.0*255", "register_kwh", "", False),
        ("1.0.1.8.0.255", "register_kwh", "", False),
        ("1-1:1.29.0", "kwh", "", False),
        ("1-0:2.8.0", "register_export_kwh", "", False),
        ("1-0:2.29.0", "kwh_export", "", False),
        ("1-0:16.29.0", "kwh", "", False),
        ("1-0:3.29.0", "kvarh", "", False),
        ("1-0:1.5.0", "kwh", "kW", False),
        ("1-0:3.5.0", "kvarh", "kvar", False),
        *((f"1-0:{c}.7.0", "voltage_v", "", True) for c in (12, 32, 52, 72)),
        *((f"1-0:{c}.7.0", "current_a", "", True) for c in (11, 31, 51, 71)),
    ],
)
def test_codes_with_a_column(code: str, column: str, unit: str, phase: bool) -> None:
    assert meaning(code) == Meaning(column, unit, phase)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("1-0:1.8.1", "is of tariff 1 only, no total: 1-0:1.8.0 is"),
        ("1-0:1.8.0*03", "stored at former reset 3"),
        ("1-0:14.7.0", "frequency, instantaneous value"),
        ("1-0:1.7.0", "nearest that have one: 1-0:1.29.0, 1-0:1.8.0, 1-0:1.5.0"),
        ("1-0:21.29.0", "active power taken of L1.*1-0:1.29.0"),
        ("1-0:3.8.0", "reactive power taken, register.*1-0:3.29.0"),
        ("7-0:3.0.0", "gas, not electricity"),
        ("1-0:1.6.0", "maximum"),
        ("300.1.0", "no OBIS code"),
        ("kwh total", "no OBIS code"),
    ],
)
def test_codes_without_one_say_why_and_what_is_near(code: str, says: str) -> None:
    found = meaning(code)
    assert isinstance(found, str)
    assert re.search(says, found), found


@given(st.tuples(*[st.integers(0, 255)] * 6))
def test_every_code_reads_back_as_it_is_written(groups: tuple[int, ...]) -> None:
    code = Obis(*groups)
    assert Obis.parse(str(code)) == code
    assert Obis.parse(".".join(map(str, groups))) == code
    assert code.words
    assert isinstance(meaning(str(code)), (str, Meaning))


def test_known_codes_are_those_with_a_column() -> None:
    assert all(isinstance(meaning(code), Meaning) for code in KNOWN)
    assert {meaning(code).column for code in KNOWN} == set(READING.measures)


def test_a_row_a_value_becomes_a_reading_an_interval(workspace: Workspace, tmp_path: Path) -> None:
    lines = [
        "meter,stamp,obis,value,unit",
        "a,2024-06-01 00:00,1-0:1.29.0,250,Wh",
        "a,2024-06-01 00:00,1-0:2.29.0*255,0.5,kWh",
        "a,2024-06-01 00:00,3.29.0,0.1,kvarh",
        "a,2024-06-01 00:00,1-0:32.7.0,229,V",
        "a,2024-06-01 00:00,1-0:52.7.0,231,V",
        "a,2024-06-01 00:00,1-0:31.7.0,4000,mA",
        "a,2024-06-01 00:00,1.8.0,1,MWh",
        "b,2024-06-01 00:00,1-0:1.5.0,2,kW",
        "b,2024-06-01 00:15,1-0:1.5.0,3,",  # without a unit mean power is kW
        "b,2024-06-01 00:15,1-0:1.8.1,70,kWh",
        "b,2024-06-01 00:15,1-0:14.7.0,50,Hz",
        "b,2024-06-01 00:30,1-0:1.29.0,x,kWh",
        "b,2024-06-01 00:30,1-0:1.29.0,1,V",
        "b,sometime,1-0:1.29.0,1,kWh",
        "b,2024-06-01 00:45,,1,kWh",
    ]
    path = write_lines(tmp_path / "r.csv", lines)
    mapping = Mapping.of(CHANNELS)
    report = ingest_one(workspace, "readings", path, mapping)
    assert report.written == Written(inserted=3)
    assert values(workspace) == [
        {
            "kwh": 0.25,
            "kwh_export": 0.5,
            "kvarh": 0.1,
            "voltage_v": 230.0,
            "current_a": 4.0,
            "register_kwh": 1000.0,
        },
        {"kwh": 0.5},
        {"kwh": 0.75},
    ]
    reasons = quarantined(Lake(workspace)).set_index("row")["reason"]
    wanted = {
        10: "channel: 1-0:1.8.1 is of tariff 1 only",
        11: "channel: 1-0:14.7.0 (frequency",
        12: "value: not a number (x)",
        13: "There is no unit for kwh",
        14: "timestamp: not a time (sometime)",
        15: "channel: missing",
    }
    assert {row: reasons[row].startswith(start) for row, start in wanted.items()} == dict.fromkeys(wanted, True)
    assert len(reasons) == len(wanted)
    assert json.loads(quarantined(Lake(workspace))["content"][0])["obis"] == "1-0:1.8.1"
    assert ingest_one(workspace, "readings", path, mapping).written == Written(unchanged=3)


def test_channels_pair_the_hour_that_comes_twice(workspace: Workspace, tmp_path: Path) -> None:
    stamps = [f"2024-10-27 0{hour}:{minute}" for hour in (1, 2, 2, 3) for minute in ("00", "15", "30", "45")]
    lines = [f"a,{stamp},{code},{n},kWh" for code in ("1.29.0", "2.29.0") for n, stamp in enumerate(stamps)]
    path = write_lines(tmp_path / "r.csv", ["meter,stamp,obis,value,unit", *lines])
    assert ingest_one(workspace, "readings", path, Mapping.of(CHANNELS)).written == Written(inserted=16)
    assert [(row["kwh"], row["kwh_export"]) for row in rows(workspace)] == [(n, n) for n in range(16)]


def test_a_file_a_channel_one_after_the_other_loses_nothing(workspace: Workspace, tmp_path: Path) -> None:
    head = "meter,stamp,obis,value,unit"
    first = write_lines(
        tmp_path / "1.csv", [head, "a,2024-06-01 00:00,1.29.0,1,kWh", "a,2024-06-01 00:15,1.29.0,2,kWh"]
    )
    second = write_lines(tmp_path / "2.csv", [head, "a,2024-06-01 00:00,32.7.0,230,V"])
    mapping = Mapping.of(CHANNELS)
    for path, written in ((first, Written(inserted=2)), (second, Written(updated=1)), (first, Written(unchanged=2))):
        assert ingest_one(workspace, "readings", path, mapping).written == written
    assert values(workspace) == [{"kwh": 1.0, "voltage_v": 230.0}, {"kwh": 2.0}]


def test_the_mapping_may_name_codes_units_and_what_to_leave_out(workspace: Workspace, tmp_path: Path) -> None:
    lines = [
        "meter,stamp,obis,value",
        "a,2024-06-01 00:00,1-0:1.4.0,2",
        "a,2024-06-01 00:00,1.29.0,9",
        "a,2024-06-01 00:00,1-0:14.7.0,50",
        "a,2024-06-01 00:00,voltage_v,230",
    ]
    content = {
        **CHANNELS,
        "columns": {**CHANNELS["columns"], "kwh": {"obis": "1.4.0", "unit": "kW", "scale": 10.0}},
        "channels": {"code": "obis", "value": "value", "skip": ["14.7.0"]},
    }
    report = ingest_one(workspace, "readings", write_lines(tmp_path / "r.csv", lines), Mapping.of(content))
    assert values(workspace) == [{"kwh": 5.0, "voltage_v": 230.0}]
    assert report.quarantined == {"channel: 1.29.0 is kwh too, for which the mapping names 1.4.0": 1}
    assert report.warnings == {"left out, as the mapping says": 1}


def test_a_file_of_unknown_channels_is_refused_as_a_whole(workspace: Workspace, tmp_path: Path) -> None:
    lines = ["meter,stamp,obis,value,unit", "a,2024-06-01 00:00,1-0:1.7.0,1,kW", "a,2024-06-01 00:00,1-0:1.8.2,1,kWh"]
    path = write_lines(tmp_path / "r.csv", lines)
    with pytest.raises(
        BadMapping, match=r"1-0:1.7.0 .*nearest.*1-0:1.29.0.*1-0:1.8.2 is of tariff 2.*nothing was written"
    ):
        ingest(workspace, "readings", [path], Mapping.of(CHANNELS))
    assert Lake(workspace).version(READING) == -1
    no_zone = {name: value for name, value in CHANNELS.items() if name != "zone"}
    path = write_lines(tmp_path / "z.csv", [lines[0], "a,2024-06-01 00:00,1.29.0,1,kWh"])
    with pytest.raises(BadMapping, match="Add zone"):
        ingest(workspace, "readings", [path], Mapping.of(no_zone))


def test_columns_headed_by_codes(workspace: Workspace, tmp_path: Path) -> None:
    head = "meter_id,timestamp,1-0:1.29.0,1-0:32.7.0*255,1.8.1"
    path = write_lines(tmp_path / "r.csv", [head, "a,2024-06-01T00:00Z,1000,230,5"])
    ingest_one(workspace, "readings", path)
    assert values(workspace) == [{"kwh": 1000.0, "voltage_v": 230.0}]
    plain = {"meter_id": "meter_id", "timestamp": "timestamp"}
    named = Mapping.of({"obis": True, "columns": {**plain, "kwh": {"obis": "1.29.0", "unit": "Wh"}}})
    ingest_one(workspace, "readings", path, named)
    assert values(workspace) == [{"kwh": 1.0, "voltage_v": 230.0}]
    with pytest.raises(MissingColumns, match=r"r.csv: 2.29.0"):
        ingest(workspace, "readings", [path], Mapping.of({"columns": {**plain, "kwh_export": {"obis": "2.29.0"}}}))
    twice = write_lines(tmp_path / "t.csv", ["meter_id,timestamp,1-0:32.7.0,1-0:52.7.0", "a,2024-06-01T00:00Z,1,2"])
    with pytest.raises(BadMapping, match=r"are both voltage_v\. Name one"):
        ingest(workspace, "readings", [twice], Mapping.of({"obis": True, "columns": plain}))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"channels": {"code": "c", "valeu": "v"}}, UnknownKeys, "Did you mean value"),
        ({"channels": {"code": "c"}}, BadMapping, "channels.value"),
        ({"layout": "long"}, BadMapping, "go together"),
        ({"columns": {**CHANNELS["columns"], "kwh": "x"}}, BadMapping, "a value is in the column of"),
        ({"columns": {**CHANNELS["columns"], "kwh": {"obis": "x"}}}, BadMapping, "no OBIS code"),
        ({"columns": {**CHANNELS["columns"], "kwh": {"obis": "1.8.0", "unit": "BTU"}}}, BadMapping, "no unit for kwh"),
        ({"columns": {"timestamp": "t"}}, BadMapping, "nothing is named for meter_id"),
    ],
)
def test_what_a_mapping_of_channels_cannot_say(change: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Mapping.of({**CHANNELS, **change}).checked(READING)


def test_channels_are_of_readings_only() -> None:
    with pytest.raises(BadMapping, match="not of METER"):
        Mapping.of(CHANNELS).checked(METER)


def test_the_example(workspace: Workspace) -> None:
    report = ingest(workspace, "readings", [EXAMPLES / "profile.csv"], EXAMPLES / "profile.toml").files[0]
    assert report.written == Written(inserted=8)
    assert report.quarantined == {"channel: 1-0:1.8.1 is of tariff 1 only, no total: 1-0:1.8.0 is": 1}
    assert values(workspace)[0] == {"kwh": 0.12, "kwh_export": 0.0, "register_kwh": 1500.12, "voltage_v": 230.1}
