"""Histories of devices: installed, worn out, failed, replaced; with the true chance of failure of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.errors import BadValue
from metrify.sample.chance import chance
from metrify.sample.simulator.hazard import MAKES, YEAR, Devices
from metrify.sample.simulator.places import PLACES, names
from metrify.sample.simulator.sky import daily_weather
from metrify.schema import ASSET, EVENT

__all__ = ["DeviceHistories", "asset_rows", "simulate_devices"]

Days = NDArray[np.int64]
Times = NDArray[np.datetime64]

UNTIL = np.datetime64("2017-08-01", "s")
"""The day on which the shipped sample ends."""
ROLLOUT_YEARS = 22
"""Over how many years before the recorded ones devices were first installed."""
OTHER = {"comms": (0.5, 2.0), "inspection": (0.15, 0.0), "tamper": (0.02, 0.0)}
"""Events that are no failures: number per device and year, and the power of the device's frailty that multiplies it."""
WORDS = {
    "failure": "no display, no answer",
    "replacement": "exchanged",
    "comms": "no answer for some hours",
    "inspection": "seal and display checked",
    "tamper": "cover opened",
}
DAY = np.timedelta64(86_400, "s")


@dataclass(frozen=True)
class DeviceHistories:
    """What a utility knows of its devices at the end of the recorded years, and the truth behind it."""

    assets: pa.Table
    """ASSET rows: every device that was in service at some time of the recorded years"""
    events: pa.Table
    """EVENT rows of the recorded years: failure, replacement, comms, inspection, tamper"""
    weather: pa.Table
    """WEATHER rows, observed, from a year before the recorded ones on: one a day at 12:00 with the day's mean"""
    devices: Devices
    """what decides when each device fails, in the order of `assets`"""
    installed: Times
    """midnight of the day of installation [UTC], in the order of `assets`"""
    failed: Times
    """when each failed or will fail [UTC], in the order of `assets`: nobody knows the later ones"""

    def probability(self, as_of: np.datetime64, horizon_days: float) -> pd.DataFrame:
        """asset_id, probability: the true chance that a device in service at `as_of` [UTC] fails within the horizon."""
        moment = np.datetime64(as_of, "s")
        serving = (self.installed <= moment) & (moment < self.failed)
        age = (moment - self.installed[serving]) / (DAY * YEAR)
        chance = self.devices.take(serving).probability(age, horizon_days / YEAR)
        asset_id = self.assets["asset_id"].to_numpy()[serving]
        return pd.DataFrame({"asset_id": asset_id, "probability": chance})

    @property
    def hazards(self) -> pd.DataFrame:
        """The truth as a table: asset_id, scale_years and shape of its wear, frailty, failed_at."""
        columns = {"asset_id": self.assets["asset_id"].to_numpy(), "scale_years": self.devices.scale}
        more = {"shape": self.devices.shape, "frailty": self.devices.frailty, "failed_at": self.failed}
        return pd.DataFrame({**columns, **more})


def simulate_devices(number: int, years: int, seed: int, *, until: np.datetime64 = UNTIL) -> DeviceHistories:
    """The last `years` before `until` [UTC] of `number` places with a device each, and of those that were there before.

    A device that fails is replaced by another some days later, of any make. Raises BadValue.
    """
    for name, value in (("number", number), ("years", years)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise BadValue(name, "a whole number from 1 on", value)
    rng = chance(seed, "devices", "histories")
    end = np.datetime64(until, "D").astype("datetime64[s]")
    begin = end - np.timedelta64(round(years * YEAR), "D")
    lives = _chains(number, begin, end, rng)
    asset_id = np.array([f"dev-{spot:05d}-{turn}" for spot, turn in zip(lives.spot, lives.turn, strict=True)])
    out = np.where(lives.replaced <= end, lives.replaced, np.datetime64("NaT"))
    assets = asset_rows(asset_id, lives.devices, lives.installed, out, rng)
    events = _events(lives, asset_id, begin, end, rng)
    weather = daily_weather(PLACES, begin - np.timedelta64(365, "D"), end, seed)
    return DeviceHistories(assets, events, weather, lives.devices, lives.installed, lives.failed)


@dataclass(frozen=True)
class _Lives:
    """Devices with the spot where each hangs, the how-manieth it is there, and its times; each of shape [N]."""

    spot: NDArray[np.int64]
    turn: NDArray[np.int64]
    devices: Devices
    installed: Times
    failed: Times
    replaced: Times

    def take(self, chosen: NDArray) -> _Lives:
        return _Lives(
            self.spot[chosen],
            self.turn[chosen],
            self.devices.take(chosen),
            self.installed[chosen],
            self.failed[chosen],
            self.replaced[chosen],
        )


def _chains(number: int, begin: np.datetime64, end: np.datetime64, rng: np.random.Generator) -> _Lives:
    """One device after the other at each spot, by spot; those that were gone before `begin` are left out."""
    spot = np.arange(1, number + 1)
    place = rng.integers(0, len(PLACES), number)
    earliest = begin - np.timedelta64(round(ROLLOUT_YEARS * YEAR), "D")
    installed = earliest + rng.integers(0, (end - earliest) // DAY, number) * DAY
    parts, turn = [], 1
    while len(spot):
        devices = Devices.draw(place, rng)
        failed = installed + (devices.failure_age(rng) * YEAR * 86_400).astype("timedelta64[s]")
        replaced = failed.astype("datetime64[D]").astype("datetime64[s]") + rng.integers(1, 15, len(spot)) * DAY
        parts.append(_Lives(spot, np.full(len(spot), turn), devices, installed, failed, replaced))
        again = replaced <= end - DAY
        spot, place, installed, turn = spot[again], place[again], replaced[again], turn + 1
    whole = _joined(parts)
    kept = np.flatnonzero(whole.replaced > begin)
    return whole.take(kept[np.lexsort((whole.turn[kept], whole.spot[kept]))])


def _joined(parts: list[_Lives]) -> _Lives:
    def join(pick: str) -> NDArray:
        return np.concatenate([getattr(part, pick) for part in parts])

    devices = Devices.joined([part.devices for part in parts])
    return _Lives(join("spot"), join("turn"), devices, join("installed"), join("failed"), join("replaced"))


def asset_rows(
    asset_id: NDArray[np.str_], devices: Devices, installed: Times, retired: Times, rng: np.random.Generator
) -> pa.Table:
    """ASSET rows of kind meter; NaT for what is not retired. Model and firmware are drawn from those of the make."""
    draw = rng.random((2, len(asset_id)))
    makes = [MAKES[number] for number in devices.make]
    model = [make.models[int(at * len(make.models))] for make, at in zip(makes, draw[0], strict=True)]
    firmware = [make.firmware[int(at * len(make.firmware))] for make, at in zip(makes, draw[1], strict=True)]
    columns = {
        "asset_id": asset_id,
        "kind": ["meter"] * len(asset_id),
        "make": [make.name for make in makes],
        "model": model,
        "firmware": firmware,
        "installed_on": pa.array(installed.astype("datetime64[D]")),
        "retired_on": pa.array(retired.astype("datetime64[D]")),
        "location": names(devices.place),
    }
    return ASSET.conform(pa.table(columns)).drop_columns(["ingested_at"])


def _events(
    lives: _Lives, asset_id: NDArray[np.str_], begin: np.datetime64, end: np.datetime64, rng: np.random.Generator
) -> pa.Table:
    """EVENT rows from `begin` up to `end`, by device and time; what is found later says so in available_at."""
    hours = np.timedelta64(3600, "s")
    found = lives.failed + rng.integers(1, 72, len(asset_id)) * hours
    parts = [
        _rows(asset_id, lives.failed, "failure", found),
        _rows(asset_id, lives.replaced + 10 * hours, "replacement", lives.replaced + 20 * hours),
    ]
    serves = np.minimum(lives.failed, end) - np.maximum(lives.installed, begin)
    years = np.maximum(serves / (DAY * YEAR), 0)
    for kind, (rate, power) in OTHER.items():
        subject = np.repeat(np.arange(len(asset_id)), rng.poisson(rate * years * lives.devices.frailty**power))
        since = np.maximum(lives.installed, begin)[subject]
        time = since + (rng.random(len(subject)) * (serves[subject] / np.timedelta64(1, "s"))).astype("timedelta64[s]")
        parts.append(_rows(asset_id[subject], time, kind, time + 24 * hours))
    events = pd.concat(parts).query("timestamp >= @begin and timestamp < @end")
    events = events.sort_values(["subject_id", "timestamp", "kind"], ignore_index=True)
    table = pa.Table.from_pandas(events, preserve_index=False)
    times = {name: table[name].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")) for name in _TIMES}
    return EVENT.conform(pa.table({**dict(zip(table.column_names, table.columns, strict=True)), **times})).drop_columns(
        ["ingested_at"]
    )


_TIMES = ("timestamp", "available_at")


def _rows(subject_id: NDArray[np.str_], time: Times, kind: str, available_at: Times) -> pd.DataFrame:
    columns = {"subject_id": subject_id, "timestamp": time, "kind": kind, "detail": WORDS[kind]}
    return pd.DataFrame({**columns, "available_at": available_at})
