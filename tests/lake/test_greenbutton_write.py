"""Green Button out and in again: equal to the last bit, for any intervals, gaps and channels."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import parse
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrify.errors import BadValue, EmptyTable, UnknownMeter, UnreadableFile
from metrify.lake.channels import pivot
from metrify.lake.conversion import convert
from metrify.lake.files import ingest
from metrify.lake.greenbutton.clockrules import clock_rules
from metrify.lake.greenbutton.export import export_readings
from metrify.lake.greenbutton.scale import MOST, scaled
from metrify.lake.greenbutton.write import write_green_button
from metrify.lake.mapping import Mapping
from metrify.lake.raw import RawFile
from metrify.lake.tables import Lake
from metrify.schema import READING
from metrify.settings import Workspace

ESPI = "{http://naesb.org/espi}"
START = datetime(2024, 10, 26, 20, tzinfo=UTC)  # before London's day of 25 hours
KEY = [("meter_id", "ascending"), ("timestamp", "ascending")]


def meters(*names: str, zone: str = "Europe/London", minutes: int | None = 30) -> pd.DataFrame:
    return pd.DataFrame({"meter_id": list(names), "zone": zone, "interval_minutes": minutes})


def read_back(path: Path, estimated: str = "refuse") -> pa.Table:
    """What the door makes of a file, up to the lake."""
    mapping = Mapping.of({"layout": "green_button", "estimated": estimated})
    raw = pa.concat_tables(RawFile.open(path, mapping).chunks())
    pivoted = pivot(raw, mapping, READING)
    assert pivoted.reasons == [] or estimated == "refuse"
    converted = convert(pivoted.rows, READING, mapping, pd.Timestamp.now("UTC"))
    assert converted.reasons.null_count == converted.rows.num_rows
    return converted.rows.sort_by(KEY)


def table(rows: list[dict]) -> pa.Table:
    return READING.conform(pa.Table.from_pylist([{"version": 1, "ingested_at": START} | row for row in rows]))


THOUSANDTHS = st.integers(-2_000_000, 2_000_000).map(lambda n: n / 1000)
VALUE = st.one_of(st.none(), THOUSANDTHS, st.integers(-(10**14), 10**14).map(lambda n: float(f"{n}e-12")))
POSITIVE = st.one_of(st.none(), st.integers(0, 10**14).map(lambda n: float(f"{n}e-6")))
ROW = st.fixed_dictionaries(
    {
        name: POSITIVE if name.startswith(("register", "voltage")) else VALUE
        for name in READING.measures
        if name not in ("current_a", "voltage_v")
    }
    | {"voltage_v": st.one_of(st.none(), st.integers(0, 4000).map(lambda n: n / 10))}
    | {"current_a": st.one_of(st.none(), THOUSANDTHS.map(lambda n: n / 10))}
)
MONTHS = st.dictionaries(st.integers(0, 120), ROW, min_size=1, max_size=12)
NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=2, unique=True)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(NAMES.flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, MONTHS))), st.sampled_from([15, 30, 60]))
def test_out_and_in_is_equal_to_the_last_bit(fleet: dict[str, dict[int, dict]], minutes: int) -> None:
    step = np.timedelta64(minutes, "m")
    rows = [
        {
            "meter_id": name.encode("utf-8", "replace").decode(),
            "timestamp": pd.Timestamp(START) + int(place) * step,
            **row,
        }
        for name, intervals in fleet.items()
        for place, row in intervals.items()
        if any(value is not None for value in row.values())
    ]
    if not rows:
        return
    wanted = table(rows).sort_by(KEY)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "g.xml"
        report = write_green_button(wanted, meters(*{row["meter_id"] for row in rows}, minutes=minutes), path)
        found = read_back(path)
    for name in READING.measures:  # a value of more digits than 48 bits hold beside large ones is the nearest
        assert found[name].is_valid().equals(wanted[name].is_valid())
        assert found[name].drop_null().to_pylist() == pytest.approx(wanted[name].drop_null().to_pylist(), abs=1e-9)
    if not report.inexact:
        assert found.select(["meter_id", "timestamp", *READING.measures]).equals(
            wanted.select(["meter_id", "timestamp", *READING.measures])
        )
    ends = found["available_at"].to_numpy() - found["timestamp"].to_numpy()
    assert set(ends) == {step}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-MOST, MOST), min_size=1, max_size=20), st.integers(0, 12), st.sampled_from([0, 3]))
def test_numbers_that_48_bits_hold_lose_nothing(numbers: list[int], digits: int, shift: int) -> None:
    found = scaled(np.array([float(f"{number}e-{digits + shift}") for number in numbers]), shift)
    assert not found.inexact.any() or digits not in (0, 1, 2, 3, 6, 9, 12)
    assert np.abs(found.numbers).max() <= MOST


def test_a_value_that_cannot_be_written_is_told_and_is_the_nearest(tmp_path: Path) -> None:
    rows = table([{"meter_id": "a", "timestamp": START, "kwh": 0.1 + 0.2, "register_kwh": 1e300}])
    report = write_green_button(rows, meters("a"), tmp_path / "g.xml")
    assert report.inexact == ["a kwh: 1 of 1", "a register_kwh: 1 of 1"]
    [row] = read_back(tmp_path / "g.xml").to_pylist()
    assert row["kwh"] == 0.3


def test_estimates_carry_their_quality_and_are_taken_only_when_wanted(tmp_path: Path) -> None:
    told = {
        "measured": (None, None),
        "estimated linear": ("linear", "9"),
        "estimated like": ("like_days", "8"),
        "estimated learned": ("learned", "11"),
        "edited": ("manual", "7"),
        "flagged": (None, "10"),
    }
    times = pd.date_range(START, periods=len(told), freq="30min")
    rows = pa.table(
        {
            "meter_id": ["a"] * len(told),
            "timestamp": times,
            "kwh": np.arange(len(told)) / 8,
            "status": [name.split()[0] for name in told],
            "method": pa.array([method for method, _ in told.values()], pa.string()),
        }
    )
    path = tmp_path / "g.xml.gz"
    report = write_green_button([rows], meters("a"), path)
    assert (report.values, report.estimated) == (6, 5)
    assert read_back(path)["kwh"].to_pylist() == [0.0]
    assert read_back(path, "take")["kwh"].to_pylist() == rows["kwh"].to_pylist()
    raw = pa.concat_tables(RawFile.open(path).chunks())
    assert raw["quality"].to_pylist() == [code for _, code in told.values()]


def test_the_feed_is_atom_with_one_clock_a_zone_and_blocks_by_local_day(tmp_path: Path) -> None:
    times = pd.date_range("2024-10-26T23:00Z", periods=50, freq="30min")  # local 27 October, of 25 hours
    rows = table([{"meter_id": name, "timestamp": time, "kwh": 1.0} for name in "ab" for time in times])
    path = tmp_path / "g.xml"
    write_green_button(rows, meters("a", "b"), path, now=pd.Timestamp("2024-11-01", tz="UTC"))
    root = parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    assert len(root.findall(f".//{ESPI}LocalTimeParameters")) == 1
    blocks = root.findall(f".//{ESPI}IntervalBlock")
    assert [len(block.findall(f"{ESPI}IntervalReading")) for block in blocks] == [50, 50]
    assert [block.findtext(f"{ESPI}interval/{ESPI}duration") for block in blocks] == [str(25 * 3600)] * 2
    again = tmp_path / "again.xml"
    write_green_button([rows], meters("a", "b"), again, now=pd.Timestamp("2024-11-01", tz="UTC"))
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("zone", "offset", "summer", "start", "end"),
    [
        ("America/New_York", -18000, 3600, "360E2000", "B40E2000"),  # the example of NAESB REQ.21
        ("Europe/London", 0, 3600, "3E0E1000", "AE0E2000"),
        ("Europe/Dublin", 0, 3600, "3E0E1000", "AE0E2000"),
        ("Australia/Lord_Howe", 37800, 1800, "A40E2000", "440E2000"),
        ("Asia/Kolkata", 19800, 0, "00000000", "00000000"),
    ],
)
def test_clock_rules(zone: str, offset: int, summer: int, start: str, end: str) -> None:
    found = clock_rules(zone, 2024)
    assert (found.offset, found.summer, found.start, found.end) == (offset, summer, start, end)


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "Australia/Sydney", "America/Havana"]),
    st.integers(2010, 2030),
)
def test_a_rule_gives_the_moment_of_change(zone: str, year: int) -> None:
    for rule, forward in ((clock_rules(zone, year).start, True), (clock_rules(zone, year).end, False)):
        bits = int(rule, 16)
        month, operator, weekday, hour = bits >> 28, bits >> 25 & 7, bits >> 17 & 7, bits >> 12 & 31
        days = [day for day in pd.date_range(f"{year}-{month:02d}", periods=31) if day.month == month]
        if operator:
            fitting = [day for day in days if day.isoweekday() == weekday]
            day = fitting[-1] if operator == 7 else fitting[operator - 2]
        else:
            day = days[(bits >> 20 & 31) - 1]
        before = (day.to_pydatetime() + timedelta(hours=hour, minutes=-1)).replace(tzinfo=ZoneInfo(zone), fold=0)
        after = (before.astimezone(UTC) + timedelta(minutes=1)).astimezone(ZoneInfo(zone))
        assert (after.utcoffset() - before.utcoffset()) == timedelta(hours=1 if forward else -1)


def test_a_lake_goes_out_and_into_another(workspace: Workspace, tmp_path: Path) -> None:
    lake = Lake(workspace)
    times = pd.date_range(START, periods=48, freq="30min")
    rng = np.random.default_rng(0)
    rows = [
        {"meter_id": name, "timestamp": time, "kwh": round(float(rng.uniform(0, 2)), 3)}
        for name in "abc"
        for time in times
    ]
    lake.upsert(READING, table(rows))
    report = export_readings(
        workspace, tmp_path / "g.xml", meter_ids=["a", "c"], since=str(times[2]), until=str(times[40])
    )
    assert (report.meters, report.intervals) == (2, 76)
    other = Workspace.open(tmp_path / "other")
    ingest(other, "readings", [tmp_path / "g.xml"])
    columns = ["meter_id", "timestamp", "kwh"]
    part = {"meter_ids": ["a", "c"], "since": times[2], "until": times[40]}
    assert Lake(other).read(READING, columns=columns).sort_by(KEY) == lake.read(
        READING, columns=columns, **part
    ).sort_by(KEY)


def test_what_cannot_be_exported(workspace: Workspace, tmp_path: Path) -> None:
    Lake(workspace).upsert(READING, table([{"meter_id": "a", "timestamp": START, "kwh": 1.0}]))
    out = tmp_path / "g.xml"
    out.write_text("old")
    with pytest.raises(EmptyTable):
        export_readings(workspace, out, until="2001-01-01")
    assert out.read_text() == "old"
    assert list(tmp_path.glob("*.part")) == []
    with pytest.raises(UnknownMeter):
        export_readings(workspace, out, meter_ids=["b"])
    with pytest.raises(BadValue, match=r"ending in \.xml"):
        export_readings(workspace, tmp_path / "g.csv")
    with pytest.raises(BadValue, match="since"):
        export_readings(workspace, out, since="soon")


def test_a_place_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    rows = table([{"meter_id": "M1", "timestamp": START, "kwh": 1.0, "available_at": START}])
    with pytest.raises(UnreadableFile, match="a folder that exists"):
        write_green_button(rows, meters("M1"), tmp_path / "file" / "feed.xml")
