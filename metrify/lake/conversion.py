"""Rows of a source as rows of a table: columns, units, times; and for each that cannot be one, why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.admission import refusals
from metrify.lake.keys import pack
from metrify.lake.mapping import Mapping, Source
from metrify.lake.stamps import dates, moments
from metrify.lake.units import conversion
from metrify.panel import interval_minutes
from metrify.schema import HOLIDAY, WEATHER, Column, Table

__all__ = ["Converted", "convert", "read_numbers"]

Reasons = NDArray[np.object_]

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:nan|inf|infinity)$"


@dataclass(frozen=True)
class Converted:
    """Each row of a source as a row of the table, in its order; only rows without a reason may enter."""

    rows: pa.Table
    reasons: pa.Array
    """why a row is refused, null where it is not; shape [N]"""


def convert(raw: pa.Table, table: Table, mapping: Mapping, now: pd.Timestamp) -> Converted:
    """Convert raw rows (whole series, see `Staging`) by a mapping that is `checked` and `fits` them."""
    return _Conversion(raw, table, mapping, now).run()


class _Conversion:
    """One pass over raw rows: columns come in, the first reason against each row is kept."""

    def __init__(self, raw: pa.Table, table: Table, mapping: Mapping, now: pd.Timestamp):
        self.raw, self.table, self.mapping, self.now = raw, table, mapping, now
        self.sources = mapping.sources(table)
        self.reasons: Reasons = np.full(raw.num_rows, None, object)
        self.done: dict[str, pa.ChunkedArray | pa.Array] = {}

    def run(self) -> Converted:
        for column in self.table.columns:
            if column.name in self.sources or column.name in self.mapping.constants:
                self.done[column.name] = self._column(column)
        if self.mapping.stamp == "end" and self.mapping.interval_minutes:
            length = pa.scalar(self.mapping.interval_minutes * 60_000_000, pa.duration("us"))
            self.done["timestamp"] = pc.subtract(self.done["timestamp"], length)
        self._assume()
        rows = self.table.conform(pa.table(self.done))
        for name, reasons in refusals(self.table, rows, self.now):
            self._refuse(name, reasons)
        parsed = pa.array(self.reasons, pa.string())
        checked = self.table.check(rows)
        checked = checked.combine_chunks() if isinstance(checked, pa.ChunkedArray) else checked
        return Converted(rows, pc.coalesce(parsed, checked))

    def _column(self, column: Column) -> pa.ChunkedArray | pa.Array:
        if column.name in self.mapping.constants:
            return self._constant(column, self.mapping.constants[column.name])
        source = self.sources[column.name]
        values = self.raw[source.column]
        if pa.types.is_timestamp(column.type):
            return self._times(column.name, values)
        if pa.types.is_date(column.type):
            found, reasons = dates(values, self.mapping.timestamp_format)
            self._refuse(column.name, reasons)
            return pa.array(found, column.type)
        if pa.types.is_string(column.type):
            return values.cast(pa.string())
        return self._numbers(column, source, values)

    def _constant(self, column: Column, value: object) -> pa.Array:
        one = pa.array([value])
        if pa.types.is_timestamp(column.type):
            return pa.repeat(pa.array(self._read(one), column.type)[0], self.raw.num_rows)
        return pa.repeat(one.cast(column.type)[0], self.raw.num_rows)

    def _read(self, one: pa.Array) -> NDArray[np.datetime64]:
        return moments(pa.chunked_array([one]), "", self.mapping.zone or "UTC", np.zeros(1, np.int64))[0]

    def _times(self, name: str, values: pa.ChunkedArray) -> pa.Array:
        series = self._series({*self.table.key, "version"} - {name})
        found, reasons = moments(values, self.mapping.timestamp_format, self.mapping.zone, series)
        self._refuse(name, reasons)
        return pa.array(found, pa.timestamp("us", "UTC"))

    def _series(self, names: set[str]) -> NDArray[np.int64]:
        """Rows that agree in the sources of these columns get equal numbers."""
        return pack(self.raw, sorted({self.sources[name].column for name in names if name in self.sources}))

    def _numbers(self, column: Column, source: Source, values: pa.ChunkedArray) -> pa.Array:
        numbers, reasons = read_numbers(values, self.mapping.decimal)
        how = conversion(column, source.unit)
        factor = source.scale, how.before, how.total(self.mapping.interval_minutes)
        if factor != (1.0, 0.0, 1.0):
            numbers = (numbers * factor[0] + factor[1]) * factor[2]
        missing = values.is_null().to_numpy() | (reasons != None)  # noqa: E711  (elementwise)
        if pa.types.is_integer(column.type):
            odd = np.flatnonzero(~missing & ~((numbers == np.round(numbers)) & (np.abs(numbers) <= 2**31 - 1)))
            reasons[odd] = [f"not a whole number ({value})" for value in numbers[odd]]
            missing[odd] = True
        self._refuse(column.name, reasons)
        return pa.array(numbers, mask=missing).cast(column.type)

    def _refuse(self, name: str, reasons: Reasons) -> None:
        for place in np.flatnonzero((reasons != None) & (self.reasons == None)):  # noqa: E711  (elementwise)
            self.reasons[place] = f"{name}: {reasons[place]}"

    def _assume(self) -> None:
        """What the source leaves out and the lake can tell."""
        count = self.raw.num_rows
        if "version" in self.table.names and "version" not in self.done:
            self.done["version"] = pa.repeat(pa.scalar(1, pa.int32()), count)
        if "ingested_at" in self.table.names:
            self.done["ingested_at"] = pa.repeat(pa.scalar(self.now, pa.timestamp("us", "UTC")), count)
        if self.table is HOLIDAY:
            self.done["subdivision"] = pc.fill_null(
                self.done["subdivision"], ""
            )  # all of the country: CSV says nothing
        if self.table is WEATHER:
            self.done["available_at"] = self._weather_known_at()
        elif "available_at" in self.table.names and "available_at" not in self.done:
            self.done["available_at"] = self._known_at()

    def _known_at(self) -> pa.ChunkedArray | pa.Array:
        """When each row could be known: the lead before it starts, or else when its interval ends."""
        lead = self.mapping.lead_minutes
        after = self._length() if lead is None else pa.scalar(-lead * 60_000_000, pa.duration("us"))
        return pc.add(self.done["timestamp"], after)

    def _weather_known_at(self) -> pa.ChunkedArray | pa.Array:
        """As the source says, but nothing other than a forecast before its interval ends: it was not yet measured."""
        said = self.done["available_at"] if "available_at" in self.done else self._known_at()
        end = pc.add(self.done["timestamp"], self._length())
        late_enough = pc.or_(pc.equal(self.done["kind"], "forecast"), pc.greater_equal(said, end))
        return pc.if_else(pc.fill_null(late_enough, True), said, end)

    def _length(self) -> pa.Array | pa.Scalar:
        """From the start of the rows' intervals to their end."""
        if not self.table.measures:
            minutes = 0  # an event has no interval: it is known when it begins
        elif self.mapping.interval_minutes is None:
            return self._lengths()
        else:
            minutes = self.mapping.interval_minutes
        return pa.scalar(minutes * 60_000_000, pa.duration("us"))

    def _lengths(self) -> pa.Array:
        """Interval length of each row's series, as its times show it."""
        series = self._series(set(self.table.key) - {"timestamp", "available_at"})
        times = np.asarray(self.done["timestamp"])
        order = np.argsort(series, kind="stable")
        bounds = np.flatnonzero(np.diff(series[order])) + 1
        lengths = np.empty(len(order), np.int64)
        for members in np.split(order, bounds):
            lengths[members] = interval_minutes(times[members][~np.isnat(times[members])])
        return pa.array(lengths * 60_000_000, pa.duration("us"))


def read_numbers(values: pa.ChunkedArray, decimal: str) -> tuple[NDArray[np.float64], Reasons]:
    """Values as numbers, NaN where there is none; and for each that is none, what it is instead."""
    reasons = np.full(len(values), None, object)
    if not pa.types.is_string(values.type):
        return values.cast(pa.float64(), safe=False).to_numpy().copy(), reasons
    text = pc.utf8_trim_whitespace(values)
    text = pc.replace_substring(text, ",", ".") if decimal == "," else text
    try:
        return text.cast(pa.float64()).to_numpy().copy(), reasons
    except pa.ArrowInvalid:
        good = pc.fill_null(pc.match_substring_regex(text, NUMBER), True)
        bad = np.flatnonzero(~good.to_numpy())
        reasons[bad] = [f"not a number ({value})" for value in values.take(pa.array(bad)).to_pylist()]
        return pc.if_else(good, text, None).cast(pa.float64()).to_numpy().copy(), reasons
