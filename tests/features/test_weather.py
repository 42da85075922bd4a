"""Weather as it was known at the issue time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from metrify.features.rows import ForecastRows
from metrify.features.weather import Weather, weather
from metrify.localtime import Calendar
from metrify.schema import WEATHER

ISSUE = np.datetime64("2020-01-10T00:00", "s")


def weather_rows(rows: list[dict]) -> pa.Table:
    for row in rows:
        row.setdefault("location", "here")
        for name in ("timestamp", "available_at"):
            row[name] = np.datetime64(row[name], "us").astype(object)
    return WEATHER.conform(pa.Table.from_pylist(rows))


def features(rows: list[dict], step: int = 60) -> dict[str, np.ndarray]:
    forecast_rows = ForecastRows.build(np.array([ISSUE]), "24h", step, Calendar("UTC"))
    return weather(Weather.by_location(weather_rows(rows))["here"], forecast_rows)


def a_forecast(hour: int, available_at: str, temperature: float) -> dict:
    return {
        "kind": "forecast",
        "timestamp": f"2020-01-10T{hour:02d}:00",
        "available_at": available_at,
        "temperature_c": temperature,
    }


def test_the_latest_forecast_known_at_the_issue_time_is_used() -> None:
    found = features(
        [
            a_forecast(6, "2020-01-09T00:00", 1.0),
            a_forecast(6, "2020-01-09T18:00", 2.0),
            a_forecast(6, "2020-01-10T03:00", 3.0),  # issued after
            a_forecast(7, "2020-01-10T03:00", 4.0),  # only known later
        ]
    )
    assert found["forecast_temperature_c"][6] == 2.0
    assert np.isnan(np.delete(found["forecast_temperature_c"], 6)).all()


def test_hourly_weather_serves_half_hourly_rows() -> None:
    hourly = [a_forecast(hour, "2020-01-09T00:00", float(hour)) for hour in range(24)]
    found = features(hourly, step=30)["forecast_temperature_c"]
    assert found.tolist() == [float(row // 2) for row in range(48)]


def test_an_observation_of_the_target_day_is_never_used() -> None:
    past = [
        {
            "kind": "observed",
            "timestamp": f"2020-01-09T{h:02d}:00",
            "available_at": f"2020-01-09T{h:02d}:59",
            "temperature_c": 5.0,
        }
        for h in range(24)
    ]
    today = [
        {
            "kind": "observed",
            "timestamp": f"2020-01-10T{h:02d}:00",
            "available_at": f"2020-01-10T{h:02d}:59",
            "temperature_c": 30.0,
        }
        for h in range(24)
    ]
    found = features(past + today)
    assert found["temperature_1d"] == pytest.approx(np.full(24, 5.0))
    assert np.isnan(found["forecast_temperature_c"]).all()


def test_no_weather_at_all_is_unknown_not_zero() -> None:
    found = features([a_forecast(6, "2021-01-01T00:00", 1.0)])
    assert all(np.isnan(values).all() for values in found.values())
