"""CLEAN: readings after validation, estimation and editing, as a view of the lake by version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.errors import BadValue
from metrify.lake.keys import match, pack
from metrify.lake.scan import Time
from metrify.lake.tables import Lake
from metrify.schema import CLEAN, EDIT, FINDING, READING, Table
from metrify.schema.table import F64, TEXT
from metrify.vee.edits.inforce import HOLDS, MANUAL, current_values, states
from metrify.vee.edits.versions import pinned
from metrify.vee.rules import RULES

__all__ = ["clean"]

_KEY = ["meter_id", "timestamp"]
_VALUES = ["kwh", "kwh_export"]
STATUS = ("measured", "missing", "flagged", "estimated", "edited")
"""The weakest first."""
_MEASURED, _MISSING, _FLAGGED, _ESTIMATED, _EDITED = range(5)


def clean(
    lake: Lake,
    columns: Iterable[str] | None = None,
    *,
    meter_ids: Collection[str] | None = None,
    since: Time | None = None,
    until: Time | None = None,
    buckets: Collection[int] | None = None,
    versions: Mapping[str, int] | None = None,
    as_of: Time | None = None,
) -> pa.Table:
    """CLEAN rows from `since` on and before `until` [UTC] of these meters and buckets, sorted by key.

    An interval without a row in READING is there where an edit holds. `versions` are those of READING, EDIT and
    FINDING, `as_of` means those of a time; the same versions give the same rows, whatever came since. `findings` are
    those of the last `metrify vee` of these versions. Raises MissingColumns; UnknownName, BadValue for versions;
    BadValue where forecasting.target is no column of CLEAN: findings and estimates are of the target.
    """
    target = _target(lake)
    pins = pinned(lake, versions, as_of)
    part = {"meter_ids": meter_ids, "since": since, "until": until, "buckets": buckets}
    readings = _read(lake, READING, [*_KEY, *_VALUES], pins, part)
    edits = _in_force(_read(lake, EDIT, EDIT.names, pins, part), readings)
    rows = _with_new_keys(readings, edits)
    rows = rows.take(pa.array(np.argsort(pack(rows, _KEY), kind="stable")))
    # a run that began before `since` reaches in, so findings are asked for without it
    mask, wrong = _findings(rows, _read(lake, FINDING, FINDING.names, pins, part | {"since": None}))
    found = CLEAN.conform(_told(rows, edits, mask, wrong, target)).combine_chunks()
    return found if columns is None else found.select([CLEAN[name].name for name in columns])


def _target(lake: Lake) -> str:
    target = lake.workspace.settings.forecasting.target
    if target not in _VALUES:
        wanted = f"{' or '.join(_VALUES)}, which CLEAN has (set it so, and run metrify vee and metrify impute again)"
        raise BadValue("forecasting.target", wanted, target)
    return target


def _read(lake: Lake, table: Table, columns: list[str], pins: Mapping[str, int], part: dict[str, Any]) -> pa.Table:
    """Rows of a pinned version. Meters are encoded once: what is done to each row is then done to small integers."""
    if pins[table.name] < 0:
        found = pa.schema([field.with_nullable(True) for field in table.schema]).empty_table().select(columns)
    else:
        found = lake.read(table, columns=columns, version=pins[table.name], **part)
    return found.set_column(found.column_names.index("meter_id"), "meter_id", found["meter_id"].dictionary_encode())


def _in_force(edits: pa.Table, readings: pa.Table) -> pa.Table:
    """The edits of kwh and kwh_export that hold, as of these readings."""
    mine = edits.filter(pc.is_in(edits["column"], pa.array(_VALUES)))
    return mine.filter(pa.array(states(mine, current_values(mine, readings)) == HOLDS))


def _with_new_keys(readings: pa.Table, edits: pa.Table) -> pa.Table:
    """The readings, and an empty row for each interval that has none but an edit."""
    new = edits.select(_KEY).filter(pa.array(match(edits, readings, _KEY) < 0))
    new = new.take(pa.array(np.unique(pack(new, _KEY), return_index=True)[1]))
    empty = {name: pa.nulls(new.num_rows, F64) for name in _VALUES}
    added = pa.table({"meter_id": new["meter_id"], "timestamp": new["timestamp"], **empty})
    return pa.concat_tables([readings, added.cast(readings.schema)]).unify_dictionaries()


def _told(rows: pa.Table, edits: pa.Table, mask: NDArray[np.int64], wrong: NDArray[np.bool_], target: str) -> pa.Table:
    """Put the edits into the rows and say of each what it is."""
    values = {name: rows[name].to_numpy().copy() for name in _VALUES}
    empty = np.logical_and.reduce([np.isnan(value) for value in values.values()])
    status = np.where(wrong, _FLAGGED, np.where(empty, _MISSING, _MEASURED))
    status[wrong & empty] = _MISSING
    place = match(edits, rows, _KEY)
    about = edits["column"].to_numpy(zero_copy_only=False)
    method = np.full(rows.num_rows, -1, np.int64)
    band = {name: np.full(rows.num_rows, np.nan) for name in ("low", "high")}
    for name in sorted(_VALUES, key=target.__eq__):  # what is said of the target comes last, and stays
        mine = np.flatnonzero(about == name)
        where = place[mine]
        values[name][where] = edits["after"].to_numpy()[mine]
        manual = pc.equal(edits["method"], MANUAL).to_numpy()[mine]
        other = wrong[where] & (name != target)  # what was flagged is still as it came
        status[where] = np.where(other, _FLAGGED, np.where(manual, _EDITED, _ESTIMATED))
        method[where] = mine
        if name == target:
            for end, limit in band.items():
                limit[where] = edits[end].to_numpy()[mine]
    floats = {name: pa.array(value, from_pandas=True) for name, value in (values | band).items()}
    named = edits["method"].combine_chunks().take(pa.array(method, mask=method < 0))
    words = pa.DictionaryArray.from_arrays(pa.array(status.astype(np.int8)), pa.array(STATUS)).cast(TEXT)
    keys = {name: rows[name] for name in _KEY}
    return pa.table({**keys, **floats, "status": words, "method": named, "findings": pa.array(mask)})


def _findings(rows: pa.Table, found: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The mask of each row, and whether a rule of severity error is among those that flagged it. Rows are in order."""
    mask, wrong = np.zeros(rows.num_rows, np.int64), np.zeros(rows.num_rows, bool)
    if not found.num_rows or not rows.num_rows:
        return mask, wrong
    ends = found.select(["meter_id", "until"]).rename_columns(_KEY)
    key = pack(pa.concat_tables([rows.select(_KEY), found.select(_KEY), ends]), _KEY)
    count = rows.num_rows
    first, last = (np.searchsorted(key[:count], part) for part in np.split(key[count:], 2))
    rule = found["rule"].to_numpy(zero_copy_only=False)
    for one in RULES:
        mine = rule == one.name
        if mine.any():
            covered = _covered(first[mine], last[mine], count)
            mask |= np.where(covered, np.int64(1 << one.bit), 0)
    error = pc.equal(found["severity"], "error").to_numpy()
    return mask, _covered(first[error], last[error], count)


def _covered(first: NDArray[np.int64], last: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which of `count` places lie in one of the stretches from `first` up to `last`."""
    edges = np.bincount(first, minlength=count + 1) - np.bincount(last, minlength=count + 1)
    return np.cumsum(edges)[:count] > 0
