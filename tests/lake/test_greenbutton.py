"""Green Button files at the door: what their numbers mean, what belongs to what, what is refused."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrify.errors import BadMapping, UnreadableFile
from metrify.lake.files import ingest
from metrify.lake.greenbutton import feed as stream
from metrify.lake.greenbutton.codes import NOT_MEASURED, QUALITIES
from metrify.lake.mapping import Mapping
from metrify.lake.tables import Lake, Written
from metrify.schema import READING
from metrify.settings import Workspace
from tests.lake.feeds import block, channel, entry, feed, meter_reading, reading, reading_type, usage_point, write_feed
from tests.lake.files import ingest_one
from tests.lake.rows import quarantined

T0 = 1_704_067_200  # 2024-01-01T00:00Z
HOUR = 3600
EXAMPLES = Path(__file__).parents[2] / "examples" / "greenbutton"


def rows(workspace: Workspace) -> list[dict]:
    """READING as dicts without what is empty, by meter and time in hours from T0."""
    found = Lake(workspace).read(READING).sort_by([("meter_id", "ascending"), ("timestamp", "ascending")]).to_pylist()
    return [
        {
            "meter": row["meter_id"],
            "hour": (row["timestamp"].timestamp() - T0) / HOUR,
            **{name: row[name] for name in READING.measures if row[name] is not None},
        }
        for row in found
    ]


def test_channels_of_a_usage_point_become_one_row_an_interval(workspace: Workspace, tmp_path: Path) -> None:
    path = write_feed(
        tmp_path / "g.xml",
        usage_point(),
        *channel("kwh", reading(T0, 1234), reading(T0 + HOUR, 5)),
        *channel("back", reading(T0, 7), flowDirection=19, powerOfTenMultiplier=3),
        *channel("volt", reading(T0, 2301), uom=29, accumulationBehaviour=6, powerOfTenMultiplier=-1),
        *channel("amp", reading(T0, 4200), uom=5, accumulationBehaviour=6, powerOfTenMultiplier=-3),
        *channel("var", reading(T0, 50), uom=73),
        *channel(
            "power",
            reading(T0 + 2 * HOUR, 2, 1800),
            uom=38,
            dataQualifier=2,
            powerOfTenMultiplier=3,
            intervalLength=1800,
        ),
        *channel("register", reading(T0, 10_000), accumulationBehaviour=1),
        *channel("point", reading(T0 + HOUR, 900, 0), accumulationBehaviour=3, flowDirection=19, intervalLength=0),
    )
    report = ingest_one(workspace, "readings", path)
    assert (report.written, report.meters) == (Written(inserted=4), 1)
    found = {row.pop("hour"): row for row in rows(workspace)}
    # the shortest interval is half an hour: a register read at 01:00 is that of the half hour before
    assert found[0] == {
        "meter": "U1",
        "kwh": 1.234,
        "kwh_export": 7.0,
        "voltage_v": 230.1,
        "current_a": 4.2,
        "kvarh": 0.05,
    }
    assert found[0.5] == {"meter": "U1", "register_kwh": 10.0, "register_export_kwh": 0.9}
    assert found[1] == {"meter": "U1", "kwh": 0.005}
    assert found[2] == {"meter": "U1", "kwh": 1.0}
    assert ingest_one(workspace, "readings", path).written == Written(unchanged=4)


@pytest.mark.parametrize("order", ["links", "shuffled links", "no links"])
def test_links_tell_what_belongs_to_what_and_else_the_order(workspace: Workspace, tmp_path: Path, order: str) -> None:
    none = {"own": "", "up": "", "related": ()} if order == "no links" else {}
    title = {"title": "U1"}
    parts = [
        usage_point("U1", **(none | title)),
        meter_reading("U1", "1", "T1", **none),
        reading_type("T1", own="" if none else None),
        block(reading(T0, 1000), name="1", **none),
        meter_reading("U1", "2", "T2", **none),
        reading_type("T2", own="" if none else None, flowDirection=19),
        block(reading(T0, 2000), name="2", **none),
        usage_point("U2", **(none | {"title": "U2"})),
        meter_reading("U2", "1", "T1", **none),
        *([reading_type("T1", own="")] if none else []),
        block(reading(T0, 3000), point="U2", name="1", **none),
    ]
    if order == "shuffled links":
        parts = [parts[place] for place in (9, 6, 3, 1, 4, 2, 5, 8, 7, 0)]
    ingest_one(workspace, "readings", write_feed(tmp_path / "g.xml", *parts))
    assert rows(workspace) == [
        {"meter": "U1", "hour": 0, "kwh": 1.0, "kwh_export": 2.0},
        {"meter": "U2", "hour": 0, "kwh": 3.0},
    ]


def test_who_the_meter_is(workspace: Workspace, tmp_path: Path) -> None:
    point = "<ServiceDeliveryPoint><mRID>SDP-9</mRID></ServiceDeliveryPoint>"
    path = write_feed(
        tmp_path / "g.xml", usage_point("a%20b", point, title="Home"), *channel("1", reading(T0, 1), point="a%20b")
    )
    ingest_one(workspace, "readings", path)
    ingest_one(workspace, "readings", path, Mapping.of({"layout": "green_button", "columns": {"meter_id": "title"}}))
    ingest_one(workspace, "readings", path, Mapping.of({"layout": "green_button", "constants": {"meter_id": "mine"}}))
    plain = write_feed(tmp_path / "p.xml", usage_point("a%20b"), *channel("1", reading(T0, 1), point="a%20b"))
    ingest_one(workspace, "readings", plain)
    assert [row["meter"] for row in rows(workspace)] == ["Home", "SDP-9", "a b", "mine"]


def test_two_usage_points_are_never_one_meter(workspace: Workspace, tmp_path: Path) -> None:
    parts = []
    for customer in "12":
        own = f"/RetailCustomer/{customer}/UsagePoint/1"
        links = {"own": f"{own}/MeterReading/1", "up": "", "related": (f"{own}/MeterReading/1/IntervalBlock", "/T")}
        parts += [usage_point(own=own, related=(f"{own}/MeterReading/1",)), meter_reading(**links)]
        parts += [
            reading_type(own="/T"),
            block(reading(T0, int(customer)), own="", up=f"{own}/MeterReading/1/IntervalBlock"),
        ]
    path = write_feed(tmp_path / "g.xml", *parts)
    with pytest.raises(UnreadableFile, match=r"two usage points are meter_id '1'.*meter_id = \"self\""):
        ingest(workspace, "readings", [path])
    ingest_one(workspace, "readings", path, Mapping.of({"layout": "green_button", "columns": {"meter_id": "self"}}))
    assert [(row["meter"][:17], row["kwh"]) for row in rows(workspace)] == [
        ("/RetailCustomer/1", 0.001),
        ("/RetailCustomer/2", 0.002),
    ]


def test_what_the_sender_estimated_is_no_reading_unless_wanted(workspace: Workspace, tmp_path: Path) -> None:
    codes = [*sorted(QUALITIES), 99]
    readings = [reading(T0 + n * HOUR, 1000 + code, HOUR, code) for n, code in enumerate(codes)]
    readings.append(reading(T0 + 100 * HOUR, 1, HOUR, 17, 8))
    path = write_feed(tmp_path / "g.xml", usage_point(), *channel("1", *readings))
    report = ingest_one(workspace, "readings", path)
    measured = [code for code in codes if code in QUALITIES and code not in NOT_MEASURED]
    assert measured == [0, 14, 17, 18, 19]
    assert [round(row["kwh"] * 1000) - 1000 for row in rows(workspace)] == measured
    assert report.quarantined == {"estimated by the sender": len(codes) - len(measured) + 1}
    refused = quarantined(Lake(workspace))
    assert "estimated by the sender (ReadingQuality 8: estimated using reference day)" in set(refused["reason"])
    assert set(refused["meter_id"]) == {"U1"}
    assert refused["timestamp"].notna().all()
    assert json.loads(refused["content"][0])["value"] == "1007e-3"
    taken = Mapping.of({"layout": "green_button", "estimated": "take"})
    assert ingest_one(workspace, "readings", path, taken).written == Written(inserted=11, unchanged=5)


def test_a_bad_value_is_refused_alone(workspace: Workspace, tmp_path: Path) -> None:
    bad = [
        reading(None, 1),
        reading(T0 + HOUR, 1, 0),
        reading(T0 + 2 * HOUR, 1, 1800),
        reading(T0 + 3 * HOUR, "much"),
        reading(T0 + 4 * HOUR, ""),
        reading("soon", 1),
        reading(T0 + 6 * HOUR, 1, "long"),
        reading(T0, 4),  # says otherwise
        reading(T0, 1000),  # says it again
    ]
    path = write_feed(
        tmp_path / "g.xml",
        usage_point(),
        *channel("1", reading(T0, 1000), *bad),
        *channel("volt", *(reading(T0 + n * HOUR, 230) for n in range(5)), uom=29, accumulationBehaviour=6),
        *channel("tier", reading(T0, 1), accumulationBehaviour=1, tou=2),
        *channel("gas", reading(T0, 1), uom=169, commodity=7),
        *channel("apparent", reading(T0, 1), uom=61),
    )
    report = ingest_one(workspace, "readings", path)
    assert report.written == Written(inserted=5, repeated=1)
    assert [row.get("kwh") for row in rows(workspace)] == [1.0, None, None, None, None]
    assert [row["voltage_v"] for row in rows(workspace)] == [230] * 5
    reasons = quarantined(Lake(workspace))["reason"].tolist()
    wanted = [
        "start is missing",
        "duration: 0 seconds",
        "duration: 1800 seconds, its intervals have 3600",
        "value: not a number (much)",
        "value: missing",
        "start: not whole seconds (soon)",
        "duration: not whole seconds (long)",
        "contradicts an earlier value of the same meter and time (kwh 1.0 by 1-0:1.29.0 came first",
        "channel: ReadingType is of tariff (tou) 2 only",
        "channel: ReadingType is of commodity 7",
        "channel: ReadingType has no column in READING: uom 61 (VA)",
    ]
    assert [reason.startswith(start) for reason, start in zip(reasons, wanted, strict=True)] == [True] * 11
    half = Mapping.of({"layout": "green_button", "interval_minutes": 30})
    assert ingest_one(workspace, "readings", path, half).written == Written(updated=1)  # that of 02:00 is right now
    assert rows(workspace)[2] == {"meter": "U1", "hour": 2, "kwh": 0.001, "voltage_v": 230}


def test_a_feed_of_gas_is_the_wrong_file(workspace: Workspace, tmp_path: Path) -> None:
    path = write_feed(tmp_path / "g.xml", usage_point(), *channel("1", reading(T0, 1), commodity=7))
    with pytest.raises(UnreadableFile, match=r"commodity 7, no electricity.*nothing was written"):
        ingest(workspace, "readings", [path])
    assert Lake(workspace).version(READING) == -1


def test_what_a_mapping_cannot_say_of_a_feed(workspace: Workspace, tmp_path: Path) -> None:
    path = write_feed(tmp_path / "g.xml", usage_point(), *channel("1", reading(T0, 1)))
    with pytest.raises(UnreadableFile, match='layout = "green_button"'):
        ingest(workspace, "readings", [path], Mapping.of({"columns": {"meter_id": "a", "timestamp": "b", "kwh": "c"}}))
    with pytest.raises(UnreadableFile, match="ingested as readings"):
        ingest(workspace, "solar", [path])
    with pytest.raises(BadMapping, match=r"says itself what zone, columns\.kwh"):
        ingest(
            workspace,
            "readings",
            [path],
            Mapping.of({"layout": "green_button", "zone": "UTC", "columns": {"kwh": "x"}}),
        )
    with pytest.raises(BadMapping, match="only a Green Button file"):
        Mapping.of({"estimated": "take", "columns": {"meter_id": "a", "timestamp": "b", "kwh": "c"}}).checked(READING)


def test_gzip_a_prefix_and_many_blocks_in_one_entry(workspace: Workspace, tmp_path: Path) -> None:
    one = '<espi:IntervalBlock xmlns:espi="NAMESPACE">{}</espi:IntervalBlock>'
    both = [
        one.format(reading(T0 + n * HOUR, 1000 + n).replace("<", "<espi:").replace("<espi:/", "</espi:"))
        for n in (0, 1)
    ]
    text = feed(usage_point(), meter_reading(), reading_type(), entry("".join(both)))
    path = tmp_path / "g.xml.gz"
    path.write_bytes(gzip.compress(text.encode()))
    ingest_one(workspace, "readings", path)
    assert [row["kwh"] for row in rows(workspace)] == [1.0, 1.001]
    path.write_bytes(gzip.compress(text.encode())[:-20])
    with pytest.raises(UnreadableFile):
        ingest(workspace, "readings", [path])


def test_a_long_block_comes_in_parts(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST", 100)
    monkeypatch.setattr(stream, "PIECE", 4096)
    path = write_feed(
        tmp_path / "g.xml", usage_point(), *channel("1", *(reading(T0 + n * HOUR, n) for n in range(700)))
    )
    ingest_one(workspace, "readings", path)
    assert [round(row["kwh"] * 1000) for row in rows(workspace)] == list(range(700))


def test_the_example_is_read_with_its_day_of_25_hours(workspace: Workspace) -> None:
    report = ingest_one(workspace, "readings", EXAMPLES / "home.xml")
    assert report.first == datetime(2024, 11, 3, 5, tzinfo=UTC)
    assert report.written == Written(inserted=24)
    assert report.quarantined == {"estimated by the sender": 3}
