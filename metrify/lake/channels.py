"""Files with a row a value: all values of a meter, time and version become one row, each in its channel's column."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.errors import UnknownName
from metrify.lake.conversion import read_numbers
from metrify.lake.keys import pack
from metrify.lake.mapping import Mapping
from metrify.lake.obis import Meaning, Obis, meaning
from metrify.lake.raw import ROW
from metrify.lake.source import Source
from metrify.lake.stamps import moments
from metrify.lake.units import conversion
from metrify.schema import Table

__all__ = ["ESTIMATED", "REFUSED", "Pivoted", "no_channel", "pivot"]

REFUSED, ESTIMATED = "why refused", "why no measurement"
"""Columns in which a reader says of each value why it cannot enter, and why it is no measurement; null where it is."""

_NO_CHANNEL = "channel: "
"""How the reason begins where the channel of a value is no column."""

Places = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass
class Pivoted:
    """What became of the values of some meters: each is in a row, refused, repeated or left out."""

    rows: pa.Table
    """the columns that the mapping shares, the measures in their units, and ROW: that of the first value"""
    refused: pa.Table
    """values as they came, with ROW"""
    reasons: list[str]
    """why, for each of `refused`"""
    read: pa.Table
    """meter_id and timestamp of each of `refused` where they could be read"""
    repeated: int = 0
    """values that say again what another one says"""
    notes: Counter[str] = field(default_factory=Counter)
    """what a person should know, with how many values it is about"""


@dataclass(frozen=True)
class _Target:
    """What a channel's values become."""

    column: str
    source: Source
    phase: bool = False


def pivot(raw: pa.Table, mapping: Mapping, table: Table) -> Pivoted:
    """Pivot raw values (whole series, see `Staging`) by the channels of a mapping that is `checked` and `fits`."""
    return _Pivoting(raw, mapping, table).run()


class _Pivoting:
    """One pass over raw values: the first reason against each is kept, what has none goes to its row."""

    def __init__(self, raw: pa.Table, mapping: Mapping, table: Table):
        assert mapping.channels is not None
        self.raw, self.mapping, self.table, self.channels = raw, mapping, table, mapping.channels
        self.reasons = np.full(raw.num_rows, None, object)
        self.times = mapping.columns["timestamp"].column if "timestamp" in mapping.columns else None

    def run(self) -> Pivoted:
        names, code = _coded(self.raw[self.channels.code])
        targets = [_target(name, self.mapping, self.table) for name in names]
        self._refuse_told()
        for place, target in enumerate(targets):
            if isinstance(target, str):
                self._refuse(code == place, _NO_CHANNEL + target)
        self._refuse(code < 0, _NO_CHANNEL + "missing")
        skipped = np.isin(code, [place for place, target in enumerate(targets) if target is None])
        values = self._values(targets, code)
        stamps = self._moments(code)
        good = np.flatnonzero((self.reasons == None) & ~skipped)  # noqa: E711  (elementwise)
        key = pack(self._keys(stamps), self._keys(stamps).column_names)
        good, repeated = self._once(good, key, code, targets, values, names)
        bad = np.flatnonzero(~(self.reasons == None) & ~skipped)  # noqa: E711  (elementwise)
        rows = self._rows(good, key, code, targets, values, stamps)
        notes = Counter({"left out, as the mapping says": int(skipped.sum())}) if skipped.any() else Counter()
        return Pivoted(
            rows, self.raw.take(pa.array(bad)), list(self.reasons[bad]), self._found(bad, stamps), repeated, notes
        )

    def _refuse(self, which: NDArray[np.bool_], reason: str) -> None:
        self.reasons[which & (self.reasons == None)] = reason  # noqa: E711  (elementwise)

    def _refuse_told(self) -> None:
        """What the reader itself says against a value."""
        told = [REFUSED, *([ESTIMATED] if self.mapping.estimated == "refuse" else [])]
        for name in told:
            if name in self.raw.column_names:
                said = self.raw[name].to_numpy()
                self.reasons = np.where(self.reasons == None, said, self.reasons)  # noqa: E711  (elementwise)

    def _values(self, targets: list[_Target | str | None], code: Places) -> Values:
        """Each value in the unit of its column, NaN where it is refused."""
        column = self.raw[self.channels.value]
        values, odd = read_numbers(column, self.mapping.decimal)
        for place in np.flatnonzero(odd != None):  # noqa: E711  (elementwise)
            self._refuse_one(place, f"value: {odd[place]}")
        self._refuse(~np.isfinite(values), "value: missing or not a finite number")
        units, unit = _coded(self.raw[self.channels.unit]) if self.channels.unit else ([], np.full(len(code), -1))
        both = np.where(code >= 0, code * (len(units) + 1) + unit + 1, -1)
        for pair in np.unique(both[both >= 0]):
            target, said = targets[pair // (len(units) + 1)], pair % (len(units) + 1) - 1
            if isinstance(target, _Target):
                factor = self._factor(target, units[said] if said >= 0 else target.source.unit)
                here = both == pair
                if isinstance(factor, str):
                    self._refuse(here, factor)
                elif factor != 1.0:
                    values[here] *= factor
        return values

    def _factor(self, target: _Target, unit: str) -> float | str:
        """By how much a value in this unit becomes the column's; a reason where it cannot."""
        minutes = self.mapping.interval_minutes
        try:
            how = conversion(self.table[target.column], unit.strip())
        except UnknownName as error:
            return str(error)
        if how.mean_power and not minutes:
            return f"unit: {unit} becomes {target.column} only with interval_minutes in the mapping"
        return target.source.scale * how.total(minutes)

    def _moments(self, code: Places) -> NDArray[np.datetime64] | None:
        """The time of each value in UTC; those of one series, channel by channel, pair the hour that comes twice."""
        if self.times is None:
            return None
        shared = [s.column for n, s in self._shared().items() if n in (*self.table.key, "version") and n != "timestamp"]
        series = pack(self.raw.select(shared).append_column("code", pa.array(code)), [*sorted(set(shared)), "code"])
        stamps, odd = moments(self.raw[self.times], self.mapping.timestamp_format, self.mapping.zone, series)
        for place in np.flatnonzero(odd != None):  # noqa: E711  (elementwise)
            self._refuse_one(place, f"timestamp: {odd[place]}")
        self._refuse(np.isnat(stamps), "timestamp is missing")
        return stamps

    def _found(self, bad: Places, stamps: NDArray[np.datetime64] | None) -> pa.Table:
        """What could be read of refused values."""
        shared, found = self._shared(), {}
        if "meter_id" in shared:
            found["meter_id"] = self.raw[shared["meter_id"].column].cast(pa.string()).take(pa.array(bad))
        if stamps is not None:
            late = self.mapping.interval_minutes if self.mapping.stamp == "end" else 0
            starts = stamps[bad].astype("datetime64[us]") - np.timedelta64(late or 0, "m")
            found["timestamp"] = pa.array(starts, pa.timestamp("us", "UTC"))
        return pa.table(found)

    def _refuse_one(self, place: int, reason: str) -> None:
        if self.reasons[place] is None:
            self.reasons[place] = reason

    def _shared(self) -> dict[str, Source]:
        return {name: s for name, s in self.mapping.columns.items() if name not in self.table.measures}

    def _keys(self, stamps: NDArray[np.datetime64] | None) -> pa.Table:
        """What tells the rows apart: the source's columns of meter and version, and the time."""
        found = {
            name: self.raw[source.column]
            for name, source in self._shared().items()
            if name in (*self.table.key, "version") and name != "timestamp"
        }
        if stamps is not None:
            found["timestamp"] = pa.array(stamps.astype("datetime64[us]"))
        return pa.table(found)

    def _once(
        self, good: Places, key: Places, code: Places, targets: list, values: Values, names: list[str]
    ) -> tuple[Places, int]:
        """Of the values of one place only the first stays; another that says the same is repeated, else it is refused.

        A place is a channel's at a time where phases are averaged, else the column's.
        """
        columns = [
            name if isinstance(t, _Target) and t.phase else t.column if isinstance(t, _Target) else name
            for name, t in zip(names, targets, strict=True)
        ]
        _, column = np.unique(np.array([*columns, ""]), return_inverse=True)
        place = column[code[good]]
        order = np.lexsort((good, place, key[good]))
        starts = np.ones(len(order), bool)
        starts[1:] = (np.diff(key[good][order]) != 0) | (np.diff(place[order]) != 0)
        first = good[order][np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
        later = good[order]
        same = ~starts & (values[first] == values[later])
        for one, held in zip(later[~starts & ~same], first[~starts & ~same], strict=True):
            told = f"{columns[code[one]]} {values[held]} by {names[code[held]]} came first, {names[code[one]]} says "
            self.reasons[one] = f"contradicts an earlier value of the same meter and time ({told}{values[one]})"
        return np.sort(later[starts]), int(same.sum())

    def _rows(
        self, good: Places, key: Places, code: Places, targets: list, values: Values, stamps: NDArray | None
    ) -> pa.Table:
        """One row a key, in the order of the file."""
        distinct, row = np.unique(key[good], return_inverse=True)
        count = len(distinct)
        done: dict[str, pa.ChunkedArray | pa.Array] = {}
        leader = good[_first(row, count)] if count else good
        for name, source in self._shared().items():
            if name == "timestamp" and stamps is not None:
                done[source.column] = pa.array(stamps[leader].astype("datetime64[us]"), pa.timestamp("us", "UTC"))
            else:
                done[source.column] = self.raw[source.column].take(pa.array(leader))
        for measure in self.table.measures:
            mine = np.isin(
                code[good], [n for n, t in enumerate(targets) if isinstance(t, _Target) and t.column == measure]
            )
            filled = np.bincount(row[mine], minlength=count)
            total = np.bincount(row[mine], weights=values[good][mine], minlength=count)
            mean = total / np.maximum(filled, 1)
            done[measure] = pa.array(mean, mask=filled == 0)
        done[ROW] = self.raw[ROW].take(pa.array(leader))
        rows = pa.table(done)
        return rows.take(pa.array(np.argsort(leader, kind="stable")))


def no_channel(raw: pa.Table, mapping: Mapping, table: Table) -> list[str]:
    """Why no value has a channel, each reason once; none if a value has one (or is to be left out)."""
    assert mapping.channels is not None
    names, _ = _coded(raw[mapping.channels.code])
    targets = [_target(name, mapping, table) for name in names]
    if any(not isinstance(target, str) for target in targets):
        return []
    told = raw[REFUSED].unique().drop_null().to_pylist() if REFUSED in raw.column_names else []
    return [str(target) for target in targets] or [reason for reason in told if reason.startswith(_NO_CHANNEL)]


def _first(row: Places, count: int) -> Places:
    """The first place of each number up to `count`."""
    first = np.full(count, len(row))
    np.minimum.at(first, row, np.arange(len(row)))
    return first


def _coded(column: pa.ChunkedArray) -> tuple[list[str], Places]:
    """Distinct texts, and the place of each row's among them; -1 where there is none."""
    encoded = pc.dictionary_encode(column.cast(pa.string())).unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return encoded.dictionary.to_pylist(), encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def _target(name: str, mapping: Mapping, table: Table) -> _Target | str | None:
    """What the values of a channel become; a reason where they cannot be anything, None where they are left out."""
    code = Obis.parse(name)
    assert mapping.channels is not None
    if any(name == other or (code and code == Obis.parse(other)) for other in mapping.channels.skip):
        return None
    named = {column: s for column, s in mapping.columns.items() if column in table.measures}
    for column, source in named.items():
        if code and code == Obis.parse(source.obis):
            return _Target(column, source)
    if name in table.measures and name not in named:
        return _Target(name, Source(name))
    known = meaning(name)
    if isinstance(known, Meaning):
        if known.column in named:
            return f"{name} is {known.column} too, for which the mapping names {named[known.column].obis}"
        return _Target(known.column, Source(name, known.unit), known.phase)
    return known
