"""FORECAST rows as the columns of an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.schema import LEVELS, level_column

__all__ = ["by_meter", "instant"]

VALUES = ("mean", *(level_column(level) for level in LEVELS))
DECIMALS = 6
"""A thousandth of a watt-hour: more digits only make answers longer."""


def by_meter(forecast: pd.DataFrame, unit: str) -> dict[str, dict[str, Any]]:
    """`messages.MeterForecast` of each meter, from FORECAST rows sorted by meter_id and timestamp."""
    meters = forecast["meter_id"].to_numpy(str)
    first = np.flatnonzero(np.r_[True, meters[1:] != meters[:-1]]) if len(meters) else np.array([], int)
    ends = np.r_[first[1:], len(meters)]
    times = _utc(forecast["timestamp"])
    texts = _texts(times)
    issued = _texts(_utc(forecast["issue_time"]))
    values = {name: _numbers(forecast[name].to_numpy(float)) for name in VALUES}
    reasons = forecast["reason"].fillna("").tolist()
    models = forecast["model"].tolist()
    return {
        str(meters[start]): {
            "meter_id": str(meters[start]),
            "model": models[start],
            "issue_time": issued[start],
            "interval_minutes": _interval(times[start:end]),
            "unit": unit,
            "reason": "; ".join(dict.fromkeys(filter(None, reasons[start:end]))) or None,
            "timestamp": texts[start:end],
            **{name: column[start:end] for name, column in values.items()},
        }
        for start, end in zip(first.tolist(), ends.tolist(), strict=True)
    }


def instant(moment: np.datetime64 | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if moment is None else f"{np.datetime64(moment, 's')}Z"


def _utc(times: pd.Series) -> NDArray[np.datetime64]:
    return pd.DatetimeIndex(pd.to_datetime(times, utc=True)).tz_localize(None).to_numpy().astype("datetime64[s]")


def _texts(times: NDArray[np.datetime64]) -> list[str]:
    return np.char.add(np.datetime_as_string(times), "Z").tolist()


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    rounded = np.round(values, DECIMALS)
    if np.isfinite(rounded).all():
        return rounded.tolist()
    return [value if np.isfinite(value) else None for value in rounded.tolist()]


def _interval(times: NDArray[np.datetime64]) -> int | None:
    return int((times[1] - times[0]) / np.timedelta64(60, "s")) if len(times) > 1 else None
