"""Everything that happens under one transformer: load, outages, devices, faults, and what of it is reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.sample.chance import chance
from metrify.sample.faultkinds import COUNTED
from metrify.sample.faultplan import FaultPlan
from metrify.sample.faults import Injected, inject
from metrify.sample.simulator.clock import Clock
from metrify.sample.simulator.happenings import event_rows, outages
from metrify.sample.simulator.load import generation_kwh, load_kwh
from metrify.sample.simulator.places import ZONE
from metrify.sample.simulator.points import Point, rating_kva
from metrify.sample.simulator.shapes import Shapes
from metrify.sample.simulator.sky import Sky
from metrify.schema import GRID, READING, SOLAR

__all__ = ["Part", "simulate_transformer"]

Values = NDArray[np.float64]

TENTHS = 10_000
"""Meters count tenths of a watt-hour: registers and intervals agree to the last digit."""
NOMINAL_V = 240.0
SAG = 0.05
"""Share of the voltage that is lost at the end of the line when the transformer is fully loaded."""
WINDING_K = 45.0
"""How much warmer than the air a fully loaded transformer is [K]."""
LATE = 0.01
"""Share of meter-days that are delivered late."""


@dataclass(frozen=True)
class Part:
    """The rows of one transformer and its meters, by name of the table, and the truth about its readings."""

    tables: dict[str, pa.Table]
    faults: pd.DataFrame


def simulate_transformer(
    points: list[Point], clock: Clock, shapes: Shapes, sky: Sky, plan: FaultPlan, seed: int
) -> Part:
    """READING, SOLAR, GRID and EVENT rows of the points of one transformer."""
    rngs = [chance(seed, point.meter_id, "load") for point in points]
    used = np.stack([load_kwh(point, clock, shapes, sky, rng) for point, rng in zip(points, rngs, strict=True)])
    given = np.stack([generation_kwh(point, clock, sky, rng) for point, rng in zip(points, rngs, strict=True)])
    dark = outages(points[0].transformer_id, clock, seed)
    for first, until in dark:
        used[:, first:until] = given[:, first:until] = 0
    net = np.rint((used - given) * TENTHS)
    taken, back = np.maximum(net, 0) / TENTHS, np.maximum(-net, 0) / TENTHS
    silent = _silent(points, clock)
    panel = _panel(points, clock, np.where(silent, np.nan, taken))
    injected = inject(panel, plan, seed=seed, zone=ZONE)
    told = _Told.of(injected, taken, back)
    grid = _grid(points, clock, (used - given).sum(axis=0) / clock.hours, sky)
    tables = {
        "READING": _readings(points, clock, told, grid["loading"].to_numpy() / 100, dark, seed),
        "SOLAR": _solar(points, clock, given),
        "GRID": grid,
        "EVENT": event_rows(points, injected.faults, dark, clock, seed),
    }
    return Part(tables, injected.faults)


@dataclass(frozen=True)
class _Told:
    """What the devices report and count, each of shape [M, T]."""

    kwh: Values
    """NaN where nothing is reported"""
    counted: Values
    """what the register counts [kWh]: a fault behind it does not touch it"""
    export: Values
    flow: Values
    """energy that the current is measured of [kWh]"""

    @classmethod
    def of(cls, injected: Injected, taken: Values, back: Values) -> _Told:
        labels = injected.labels()
        reported = injected.panel.values.astype(np.float64)
        kwh = np.where((labels < 0) & np.isfinite(reported), taken, np.rint(reported * TENTHS) / TENTHS)
        measured = np.isin(injected.faults["kind"], list(COUNTED))
        affected = np.append(measured, False)[labels] & np.isfinite(kwh)  # label -1 takes the last
        counted = np.where(affected, np.maximum(kwh, 0), taken)
        return cls(kwh, counted, back, np.where(affected, np.abs(kwh), taken) + back)


def _silent(points: list[Point], clock: Clock) -> NDArray[np.bool_]:
    """Where a device has failed and none has come in its place yet, [M, T]."""
    silent = np.zeros((len(points), len(clock.times)), bool)
    for row, point in enumerate(points):
        for service in point.services:
            if not service.planned:
                until = clock.end if np.isnat(service.until) else service.until
                first, last = clock.index(np.array([service.failed - clock.step + np.timedelta64(1, "s"), until]))
                silent[row, first:last] = True
    return silent


def _panel(points: list[Point], clock: Clock, kwh: Values) -> Panel:
    meter_ids = np.array([point.meter_id for point in points])
    return Panel(meter_ids, clock.begin, clock.interval_minutes, kwh.astype(np.float32))


def _readings(
    points: list[Point], clock: Clock, told: _Told, loading: Values, dark: list[tuple[int, int]], seed: int
) -> pa.Table:
    rngs = [chance(seed, point.meter_id, "device") for point in points]
    hourly = np.repeat(loading, 60 // clock.interval_minutes)
    voltage = np.stack([_voltage(hourly, rng) for rng in rngs])
    current = 1000 * told.flow / clock.hours / voltage
    for first, until in dark:
        voltage[:, first:until] = current[:, first:until] = 0
    late = np.stack([_late_hours(clock, rng) for rng in rngs])
    registers = [_register(points, clock, counted) for counted in (told.counted, told.export)]
    kept = np.isfinite(told.kwh).ravel()
    values = {
        "kwh": told.kwh,
        "kwh_export": told.export,
        "voltage_v": np.round(voltage, 1),
        "current_a": np.round(current, 2),
        "register_kwh": registers[0],
        "register_export_kwh": registers[1],
    }
    ends = clock.times + clock.step + late.astype("timedelta64[h]")
    columns = {
        **_keys(points, clock, kept),
        **{name: pa.array(column.ravel()[kept]) for name, column in values.items()},
        "version": pa.repeat(pa.scalar(1, pa.int32()), int(kept.sum())),
        "available_at": _utc(ends.ravel()[kept]),
    }
    return pa.table({name: columns[name] for name in READING.names if name in columns})


def _voltage(loading: Values, rng: np.random.Generator) -> Values:
    """It sags with the load of the transformer, the more the farther away the point is."""
    sag = SAG * rng.uniform(0.2, 1.0) * loading
    return NOMINAL_V * (1.01 - sag) + rng.normal(0, 0.8, len(loading))


def _late_hours(clock: Clock, rng: np.random.Generator) -> NDArray[np.int64]:
    """How long after its end each interval is delivered [h], shape [T]; late ones come day by day."""
    late = rng.random(len(clock.dates)) < LATE
    return np.where(late, rng.integers(24, 72, len(clock.dates)), 0)[clock.day]


def _register(points: list[Point], clock: Clock, counted: Values) -> Values:
    """The counter at the end of each interval, [M, T]; that of a new device begins at 0."""
    total = np.cumsum(np.rint(counted * TENTHS), axis=1)
    begun = np.zeros(total.shape)
    for row, point in enumerate(points):
        days = (clock.begin - point.services[0].installed) / np.timedelta64(86_400, "s")
        begun[row] = -np.rint(days * total[row, -1] / len(clock.dates))
        for service in point.services[:-1]:
            new = int(clock.index(np.array([service.until]))[0])
            begun[row, new:] = total[row, new - 1] if new else 0
    return (total - begun) / TENTHS


def _solar(points: list[Point], clock: Clock, given: Values) -> pa.Table:
    """SOLAR rows of the points that have panels."""
    chosen = [row for row, point in enumerate(points) if point.pv_kw > 0]
    kept = np.ones(len(chosen) * len(clock.times), bool)
    columns = {
        **_keys([points[row] for row in chosen], clock, kept),
        "generation_kwh": pa.array(np.round(given[chosen], 4).ravel()),
        "available_at": _utc(np.tile(clock.times + clock.step, len(chosen))),
    }
    return pa.table({name: columns[name] for name in SOLAR.names if name in columns})


def _grid(points: list[Point], clock: Clock, load_kw: Values, sky: Sky) -> pa.Table:
    """GRID rows of the transformer, hourly. Its temperature is that of the air and what the load adds.

    The exponent 1.6 of the load is that of IEEE C57.91 for oil that moves by itself, losses being those of the winding.
    """
    per_hour = 60 // clock.interval_minutes
    hours = load_kw.reshape(-1, per_hour).mean(axis=1)
    times = clock.times[::per_hour]
    loading = np.abs(hours) / rating_kva(np.array([sum(point.mean_kw for point in points)]))[0]
    air = sky.temperature_c[clock.day[::per_hour], clock.hour[::per_hour]]
    columns = {
        "node_id": pa.repeat(points[0].transformer_id, len(times)),
        "timestamp": _utc(times),
        "load_kw": np.round(hours, 3),
        "loading": np.round(100 * loading, 2),
        "temperature_c": np.round(air + WINDING_K * loading**1.6, 2),
        "available_at": _utc(times + np.timedelta64(3600, "s")),
    }
    return GRID.conform(pa.table(columns)).drop_columns(["ingested_at"])


def _keys(points: list[Point], clock: Clock, kept: NDArray[np.bool_]) -> dict[str, pa.Array]:
    place = np.repeat(np.arange(len(points), dtype=np.int32), len(clock.times))[kept]
    names = pa.array([point.meter_id for point in points], pa.string())
    times = np.tile(clock.times.astype("datetime64[us]"), len(points))[kept]
    return {"meter_id": pa.DictionaryArray.from_arrays(pa.array(place), names), "timestamp": _utc(times)}


def _utc(times: NDArray[np.datetime64]) -> pa.Array:
    return pa.array(times.astype("datetime64[us]"), pa.timestamp("us", "UTC"))
