"""Stamps of a source as moments in UTC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.localtime import to_utc

__all__ = ["NO_OFFSET", "dates", "moments"]

NO_OFFSET = "the stamp carries no offset and the mapping names no zone"

Times = NDArray[np.datetime64]
Reasons = NDArray[np.object_]


def moments(column: pa.ChunkedArray, form: str, zone: str, series: NDArray[np.int64]) -> tuple[Times, Reasons]:
    """Read stamps as UTC [us], NaT where there is none; and for each that cannot be read why, None where it can.

    Stamps with an offset are taken as they are, those without are read by the clock of `zone`; `series` says which
    belong together. `form` is a strptime format for text, empty for ISO 8601.
    """
    reasons = np.full(len(column), None, object)
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return column.cast(pa.timestamp("us", "UTC"), safe=False).to_numpy(), reasons
    if pa.types.is_temporal(column.type):
        stamps = column.cast(pa.timestamp("us"), safe=False).to_numpy()
        known = np.zeros(len(stamps), bool)
    else:
        stamps, known, reasons = _parsed(column, form)
    naive = np.flatnonzero(~known & ~np.isnat(stamps))
    if len(naive) and not zone:
        reasons[naive] = NO_OFFSET
    elif len(naive):
        stamps = stamps.copy()
        stamps[naive], reasons[naive] = to_utc(stamps[naive], zone, series[naive])
    return stamps, reasons


def dates(column: pa.ChunkedArray, form: str) -> tuple[Times, Reasons]:
    """Read local dates [D], NaT where there is none; and for each that cannot be read why."""
    reasons = np.full(len(column), None, object)
    if pa.types.is_temporal(column.type):
        return column.cast(pa.timestamp("s"), safe=False).to_numpy().astype("datetime64[D]"), reasons
    stamps, _, reasons = _parsed(column, form)
    return stamps.astype("datetime64[D]"), reasons


def _parsed(column: pa.ChunkedArray, form: str) -> tuple[Times, NDArray[np.bool_], Reasons]:
    """Text as clock stamps or, where it carries an offset, as UTC; each distinct text is read once."""
    encoded = pc.dictionary_encode(column.cast(pa.string())).combine_chunks()
    distinct = pd.Series(encoded.dictionary.to_pylist(), dtype="string").str.strip()
    if form:
        with_offset = np.full(len(distinct), "%z" in form)
    else:
        with_offset = distinct.str.contains(r":.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$").to_numpy(bool)
    stamps = np.full(len(distinct) + 1, np.datetime64("NaT"), "datetime64[us]")  # the last one is for null
    for which, utc in ((with_offset, True), (~with_offset, False)):
        found = pd.to_datetime(distinct[which], format=form or "ISO8601", utc=utc, errors="coerce")
        plain = found.dt.tz_localize(None) if utc else found
        stamps[:-1][which] = plain.to_numpy("datetime64[us]")
    reasons = np.full(len(stamps), None, object)
    for place in np.flatnonzero(np.isnat(stamps[:-1])):
        reasons[place] = f"not a time ({distinct[place]})"
    places = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    return stamps[places], np.append(with_offset, False)[places], reasons[places]
