"""Metering points of a simulated fleet: who is there, on which transformer, with which devices from when to when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.sample.chance import chance
from metrify.sample.simulator.clock import Clock
from metrify.sample.simulator.devices import asset_rows
from metrify.sample.simulator.hazard import YEAR, Devices
from metrify.sample.simulator.places import PLACES, SUBDIVISION, ZONE
from metrify.schema import ASSET, METER

__all__ = ["Point", "Service", "asset_table", "meter_table", "points", "rating_kva"]

METERS_PER_TRANSFORMER = 10
TRANSFORMERS_PER_FEEDER = 3
OLDEST_YEARS = 20.0
COMMERCIAL = 0.12
SOLAR = 0.25
EXCHANGES = 0.03
"""Planned exchanges per device and year."""
RATINGS = (25.0, 37.5, 50.0, 75.0, 100.0, 167.0, 250.0, 333.0, 500.0)
"""Usual sizes of transformers [kVA]."""


@dataclass(frozen=True)
class Service:
    """One device while it measures at a point."""

    device_id: str
    devices: Devices
    """what decides when it fails, of shape [1]"""
    installed: np.datetime64
    failed: np.datetime64
    """when it failed, or would have"""
    until: np.datetime64
    """when it was exchanged; NaT: it is still there"""
    planned: bool
    """exchanged without having failed"""


@dataclass(frozen=True)
class Point:
    """A metering point."""

    meter_id: str
    transformer_id: str
    feeder_id: str
    place: int
    """number in PLACES"""
    latitude: float
    longitude: float
    customer_class: str
    mean_kw: float
    pv_kw: float
    services: tuple[Service, ...]


def points(meters: int, clock: Clock, seed: int) -> list[Point]:
    """`sim-0001` and so on: points by number, each drawn for itself."""
    return [_point(number, clock, seed) for number in range(meters)]


def _point(number: int, clock: Clock, seed: int) -> Point:
    meter_id = f"sim-{number + 1:04d}"
    transformer = number // METERS_PER_TRANSFORMER
    feeder = transformer // TRANSFORMERS_PER_FEEDER
    place, rng = feeder % len(PLACES), chance(seed, meter_id, "point")
    commercial = rng.random() < COMMERCIAL
    mean_kw = rng.lognormal(np.log(6.0), 0.5) if commercial else rng.lognormal(np.log(0.9), 0.4)
    return Point(
        meter_id,
        f"sim-transformer-{transformer + 1:03d}",
        f"sim-feeder-{feeder + 1:02d}",
        place,
        round(PLACES[place].latitude + rng.normal(0, 0.02), 5),
        round(PLACES[place].longitude + rng.normal(0, 0.02), 5),
        "commercial" if commercial else "residential",
        float(mean_kw),
        float(np.round(min(mean_kw * rng.uniform(3, 6), 60), 1)) if rng.random() < SOLAR else 0.0,
        _services(meter_id, place, clock, rng),
    )


def _services(meter_id: str, place: int, clock: Clock, rng: np.random.Generator) -> tuple[Service, ...]:
    """The device that is there at the beginning, and those that replace it; those that came before are forgotten."""
    found: list[Service] = []
    installed = clock.begin.astype("datetime64[D]") - np.timedelta64(int(rng.uniform(0, OLDEST_YEARS) * YEAR) + 1, "D")
    while not np.isnat(installed):
        service = _service(f"{meter_id}-device-{len(found) + 1}", place, installed.astype("datetime64[s]"), clock, rng)
        if not service.until <= clock.begin:
            found.append(service)
        installed = service.until
    return tuple(found)


def _service(device_id: str, place: int, installed: np.datetime64, clock: Clock, rng: np.random.Generator) -> Service:
    """A device until it fails and someone comes, or until its planned exchange."""
    devices = Devices.draw(np.array([place]), rng)
    failed = installed + _seconds(devices.failure_age(rng)[0] * YEAR * 24)
    planned = max(installed, clock.begin) + _seconds(rng.exponential(1 / EXCHANGES) * YEAR * 24)
    until = min(planned, failed + _seconds(rng.uniform(12, 120))).astype("datetime64[h]").astype("datetime64[s]")
    gone = until if until < clock.end else np.datetime64("NaT", "s")
    return Service(device_id, devices, installed, failed, gone, bool(planned < failed))


def _seconds(hours: float) -> np.timedelta64:
    return np.timedelta64(int(hours * 3600), "s")


def meter_table(found: list[Point], interval_minutes: int) -> pa.Table:
    """METER rows, one for each device of each point."""
    rows = [(point, service) for point in found for service in point.services]
    same = ("meter_id", "latitude", "longitude", "customer_class", "transformer_id", "feeder_id", "pv_kw")
    columns = {
        **{name: [getattr(point, name) for point, _ in rows] for name in same},
        "valid_from": _utc(np.array([service.installed for _, service in rows])),
        "valid_to": _utc(np.array([service.until for _, service in rows])),
        "device_id": [service.device_id for _, service in rows],
        "zone": [ZONE] * len(rows),
        "country": ["US"] * len(rows),
        "subdivision": [SUBDIVISION] * len(rows),
        "location": [PLACES[point.place].name for point, _ in rows],
        "interval_minutes": [interval_minutes] * len(rows),
    }
    return METER.conform(pa.table(columns)).drop_columns(["ingested_at"])


def asset_table(found: list[Point], clock: Clock, seed: int) -> pa.Table:
    """ASSET rows: devices, the transformers that feed them and the feeders of those."""
    services = [(point, service) for point in found for service in point.services]
    devices = Devices.joined([service.devices for _, service in services])
    ids = np.array([service.device_id for _, service in services])
    installed = np.array([service.installed for _, service in services])
    until = np.array([service.until for _, service in services])
    meters = asset_rows(ids, devices, installed, until, chance(seed, "assets", "fleet"))
    parents = pa.array([point.transformer_id for point, _ in services])
    place = meters.column_names.index("parent_id")
    return pa.concat_tables([meters.set_column(place, "parent_id", parents), *_equipment(found, clock, seed)])


def _equipment(found: list[Point], clock: Clock, seed: int) -> list[pa.Table]:
    frame = pd.DataFrame([vars(point) for point in found])
    parts = []
    for kind, parent in (("transformer", "feeder_id"), ("feeder", None)):
        groups = frame.groupby(f"{kind}_id")
        ids = list(groups.groups)
        ages = [chance(seed, name, "asset").integers(2, 40) for name in ids]
        columns = {
            "asset_id": ids,
            "kind": [kind] * len(ids),
            "make": ["Voltana"] * len(ids),
            "installed_on": (clock.begin.astype("datetime64[Y]") - np.array(ages)).astype("datetime64[D]"),
            "location": [PLACES[place].name for place in groups["place"].first()],
            "rating_kva": rating_kva(groups["mean_kw"].sum().to_numpy()) if parent else [None] * len(ids),
            "parent_id": list(groups[parent].first()) if parent else [None] * len(ids),
        }
        parts.append(ASSET.conform(pa.table(columns)).drop_columns(["ingested_at"]))
    return parts


def rating_kva(mean_kw: NDArray[np.float64]) -> NDArray[np.float64]:
    """The usual size that carries three times the mean load, else the largest."""
    return np.array(RATINGS)[np.minimum(np.searchsorted(RATINGS, 3 * mean_kw), len(RATINGS) - 1)]


def _utc(times: NDArray[np.datetime64]) -> pa.Array:
    return pa.array(times.astype("datetime64[us]"), pa.timestamp("us", "UTC"))
