from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from metrify.lake.stamps import NO_OFFSET, dates, moments

NOON = np.datetime64("2013-07-01T12:00", "us")


def _read(values: list | pa.Array, form: str = "", zone: str = "") -> tuple[np.ndarray, list]:
    column = pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])
    found, reasons = moments(column, form, zone, np.zeros(len(column), np.int64))
    return found, reasons.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2013-07-01T12:00:00Z",
        "2013-07-01 12:00:00+00:00",
        "2013-07-01T13:00:00+01:00",
        "2013-07-01T05:00:00-0700",
        "2013-07-01 13:00:00.0000000+01",
        " 2013-07-01T12:00Z ",
    ],
)
def test_stamps_with_an_offset_are_taken_as_they_are(text: str) -> None:
    for zone in ("", "America/Los_Angeles"):
        found, reasons = _read([text], zone=zone)
        assert found[0] == NOON
        assert reasons == [None]


def test_stamps_without_an_offset_are_read_by_the_clock_of_the_zone() -> None:
    for text in ("2013-07-01 13:00", "2013-07-01T13:00:00", "2013-07-01 13:00:00.0000000"):
        assert _read([text], zone="Europe/London")[0][0] == NOON
    assert _read(["2013-07-01"], zone="UTC")[0][0] == np.datetime64("2013-07-01")


def test_with_and_without_offset_in_one_column() -> None:
    found, reasons = _read(["2013-07-01 13:00", "2013-07-01 12:00Z", None, "noon"], zone="Europe/London")
    assert found[:2].tolist() == [NOON.item()] * 2
    assert np.isnat(found[2:]).all()
    assert reasons == [None, None, None, "not a time (noon)"]


def test_without_a_zone_a_stamp_without_offset_is_refused() -> None:
    _, reasons = _read(["2013-07-01 13:00", "2013-07-01 12:00Z"])
    assert reasons == [NO_OFFSET, None]


def test_formats() -> None:
    assert _read(["01/07/2013 13:00"], "%d/%m/%Y %H:%M", "Europe/London")[0][0] == NOON
    assert _read(["13:00 01-07-2013"], "%H:%M %d-%m-%Y", "Europe/London")[0][0] == NOON
    assert _read(["01.07.2013 14:00 +0200"], "%d.%m.%Y %H:%M %z")[0][0] == NOON
    assert _read(["2013-07-01 13:00"], "%d/%m/%Y %H:%M", "UTC")[1] == ["not a time (2013-07-01 13:00)"]


def test_typed_columns() -> None:
    aware = pa.array([datetime(2013, 7, 1, 12, tzinfo=UTC)], pa.timestamp("ns", "Europe/London"))
    naive = pa.array([datetime(2013, 7, 1, 13)], pa.timestamp("s"))
    assert _read(aware)[0][0] == NOON
    assert _read(naive, zone="Europe/London")[0][0] == NOON
    assert _read(naive)[1] == [NO_OFFSET]


def test_dates() -> None:
    for values, form in (
        (pa.array(["2013-07-01", "x", None]), ""),
        (pa.array(["01.07.2013", "x", None]), "%d.%m.%Y"),
    ):
        found, reasons = dates(pa.chunked_array([values]), form)
        assert found[0] == np.datetime64("2013-07-01", "D")
        assert np.isnat(found[1:]).all()
        assert reasons.tolist() == [None, "not a time (x)", None]
    assert dates(pa.chunked_array([pa.array([date(2013, 7, 1)])]), "")[0][0] == np.datetime64("2013-07-01", "D")
