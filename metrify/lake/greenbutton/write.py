"""Rows of READING or CLEAN as a Green Button feed, streamed to disk meter by meter."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.errors import EmptyTable, UnreadableFile
from metrify.lake.greenbutton.clockrules import clock_rules
from metrify.lake.greenbutton.codes import ATOM, ESPI
from metrify.lake.greenbutton.scale import scaled
from metrify.localtime import local_times
from metrify.panel import interval_minutes

__all__ = ["FeedReport", "write_green_button"]

_ROOT = "/espi/1_1/resource"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUALITY = {"flagged": 10, "edited": 7, "linear": 9, "like_days": 8, "two_weeks": 8}
"""ReadingQuality by the status of a row of CLEAN, or else by the method of its estimate; of any other 11, derived."""
_DERIVED = 11


@dataclass(frozen=True)
class _Shape:
    """How a column is told: elements of ReadingType, and the power of ten from its unit to that of ESPI."""

    accumulation: int
    flow: int
    kind: int
    uom: int
    shift: int


_SHAPES = {
    "kwh": _Shape(4, 1, 12, 72, 3),
    "kwh_export": _Shape(4, 19, 12, 72, 3),
    "kvarh": _Shape(4, 1, 12, 73, 3),
    "voltage_v": _Shape(6, 0, 54, 29, 0),
    "current_a": _Shape(6, 0, 4, 5, 0),
    "register_kwh": _Shape(1, 1, 12, 72, 3),
    "register_export_kwh": _Shape(1, 19, 12, 72, 3),
}
_NET = 4


@dataclass
class FeedReport:
    """What a feed holds."""

    path: Path
    meters: int = 0
    intervals: int = 0
    values: int = 0
    estimated: int = 0
    """intervals with a ReadingQuality: estimated, edited or flagged"""
    inexact: list[str] = field(default_factory=list)
    """where values stand as the nearest that ESPI can write: meter, column and how many"""


def write_green_button(
    rows: pa.Table | Iterable[pa.Table],
    meters: pd.DataFrame,
    path: Path | str,
    *,
    now: pd.Timestamp | None = None,
    progress: Callable[[int], None] | None = None,
) -> FeedReport:
    """Write rows (meter_id, timestamp, and measures of READING) as a feed; a name ending in .gz is packed.

    Each table of `rows` holds whole meters. `meters` are METER rows in force: zone and interval length. Rows of CLEAN
    carry `status` and `method`: what was not measured gets its ReadingQuality. Read again the values are equal to the
    last bit, up to what 48 bits hold (`FeedReport.inexact`); ESPI has no word for `version`, nor for an `available_at`
    other than the end of the interval. Raises EmptyTable where there is no value, and then leaves no file.
    """
    target, report = Path(path), FeedReport(Path(path))
    tables = [rows] if isinstance(rows, pa.Table) else rows
    with _replacing(target) as file:
        writer = _Writer(file, meters.set_index("meter_id"), report, now or pd.Timestamp.now("UTC"))
        writer.begin()
        for table in tables:
            writer.add(table)
            if progress:
                progress(report.intervals)
        writer.end()
        if not report.values:
            raise EmptyTable("READING", "Name meters and days that the lake holds; no file was written.")
    return report


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """The file appears as a whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw:
            if path.suffix.lower() == ".gz":
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                    yield packed
            else:
                yield raw
        part.replace(path)
    except OSError as error:
        raise UnreadableFile(path, "a file to write", error, "Name a folder that exists and may be written.") from error
    finally:
        with suppress(OSError):  # it may be in no folder at all
            part.unlink()


@dataclass(frozen=True)
class _Point:
    """A usage point and its rows: start [s since 1970], local day and ReadingQuality of each, shape [N]."""

    meter_id: str
    address: str
    starts: NDArray[np.int64]
    days: NDArray[np.int32]
    qualities: list[str]
    seconds: int
    """length of an interval"""


class _Writer:
    """Writes entries one after the other."""

    def __init__(self, file: IO[bytes], meters: pd.DataFrame, report: FeedReport, now: pd.Timestamp):
        self._file, self._meters, self._report = file, meters, report
        self._updated = now.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
        self._zones: set[str] = set()

    def begin(self) -> None:
        self._put(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="{ATOM}" xmlns:espi="{ESPI}">\n'
            f"<id>urn:uuid:{uuid5(NAMESPACE_URL, self._updated)}</id><title>Green Button usage feed</title>"
            f"<updated>{self._updated}</updated>\n"
        )

    def end(self) -> None:
        self._put("</feed>\n")

    def add(self, rows: pa.Table) -> None:
        """Whole meters."""
        ordered = rows.sort_by([("meter_id", "ascending"), ("timestamp", "ascending")])
        names = ordered["meter_id"].cast(pa.string()).to_numpy(zero_copy_only=False)
        bounds = np.flatnonzero(names[1:] != names[:-1]) + 1 if len(names) else []
        for begin, stop in zip([0, *bounds], [*bounds, len(names)], strict=True):
            if stop > begin:
                self._meter(str(names[begin]), ordered.slice(begin, stop - begin))

    def _meter(self, meter_id: str, rows: pa.Table) -> None:
        told = self._meters.loc[meter_id] if meter_id in self._meters.index else None
        times = rows["timestamp"].to_numpy().astype("datetime64[s]")
        stated = pd.to_numeric(told["interval_minutes"], errors="coerce") if told is not None else np.nan
        length = int(stated if np.isfinite(stated) else interval_minutes(times)) * 60
        zone = str(told["zone"]) if told is not None else "UTC"
        self._clock(zone, int(str(times[-1])[:4]))
        held = [name for name in _SHAPES if name in rows.column_names and rows[name].null_count < rows.num_rows]
        if not held:
            return
        address = f"{_ROOT}/UsagePoint/{quote(meter_id, safe='')}"
        related = [f"{address}/MeterReading", f"{_ROOT}/LocalTimeParameters/{quote(zone, safe='')}"]
        point = (
            "<espi:UsagePoint><espi:ServiceCategory><espi:kind>0</espi:kind></espi:ServiceCategory></espi:UsagePoint>"
        )
        self._entry(address, f"{_ROOT}/UsagePoint", related, meter_id, [point])
        qualities = _qualities(rows)
        days = local_times(times, zone).day
        facts = _Point(meter_id, address, times.astype(np.int64), days, qualities, length)
        for name in held:
            filled = np.flatnonzero(rows[name].is_valid().to_numpy())
            self._channel(facts, name, rows[name].drop_null().to_numpy(), filled)
        self._report.meters += 1
        self._report.intervals += rows.num_rows
        self._report.estimated += sum(text != "" for text in qualities)

    def _channel(self, point: _Point, name: str, values: NDArray[np.float64], filled: NDArray[np.int64]) -> None:
        """A meter reading, its type, and its values (those of the rows `filled`) in blocks of a local day."""
        found = scaled(values, _SHAPES[name].shift)
        if found.inexact.any():
            self._report.inexact.append(f"{point.meter_id} {name}: {int(found.inexact.sum()):,} of {len(values):,}")
        own = f"{point.address}/MeterReading/{name}"
        kind = f"{_ROOT}/ReadingType/{quote(point.meter_id, safe='')}-{name}"
        related = [f"{own}/IntervalBlock", kind]
        self._entry(own, f"{point.address}/MeterReading", related, name, ["<espi:MeterReading/>"])
        told = _reading_type(name, found.exponent, point.seconds, bool((values < 0).any()))
        self._entry(kind, f"{_ROOT}/ReadingType", [], name, [told])
        starts, numbers = point.starts[filled].tolist(), found.numbers.tolist()
        qualities = [point.qualities[place] for place in filled]
        bounds = (np.flatnonzero(np.diff(point.days[filled])) + 1).tolist()
        for begin, stop in zip([0, *bounds], [*bounds, len(starts)], strict=True):
            day = slice(begin, stop)
            block = _block(starts[day], numbers[day], qualities[day], point.seconds)
            self._entry(f"{own}/IntervalBlock/{starts[begin]}", f"{own}/IntervalBlock", [], "", block)
        self._report.values += len(values)

    def _clock(self, zone: str, year: int) -> None:
        if zone in self._zones:
            return
        self._zones.add(zone)
        rules = clock_rules(zone, year)
        told = (
            f"<espi:LocalTimeParameters><espi:dstEndRule>{rules.end}</espi:dstEndRule><espi:dstOffset>{rules.summer}"
            f"</espi:dstOffset><espi:dstStartRule>{rules.start}</espi:dstStartRule><espi:tzOffset>{rules.offset}"
            "</espi:tzOffset></espi:LocalTimeParameters>"
        )
        address = f"{_ROOT}/LocalTimeParameters"
        self._entry(f"{address}/{quote(zone, safe='')}", address, [], zone, [told])

    def _entry(self, own: str, up: str, related: list[str], title: str, content: Iterable[str]) -> None:
        links = "".join(f'<link rel="related" href="{address}"/>' for address in related)
        self._put(
            f'<entry><id>urn:uuid:{uuid5(NAMESPACE_URL, own)}</id><link rel="self" href="{own}"/>'
            f'<link rel="up" href="{up}"/>{links}<title>{escape(_NO_XML.sub("?", title))}</title><content>'
        )
        for part in content:
            self._put(part)
        self._put(f"</content><published>{self._updated}</published><updated>{self._updated}</updated></entry>\n")

    def _put(self, text: str) -> None:
        self._file.write(text.encode())


def _block(starts: list[int], numbers: list[int], qualities: list[str], seconds: int) -> Iterator[str]:
    """An IntervalBlock piece by piece."""
    yield (
        f"<espi:IntervalBlock><espi:interval><espi:duration>{starts[-1] + seconds - starts[0]}</espi:duration>"
        f"<espi:start>{starts[0]}</espi:start></espi:interval>\n"
    )
    for start, number, quality in zip(starts, numbers, qualities, strict=True):
        yield (
            f"<espi:IntervalReading>{quality}<espi:timePeriod><espi:duration>{seconds}</espi:duration><espi:start>{start}"
            f"</espi:start></espi:timePeriod><espi:value>{number}</espi:value></espi:IntervalReading>\n"
        )
    yield "</espi:IntervalBlock>"


def _reading_type(name: str, exponent: int, length: int, negative: bool) -> str:
    shape = _SHAPES[name]
    told = {
        "accumulationBehaviour": shape.accumulation,
        "commodity": 1,
        "dataQualifier": 2 if shape.flow == 0 else 12,
        "flowDirection": _NET if negative and name == "kwh" else shape.flow,
        "intervalLength": length,
        "kind": shape.kind,
        "powerOfTenMultiplier": exponent,
        "timeAttribute": 0,
        "uom": shape.uom,
    }
    inner = "".join(f"<espi:{key}>{value}</espi:{key}>" for key, value in told.items())
    return f"<espi:ReadingType>{inner}</espi:ReadingType>"


def _qualities(rows: pa.Table) -> list[str]:
    """For each row its ReadingQuality element; nothing for what was measured."""
    if "status" not in rows.column_names:
        return [""] * rows.num_rows
    methods = rows["method"].to_pylist() if "method" in rows.column_names else [None] * rows.num_rows
    return [
        "" if status in ("measured", "missing") else _quality(status, method)
        for status, method in zip(rows["status"].to_pylist(), methods, strict=True)
    ]


def _quality(status: str, method: str | None) -> str:
    code = _QUALITY.get(status) or _QUALITY.get(method or "", _DERIVED)
    return f"<espi:ReadingQuality><espi:quality>{code}</espi:quality></espi:ReadingQuality>"
