"""A fleet of simulated meters, drawn from a seed; its readings are made transformer by transformer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.errors import BadValue
from metrify.sample.faultplan import FaultPlan
from metrify.sample.simulator.clock import Clock
from metrify.sample.simulator.hazard import Devices
from metrify.sample.simulator.places import PLACES
from metrify.sample.simulator.points import Point, asset_table, meter_table, points
from metrify.sample.simulator.shapes import Shapes
from metrify.sample.simulator.sky import Sky
from metrify.sample.simulator.transformer import Part, simulate_transformer

__all__ = ["Fleet", "simulate"]

START = np.datetime64("2016-08-01")
"""The local day on which the shipped sample begins, too."""


def simulate(
    meters: int,
    days: int,
    seed: int,
    *,
    start: np.datetime64 = START,
    interval_minutes: int = 60,
    plan: FaultPlan | None = None,
) -> Fleet:
    """A fleet of `meters` points, sim-0001 and so on, over `days` local days from the date `start` on.

    The same arguments give the same fleet; `plan` is FaultPlan() unless named. Readings are made when they are asked
    for. Raises BadValue.
    """
    if isinstance(meters, bool) or not isinstance(meters, int) or meters < 1:
        raise BadValue("meters", "a whole number from 1 on", meters)
    clock, shapes = Clock.of(start, days, interval_minutes), Shapes.read()
    skies = tuple(Sky.over(place, clock, shapes, seed) for place in PLACES)
    return Fleet(clock, tuple(points(meters, clock, seed)), skies, shapes, plan or FaultPlan(), seed)


@dataclass(frozen=True)
class Fleet:
    """What is drawn once, and from it the rows of every table."""

    clock: Clock
    points: tuple[Point, ...]
    skies: tuple[Sky, ...]
    """by number in PLACES"""
    shapes: Shapes
    plan: FaultPlan
    seed: int

    def parts(self) -> Iterator[Part]:
        """READING, SOLAR, GRID and EVENT rows with their faults, one transformer at a time: memory stays bounded."""
        for _, group in groupby(self.points, key=lambda point: point.transformer_id):
            here = list(group)
            yield simulate_transformer(here, self.clock, self.shapes, self.skies[here[0].place], self.plan, self.seed)

    def around(self) -> dict[str, pa.Table]:
        """METER, ASSET and WEATHER rows."""
        found = list(self.points)
        used = sorted({point.place for point in found})
        return {
            "METER": meter_table(found, self.clock.interval_minutes),
            "ASSET": asset_table(found, self.clock, self.seed),
            "WEATHER": pa.concat_tables([self.skies[place].rows(self.clock) for place in used]),
        }

    @cached_property
    def _whole(self) -> tuple[dict[str, pa.Table], pd.DataFrame]:
        parts = list(self.parts())
        names = parts[0].tables
        tables = {name: pa.concat_tables([part.tables[name] for part in parts]).unify_dictionaries() for name in names}
        return tables, pd.concat([part.faults for part in parts], ignore_index=True)

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """All rows by name of the table, in memory at once; for a big fleet take `parts` or `write`."""
        return {**self.around(), **self._whole[0]}

    @property
    def faults(self) -> pd.DataFrame:
        """The truth about the readings, as in `Injected.faults`."""
        return self._whole[1]

    @property
    def hazards(self) -> pd.DataFrame:
        """The truth about the devices: device_id, meter_id, installed, scale_years, shape, frailty, failed_at.

        failed_at [UTC] is when the device fails or would fail if it stayed: nobody knows those after the end.
        """
        services = [(point, service) for point in self.points for service in point.services]
        devices = Devices.joined([service.devices for _, service in services])
        return pd.DataFrame(
            {
                "asset_id": [service.device_id for _, service in services],
                "meter_id": [point.meter_id for point, _ in services],
                "installed": np.array([service.installed for _, service in services]),
                "scale_years": devices.scale,
                "shape": devices.shape,
                "frailty": devices.frailty,
                "failed_at": np.array([service.failed for _, service in services]),
            }
        )
