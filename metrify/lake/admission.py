"""What a row must fulfil to enter beside what its table's columns say: a place that exists, a time that has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.localtime import country_error, zone_error
from metrify.schema import METER, READING, SOLAR, Table

__all__ = ["refusals"]

Reasons = NDArray[np.object_]

AHEAD = pd.Timedelta("1d")
"""How far a meter's clock may be ahead: what is dated later would move the end of the history of a whole fleet."""
DAY = 1440


def refusals(table: Table, rows: pa.Table, now: pd.Timestamp) -> Iterator[tuple[str, Reasons]]:
    """Columns with, for each row, why it cannot enter and None where it can; shape [N]. `rows` conform to the table."""
    if table in (READING, SOLAR):
        yield "timestamp", _future(rows["timestamp"], now)
    if table is METER:
        yield "zone", _by_value(rows["zone"], zone_error)
        # a region without holidays of its own has those of its country: that is no reason to refuse it
        yield "country", _by_value(rows["country"], country_error)
        yield "interval_minutes", _by_value(rows["interval_minutes"], _length_error)


def _future(times: pa.ChunkedArray, now: pd.Timestamp) -> Reasons:
    moments = times.to_numpy()
    reasons = np.full(len(moments), None, object)
    late = np.flatnonzero(moments > (now + AHEAD).tz_convert("UTC").tz_localize(None).to_datetime64())
    reasons[late] = [
        f"in the future ({moment}Z, more than a day after now)" for moment in moments[late].astype("M8[s]")
    ]
    return reasons


def _by_value(values: pa.ChunkedArray, error: Callable[[Any], str | None]) -> Reasons:
    """Each distinct value is judged once; what is missing is none of this module's business."""
    errors = {value: error(value) for value in values.unique().to_pylist() if value is not None}
    return np.array([errors.get(value) for value in values.to_pylist()], object)


def _length_error(minutes: int) -> str | None:
    """A day must hold whole intervals; beyond 1 to 1440 the table's own limits say what is wrong."""
    return f"does not divide a day ({minutes} minutes)" if 1 <= minutes <= DAY and DAY % minutes else None
