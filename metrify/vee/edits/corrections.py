"""Corrections that a person hands in: read from a file, and checked against the lake before any of them counts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.errors import BadValue, MissingColumns, UnknownMeter, UnknownName, UnreadableFile
from metrify.lake.intervals import grids
from metrify.lake.tables import Lake
from metrify.schema import READING
from metrify.schema.table import TIME

__all__ = ["COLUMNS", "checked", "read_corrections"]

COLUMNS = ("meter_id", "timestamp", "column", "value")
"""What a correction says: that READING's column of the meter at the time [UTC] is the value."""
_CELL = ["meter_id", "timestamp", "column"]


def read_corrections(path: Path) -> pd.DataFrame:
    """COLUMNS of a CSV file, as text. Raises UnreadableFile, MissingColumns."""
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas' own errors are kinds of ValueError
        raise UnreadableFile(path, f"CSV with {', '.join(COLUMNS)}", error) from error
    _require_columns(rows, str(path))
    return rows[list(COLUMNS)]


def checked(lake: Lake, rows: pd.DataFrame) -> pa.Table:
    """COLUMNS in the lake's types, each value of a meter once, by key.

    Times without an offset are UTC. Raises MissingColumns; BadValue for what is no time or number, lies outside of the
    column's physical limits, contradicts another row or is at no interval of the meter; UnknownName for a column that
    is no measure; UnknownMeter.
    """
    _require_columns(rows, "the edits")
    found = pd.DataFrame({name: rows[name].astype(str).str.strip() for name in ("meter_id", "column")})
    found["timestamp"] = _times(rows["timestamp"])
    found["value"] = _numbers(rows["value"])
    for name in found["column"].unique():
        if name not in READING.measures:
            raise UnknownName("measure of READING", name, READING.measures)
        _require_limits(found[found["column"] == name], name)
    found = found.drop_duplicates().sort_values(_CELL, ignore_index=True)
    twice = found.duplicated(_CELL, keep=False)
    if twice.any():
        raise BadValue(_where(found[twice].iloc[0]), "one value", found.loc[twice, "value"].head(2).tolist())
    _require_intervals(lake, found)
    stamps = pa.array(found["timestamp"].to_numpy().astype("datetime64[us]")).cast(TIME)
    texts = {name: pa.array(found[name], pa.string()) for name in ("meter_id", "column")}
    return pa.table({**texts, "timestamp": stamps, "value": found["value"].to_numpy(np.float64)})


def _require_columns(rows: pd.DataFrame, where: str) -> None:
    if missing := [name for name in COLUMNS if name not in rows.columns]:
        raise MissingColumns(missing, rows.columns, where)


def _times(given: pd.Series) -> pd.Series:
    times = pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601")
    if times.isna().any():
        raise BadValue(f"timestamp, row {_first(times.isna())}", "a time such as 2013-11-01T00:30Z", _bad(given, times))
    return times.dt.tz_localize(None)


def _numbers(given: pd.Series) -> pd.Series:
    values = pd.to_numeric(given, errors="coerce").astype(np.float64)
    values = values.where(np.isfinite(values))
    if values.isna().any():
        raise BadValue(f"value, row {_first(values.isna())}", "a finite number", _bad(given, values))
    return values


def _first(wrong: pd.Series) -> int:
    """Number of the first wrong row, counted from 1."""
    return int(np.flatnonzero(wrong)[0]) + 1


def _bad(given: pd.Series, read: pd.Series) -> object:
    return given[read.isna()].iloc[0]


def _require_limits(rows: pd.DataFrame, name: str) -> None:
    column = READING[name]
    low, high = (-np.inf if column.low is None else column.low), (np.inf if column.high is None else column.high)
    outside = rows[(rows["value"] < low) | (rows["value"] > high)]
    if len(outside):
        wanted = f"a value from {low:g} to {high:g} {column.unit}"
        raise BadValue(_where(outside.iloc[0]), wanted, float(outside["value"].iloc[0]))


def _where(row: pd.Series) -> str:
    return f"{row['column']} of meter {row['meter_id']} at {row['timestamp']:%Y-%m-%dT%H:%M:%SZ}"


def _require_intervals(lake: Lake, rows: pd.DataFrame) -> None:
    """Each time must be a reading's, or the start of an interval of the meter since it began, and not to come."""
    meters = lake.meters()
    names = np.unique(rows["meter_id"].to_numpy(str))
    if unknown := sorted(set(names) - set(meters["meter_id"])):
        raise UnknownMeter(unknown, len(meters))
    keys = lake.read(READING, columns=["meter_id", "timestamp"], meter_ids=names.tolist())
    times = keys["timestamp"].to_numpy().astype("datetime64[s]")
    place = np.searchsorted(names, keys["meter_id"].to_numpy(zero_copy_only=False).astype(str))
    mine = meters.set_index("meter_id").loc[names]
    step, phase = grids(place, times, len(names), mine["interval_minutes"])
    begin = _begins(place, times, mine)
    meter = np.searchsorted(names, rows["meter_id"].to_numpy(str))
    asked = rows["timestamp"].to_numpy().astype("datetime64[us]")
    whole = (asked - phase[meter] * np.timedelta64(60, "s")).astype(np.int64) % (step[meter] * 60_000_000) == 0
    now = np.datetime64(datetime.now(UTC).replace(tzinfo=None))
    fits = whole & (asked >= begin[meter]) & (asked < now)
    if not fits.all():
        _refuse(rows[~fits & ~_read(rows, keys)], names, step, begin)


def _begins(place: NDArray[np.int64], times: NDArray[np.datetime64], meters: pd.DataFrame) -> NDArray[np.datetime64]:
    """The first reading of each meter, or the begin of its METER row where it has none, [M]."""
    never = np.iinfo(np.int64).max
    first = np.full(len(meters), never)
    np.minimum.at(first, place, times.astype(np.int64))
    stated = meters["valid_from"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return np.where(first < never, first.astype("datetime64[s]"), stated)


def _read(rows: pd.DataFrame, keys: pa.Table) -> NDArray[np.bool_]:
    """Whether there is a reading of just that meter and time: also one beside the meter's grid can be edited."""
    held = keys.to_pandas()
    held["timestamp"] = held["timestamp"].dt.tz_localize(None)
    return pd.MultiIndex.from_frame(rows[["meter_id", "timestamp"]]).isin(pd.MultiIndex.from_frame(held))


def _refuse(rows: pd.DataFrame, names: NDArray[np.str_], step: NDArray, begin: NDArray) -> None:
    if len(rows):
        row = rows.iloc[0]
        meter = int(np.searchsorted(names, row["meter_id"]))
        wanted = f"the start of one of its intervals of {step[meter]} minutes from {begin[meter]} on, not to come"
        raise BadValue(f"timestamp of an edit of meter {row['meter_id']}", wanted, f"{row['timestamp']}")
