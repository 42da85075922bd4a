"""One pass over a bucket gives the rules all that is known: channels, happenings, refused reports, production."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from metrify.lake.bucketpass import BucketFiles
from metrify.lake.files import ingest
from metrify.lake.longrows import FileRows
from metrify.lake.tables import Lake
from metrify.schema import EVENT, HOLIDAY, METER, QUARANTINE, READING, READING_HISTORY, SOLAR, Table
from metrify.settings import Settings, Workspace
from metrify.vee.gather import TABLES, Around, Gathered, gather, gather_rows
from metrify.vee.rules import validate

START = datetime(2024, 10, 26, 23, tzinfo=UTC)
"""Midnight in London; the local day after has 25 hours."""
HOURS = 72
PANELS = ("panel", "generation")
MATRICES = ("repeated", "available", "off_grid", "unreadable", "outage", "exchanged")


def stamp(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def rows(table: Table, found: list[dict]) -> pa.Table:
    names = [name for name in table.names if any(name in row for row in found)]
    return pa.Table.from_pylist(found, pa.schema([table.schema.field(name) for name in names]))


def readings(meter: str, *, seed: int = 1, hours: int = HOURS, **columns: object) -> list[dict]:
    """Hourly rows; a column is a number, a list or a function of the hour."""
    kwh = np.random.default_rng(seed).gamma(2.0, 0.3, hours).round(3)
    found = []
    for hour in range(hours):
        values = {name: value(hour) if callable(value) else value for name, value in columns.items()}
        base = {"meter_id": meter, "timestamp": stamp(hour), "kwh": float(kwh[hour]), "version": 1}
        found.append(base | values)
    return found


def meter(meter_id: str, since: float = -9000, until: float | None = None, **said: object) -> dict:
    ends = {"valid_from": stamp(since), "valid_to": None if until is None else stamp(until)}
    return {"meter_id": meter_id, "zone": "Europe/London", "country": "GB", **ends, **said}


def passes(lake: Lake, **chosen) -> list[Gathered]:
    files = {table.name: lake.paths(table) for table in TABLES}
    around, found = Around.read(lake), []
    for bucket in sorted(files[READING.name]):
        here = {name: paths.get(bucket, []) for name, paths in files.items()}
        found += gather(BucketFiles(bucket, here), around, lake.workspace.settings, **chosen)
    return found


def of(found: list[Gathered], meter_id: str) -> tuple[Gathered, int]:
    """The group that a meter is in, and its row."""
    return next(
        (g, list(g.group.panel.meter_ids).index(meter_id)) for g in found if meter_id in g.group.panel.meter_ids
    )


def marked(found: list[Gathered], meter_id: str, field: str) -> list[int]:
    group, row = of(found, meter_id)
    matrix = getattr(group.evidence, field)
    return [] if matrix is None else np.flatnonzero(matrix[row]).tolist()


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return Lake(workspace)


def test_channels_are_those_that_hold_a_value_on_the_grid_of_the_readings(lake: Lake) -> None:
    counter = {"register_kwh": lambda h: 8_765_432.1 + h, "register_export_kwh": lambda h: None if h % 24 else 5.0 + h}
    lake.upsert(READING, rows(READING, readings("a", voltage_v=231.0, **counter) + readings("b", seed=2, hours=50)))
    found = passes(lake)
    group, row = of(found, "a")
    assert set(group.evidence.channels) == {"voltage_v", "register_kwh", "register_export_kwh"}
    for panel in group.evidence.channels.values():
        assert (panel.start, panel.step_minutes, panel.values.shape) == (
            group.evidence.panel.start,
            60,
            group.evidence.panel.values.shape,
        )
    register = group.evidence.channels["register_kwh"].values[row]
    np.testing.assert_array_equal(register, 8_765_432.1 + np.arange(HOURS))  # to the last watt-hour
    assert np.isfinite(group.evidence.channels["register_export_kwh"].values[row]).sum() == 3
    if "b" not in group.group.panel.meter_ids:
        assert not of(found, "b")[0].evidence.channels


def test_only_wanted_channels_are_decoded(lake: Lake) -> None:
    lake.upsert(READING, rows(READING, readings("a", voltage_v=231.0, kvarh=0.1)))
    for wanted in ((), ("voltage_v",), ("voltage_v", "kwh_export")):
        (found,) = passes(lake, channels=wanted)
        assert set(found.evidence.channels) == set(wanted) & {"voltage_v"}


def test_a_column_that_holds_nothing_is_not_read(lake: Lake) -> None:
    lake.upsert(READING, rows(READING, readings("a", voltage_v=231.0)))
    files = next(iter(lake.paths(READING).values()))
    assert len(files) == 1  # of one month: one file
    assert [name for name in READING.measures if FileRows(READING, files).holds(name)] == ["kwh", "voltage_v"]


def a_fleet(lake: Lake) -> None:
    """Two meters below one transformer, with nearly all that can happen."""
    lake.upsert(
        HOLIDAY, rows(HOLIDAY, [{"country": "GB", "subdivision": "", "date": stamp(30).date(), "kind": "public"}])
    )
    below = {"transformer_id": "T", "feeder_id": "F"}
    meters = [
        meter("a", until=20.5, device_id="a1", pv_kw=0.0, **below),
        meter("a", since=20.5, device_id="a2", pv_kw=0.0, **below),
        meter("b", device_id="b1", **below),
    ]
    lake.upsert(METER, rows(METER, meters))
    outages = [("T", 10, 12.5), ("b", 30, 31), ("a1", 40, 41), ("F", 50, None)]
    events = [
        {"subject_id": subject, "timestamp": stamp(since), "kind": "outage", "until": until and stamp(until)}
        for subject, since, until in outages
    ]
    events.append({"subject_id": "a", "timestamp": stamp(60), "kind": "tamper", "until": None})
    lake.upsert(EVENT, rows(EVENT, events))
    lake.upsert(READING, rows(READING, readings("a", voltage_v=231.0) + readings("b", seed=2, kwh_export=0.2)))
    lake.upsert(READING, rows(READING, [readings("a")[5] | {"kwh": 9.0, "version": 2, "available_at": stamp(300)}]))
    generated = [{"meter_id": "b", "timestamp": stamp(h), "generation_kwh": 0.5 + h} for h in range(-24, 10)]
    lake.upsert(SOLAR, rows(SOLAR, generated))


def test_happenings_find_the_meters_that_they_concern(lake: Lake) -> None:
    a_fleet(lake)
    found = passes(lake)
    assert marked(found, "a", "outage") == [10, 11, 12, 50]  # not 40: its first device was gone by then
    assert marked(found, "b", "outage") == [10, 11, 12, 30, 50]
    assert marked(found, "a", "exchanged") == [20]
    assert marked(found, "b", "exchanged") == []
    assert marked(found, "a", "repeated") == [5]
    assert marked(found, "a", "available") == [5]
    group, row = of(found, "a")
    assert group.evidence.calendar.off_days(np.array([np.datetime64("2024-10-28", "D").astype(np.int64)])).all()
    assert group.evidence.pv_kw is not None
    assert group.evidence.pv_kw[row] == 0


def test_production_is_on_the_grid_and_in_its_whole_length(lake: Lake) -> None:
    a_fleet(lake)
    group, row = of(passes(lake), "b")
    assert group.evidence.generation is not None
    assert group.production is not None
    seen = group.evidence.generation.values[row]
    np.testing.assert_array_equal(seen[:10], np.float32(0.5) + np.arange(10, dtype=np.float32))
    assert np.isnan(seen[10:]).all()
    assert group.production[0].start == np.datetime64("2024-10-25T23:00")
    np.testing.assert_array_equal(group.production[0].values[row, :2], np.float32([-23.5, -22.5]))


def test_rows_in_memory_give_the_same(lake: Lake) -> None:
    a_fleet(lake)
    around = Around.read(lake)
    found = {name: lake.read(table) for name, table in (("superseded", READING_HISTORY), ("solar", SOLAR))}
    for group in passes(lake):
        current = lake.read(READING, meter_ids=[str(name) for name in group.group.panel.meter_ids])
        (same,) = gather_rows(current, around, lake.workspace.settings, **found)
        for field in PANELS:
            one, other = getattr(group.evidence, field), getattr(same.evidence, field)
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_array_equal(one.values, other.values)
        for field in MATRICES:
            np.testing.assert_array_equal(getattr(group.evidence, field), getattr(same.evidence, field))
        assert set(group.evidence.channels) == set(same.evidence.channels)


def test_a_report_that_was_no_number_is_found_where_it_should_have_been(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    lines = [f"a,{stamp(h):%Y-%m-%dT%H:%M:%SZ},{'n/a' if h in (7, 8) else 'nan' if h == 9 else 0.5}" for h in range(24)]
    path.write_text("\n".join(["meter_id,timestamp,kwh", *lines, f"a,{stamp(24):%Y-%m-%dT%H:%M:%SZ},1e9"]) + "\n")
    ingest(lake.workspace, READING, [path])
    assert lake.count(QUARANTINE) == 4
    assert marked(passes(lake), "a", "unreadable") == [7, 8, 9]  # not 24: a number, but an impossible one


def test_a_day_of_25_hours_and_a_stamp_beside_the_grid(lake: Lake) -> None:
    lake.upsert(METER, rows(METER, [meter("a")]))
    stray = {"meter_id": "a", "timestamp": stamp(HOURS + 0.1), "kwh": 0.3, "version": 1}
    lake.upsert(READING, rows(READING, [*readings("a"), stray]))
    (found,) = passes(lake)
    days, counts = np.unique(found.evidence.clock.day, return_counts=True)
    assert counts.tolist()[:2] == [25, 24]
    assert str(days[0].astype("datetime64[D]")) == "2024-10-27"
    assert marked([found], "a", "off_grid") == [HOURS]


def test_nothing_but_readings_is_needed(lake: Lake) -> None:
    lake.upsert(READING, rows(READING, readings("a")))
    (found,) = passes(lake)
    empty = {field: getattr(found.evidence, field) for field in (*MATRICES, "generation")}
    assert all(value is None for value in empty.values())
    assert not found.evidence.channels
    assert found.production is None
    bare = lake.read(READING, columns=["meter_id", "timestamp", "kwh"])
    (same,) = gather_rows(bare, Around.read(lake), Settings())
    np.testing.assert_array_equal(same.evidence.panel.values, found.evidence.panel.values)


def test_bad_meters_pass_through_all_rules(lake: Lake) -> None:
    """All zero, all missing, exporting with two registers, and one that says nothing but its voltage."""
    silent = readings("missing", kwh=None, voltage_v=230.0)
    zero = readings("zero", kwh=0.0, kwh_export=0.0, voltage_v=0.0, register_kwh=1.0, kvarh=0.0)
    net = readings("net", kwh=lambda h: -0.5 if 9 < h % 24 < 16 else 0.5)
    for name, sign in (("register_kwh", 1), ("register_export_kwh", -1)):
        counter = np.cumsum([max(sign * row["kwh"], 0) for row in net])
        net = [row | {name: 100 + float(value)} for row, value in zip(net, counter, strict=True)]
    lake.upsert(READING, rows(READING, silent + zero + net))
    (*found,) = passes(lake)
    assert sum(len(group.group.panel.meter_ids) for group in found) == 3
    for group in found:
        flags = validate(group.evidence, lake.workspace.settings.vee, only=OTHER_RULES)
        assert not flags.any()


OTHER_RULES = (
    "register_sum",
    "register_backwards",
    "register_rollover",
    "reverse_energy",
    "power_factor",
    "voltage",
    "outage",
    "exchange",
)
