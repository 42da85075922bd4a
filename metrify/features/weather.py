"""Weather as it was known: the latest forecast issued by then, and observations whose interval was over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.features.feature import Feature
from metrify.features.rows import ForecastRows
from metrify.panel import interval_minutes

__all__ = ["FEATURES", "Weather", "weather"]

_FORECAST = {
    "temperature_c": ("degC", "air temperature forecast for the interval"),
    "humidity": ("%", "relative humidity forecast for the interval"),
    "ghi_wm2": ("W/m2", "global irradiance forecast for the interval"),
    "dni_wm2": ("W/m2", "direct irradiance forecast for the interval"),
}
_DAY = 24 * 3600
_OBSERVED_HOURS = {"temperature_1d": 24, "temperature_7d": 24 * 7}

FEATURES = (
    *(Feature(f"forecast_{name}", unit, meaning) for name, (unit, meaning) in _FORECAST.items()),
    *(
        Feature(name, "degC", f"mean air temperature observed in the {hours} hours before the issue time")
        for name, hours in _OBSERVED_HOURS.items()
    ),
)


@dataclass(frozen=True)
class Weather:
    """WEATHER rows of one location: `forecast` and `observed`, each sorted by timestamp, then available_at."""

    forecast: pd.DataFrame
    observed: pd.DataFrame

    @classmethod
    def by_location(cls, rows: pa.Table) -> dict[str, Weather]:
        """Split a WEATHER table by location."""
        found = {}
        for location in pc.unique(rows["location"]).to_pylist():
            here = rows.filter(pc.equal(rows["location"], location)).sort_by(
                [("timestamp", "ascending"), ("available_at", "ascending")]
            )
            kinds = [_numpy_backed(here.filter(pc.equal(here["kind"], kind))) for kind in ("forecast", "observed")]
            found[location] = cls(*kinds)
        return found


def _numpy_backed(rows: pa.Table) -> pd.DataFrame:
    """Times as whole seconds since 1970."""
    seconds = {name: pc.divide(rows[name].cast(pa.int64()), 1_000_000) for name in ("timestamp", "available_at")}
    return pa.table({**seconds, **{name: rows[name] for name in _FORECAST}}).to_pandas()


def weather(place: Weather, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    """The features above, each of shape [R], for one location; NaN where nothing was known."""
    features = {f"forecast_{name}": values for name, values in _latest_forecast(place.forecast, rows).items()}
    for name, hours in _OBSERVED_HOURS.items():
        features[name] = _observed_mean(place.observed, rows, hours * 3600)[rows.issue]
    return features


def _latest_forecast(forecast: pd.DataFrame, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    nothing = {name: np.full(len(rows.times), np.nan, np.float32) for name in _FORECAST}
    if forecast.empty:
        return nothing
    stamps = forecast["timestamp"].to_numpy()
    step = interval_minutes(np.unique(stamps).astype("datetime64[s]")) * 60
    phase = np.bincount(stamps % step).argmax() if step <= _DAY else 0
    wanted = (rows.times.astype(np.int64) - phase) // step * step + phase
    issued = rows.issues.astype(np.int64)[rows.issue]
    # one sorted key of (timestamp, available_at): the last entry at or before (wanted, issued) is the one in force
    span = max(int(forecast["available_at"].max()), int(issued.max())) + 1
    keys = stamps * span + forecast["available_at"].to_numpy()
    place = np.searchsorted(keys, wanted * span + issued, side="right") - 1
    valid = (place >= 0) & (stamps[np.maximum(place, 0)] == wanted)
    return {
        name: np.where(valid, forecast[name].to_numpy(np.float32)[np.maximum(place, 0)], np.float32(np.nan))
        for name in _FORECAST
    }


def _observed_mean(observed: pd.DataFrame, rows: ForecastRows, seconds: int) -> NDArray[np.float32]:
    """Mean temperature of the observations of the last `seconds` that were available at each issue, shape [I]."""
    known = observed.dropna(subset=["temperature_c"])
    if known.empty:
        return np.full(len(rows.issues), np.nan, np.float32)
    stamps, available = known["timestamp"].to_numpy(), known["available_at"].to_numpy()
    temperature = known["temperature_c"].to_numpy(np.float64)
    issues = rows.issues.astype(np.int64)
    first, last = (np.searchsorted(stamps, issues - back, side="left") for back in (seconds, 0))
    mean, count = np.empty(len(issues)), np.empty(len(issues))
    for number, (left, right, issue) in enumerate(zip(first, last, issues, strict=True)):
        there = available[left:right] <= issue
        count[number] = there.sum()
        mean[number] = temperature[left:right][there].sum() / max(count[number], 1)
    return np.where(count > 0, mean, np.nan).astype(np.float32)
