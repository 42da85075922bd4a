"""What happens under a transformer besides load: outages, failures, exchanges, and what comes of thefts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.sample.chance import chance
from metrify.sample.simulator.clock import Clock
from metrify.sample.simulator.points import Point
from metrify.schema import EVENT

__all__ = ["event_rows", "outages"]

Row = tuple[str, np.datetime64, str, np.datetime64 | None, str, np.datetime64]

OUTAGES = 1.5
"""Per transformer and year."""
FALSE_ALARMS = 0.03
"""Tamper events per device and year that mean nothing."""
NOTICED = 0.4
"""Share of thefts at which the device reports that it was opened; and of those that an inspection finds later."""
YEAR = np.timedelta64(365 * 86_400, "s")
HOUR, DAY = np.timedelta64(3600, "s"), np.timedelta64(86_400, "s")


def outages(transformer_id: str, clock: Clock, seed: int) -> list[tuple[int, int]]:
    """Stretches of intervals without supply: first, and the one after the last."""
    rng = chance(seed, transformer_id, "outage")
    count = rng.poisson(OUTAGES * ((clock.end - clock.begin) / YEAR))
    first = np.unique(rng.integers(0, len(clock.times), count))
    hours = rng.integers(1, 7, len(first))
    until = np.minimum(first + np.rint(hours / clock.hours).astype(np.int64), np.append(first[1:], len(clock.times)))
    return list(zip(first.tolist(), until.tolist(), strict=True))


def event_rows(
    points: list[Point], faults: pd.DataFrame, dark: list[tuple[int, int]], clock: Clock, seed: int
) -> pa.Table:
    """EVENT rows of a transformer and the devices below it, from the beginning of the clock to its end."""
    rows: list[Row] = []
    for first, until in dark:
        begun, ended = clock.times[first], clock.times[until - 1] + clock.step
        rows.append((points[0].transformer_id, begun, "outage", ended, "no supply", ended))
    thefts = faults[faults["kind"].str.startswith("theft")]
    for point in points:
        rows += _of_devices(point)
        rows += _of_thefts(point, thefts[thefts["meter_id"] == point.meter_id], clock, seed)
    return _table([row for row in rows if clock.begin <= row[1] < clock.end])


def _of_devices(point: Point) -> Iterator[Row]:
    for service in point.services:
        if not service.planned:
            yield service.device_id, service.failed, "failure", None, "no answer", service.failed + 12 * HOUR
        if not np.isnat(service.until):
            words = "planned exchange" if service.planned else "exchanged after a failure"
            yield service.device_id, service.until, "replacement", None, words, service.until + DAY


def _of_thefts(point: Point, thefts: pd.DataFrame, clock: Clock, seed: int) -> Iterator[Row]:
    """A device that is opened says so, sometimes; an inspection may find out. There are false alarms too."""
    rng = chance(seed, point.meter_id, "tamper")
    for begun, ended in zip(thefts["timestamp"].to_numpy(), thefts["until"].to_numpy(), strict=True):
        opened, found = rng.random(2) < NOTICED
        if opened:
            yield _serving(point, begun), begun, "tamper", None, "cover opened", begun + DAY
        if found:
            yield _serving(point, ended), ended, "inspection", None, "bypass found", ended + DAY
    for moment in rng.random(rng.poisson(FALSE_ALARMS * ((clock.end - clock.begin) / YEAR))):
        time = clock.begin + np.timedelta64(int(moment * ((clock.end - clock.begin) / HOUR)) * 3600, "s")
        yield _serving(point, time), time, "tamper", None, "cover opened", time + DAY


def _serving(point: Point, time: np.datetime64) -> str:
    """The device that hangs there at that time."""
    return next((s.device_id for s in point.services if np.isnat(s.until) or time < s.until), "")


def _table(rows: list[Row]) -> pa.Table:
    subject, time, kind, until, detail, known = zip(*sorted(rows), strict=True) if rows else ((),) * 6
    columns = {
        "subject_id": pa.array(subject, pa.string()),
        "timestamp": _utc(time),
        "kind": pa.array(kind, pa.string()),
    }
    more = {"until": _utc(until), "detail": pa.array(detail, pa.string()), "available_at": _utc(known)}
    return EVENT.conform(pa.table({**columns, **more})).drop_columns(["ingested_at"])


def _utc(times: tuple[np.datetime64 | None, ...]) -> pa.Array:
    moments = np.array([np.datetime64("NaT") if time is None else time for time in times], "datetime64[us]")
    return pa.array(moments, pa.timestamp("us", "UTC"))
