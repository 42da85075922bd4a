"""Weather over simulated places: seasons, days, sun; observed and forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metrify.sample.chance import chance
from metrify.sample.simulator.clock import Clock
from metrify.sample.simulator.places import Place
from metrify.sample.simulator.shapes import DAYS, FIRST, Shapes
from metrify.schema import WEATHER

__all__ = ["Sky", "daily_weather"]

Values = NDArray[np.float64]
Times = NDArray[np.datetime64]

SWING = 8.0
"""Half the difference between the warmest and the coldest time of the year [degC]."""
WARMEST = 205
"""Day of the year, counted from 0."""
FORECAST_ERROR = 1.2
"""Standard deviation [degC]."""
FULL_SUN = 1250.0
"""Irradiance at which a panel gives its rated power, after its losses [W/m2]."""


@dataclass(frozen=True)
class Sky:
    """Hour by hour at one place, by local day and hour; each of shape [D, 24]."""

    place: Place
    temperature_c: Values
    forecast_c: Values
    """what was said of the temperature the evening before"""
    sun: Values
    """production of a panel [kWh per kW and hour]"""

    @classmethod
    def over(cls, place: Place, clock: Clock, shapes: Shapes, seed: int) -> Self:
        """The sun is that of real days of the season, the same for all at a place."""
        rng = chance(seed, place.name, "sky")
        mean = _daily_mean(place, clock.dates.astype("datetime64[D]"), rng)
        source = (clock.dates - FIRST + rng.integers(-7, 8, len(mean))) % DAYS
        sun = shapes.sun[source].astype(np.float64)
        swing = 2 + 18 * sun.mean(axis=1)  # a clear day is warmer at noon and colder at night
        temperature = mean[:, None] + swing[:, None] * np.cos(2 * np.pi * (np.arange(24) - 15) / 24)
        temperature += rng.normal(0, 0.3, temperature.shape)
        error = rng.normal(0, FORECAST_ERROR, (len(mean), 1)) + rng.normal(0, 0.5, temperature.shape)
        return cls(place, temperature, temperature + error, sun)

    def rows(self, clock: Clock) -> pa.Table:
        """WEATHER rows, hourly: observed, known at the end of the hour, and as forecast 6 h before the day begins."""
        hourly = (clock.times - clock.begin) % np.timedelta64(3600, "s") == np.timedelta64(0, "s")
        times, day, hour = clock.times[hourly], clock.day[hourly], clock.hour[hourly]
        midnight = times[np.searchsorted(day, day)]
        return pa.concat_tables(
            [
                _rows(
                    self.place.name, times, "observed", times + _hours(1), self._values(self.temperature_c, day, hour)
                ),
                _rows(
                    self.place.name, times, "forecast", midnight - _hours(6), self._values(self.forecast_c, day, hour)
                ),
            ]
        )

    def _values(self, temperature: Values, day: NDArray[np.int64], hour: NDArray[np.int64]) -> dict[str, Values]:
        warm = temperature[day, hour]
        values = {"temperature_c": warm, "humidity": np.clip(75 - 1.8 * (warm - 15), 8, 100)}
        return {**values, "ghi_wm2": FULL_SUN * self.sun[day, hour]} if temperature is self.temperature_c else values


def daily_weather(places: Sequence[Place], begin: np.datetime64, end: np.datetime64, seed: int) -> pa.Table:
    """WEATHER rows, observed: one a day at 12:00 UTC, which stands for the whole day, known a day later."""
    days = np.arange(np.datetime64(begin, "D"), np.datetime64(end, "D"))
    noon = days.astype("datetime64[s]") + _hours(12)
    means = {place.name: _daily_mean(place, days, chance(seed, place.name, "daily")) for place in places}
    parts = [_rows(name, noon, "observed", noon + _hours(24), {"temperature_c": of}) for name, of in means.items()]
    return pa.concat_tables(parts)


def _hours(number: int) -> np.timedelta64:
    return np.timedelta64(number * 3600, "s")


def _daily_mean(place: Place, days: NDArray[np.datetime64], rng: np.random.Generator) -> Values:
    """Mean temperature of successive days [degC]: the season, and what changes slowly about it."""
    of_year = (days - days.astype("datetime64[Y]")).astype(np.int64)
    season = SWING * np.cos(2 * np.pi * (of_year - WARMEST) / 365.25)
    noise, before = rng.normal(0, 1.4, len(days)), 0.0
    for day in range(len(noise)):
        noise[day] = before = 0.8 * before + noise[day]
    return place.heat_c + season + noise


def _rows(location: str, times: Times, kind: str, available_at: Times, values: dict[str, Values]) -> pa.Table:
    columns = {
        "location": pa.repeat(location, len(times)),
        "timestamp": pa.array(times.astype("datetime64[us]"), pa.timestamp("us", "UTC")),
        "kind": pa.repeat(kind, len(times)),
        "available_at": pa.array(available_at.astype("datetime64[us]"), pa.timestamp("us", "UTC")),
        **{name: pa.array(np.round(column, 2)) for name, column in values.items()},
    }
    return WEATHER.conform(pa.table(columns)).drop_columns(["ingested_at"])
