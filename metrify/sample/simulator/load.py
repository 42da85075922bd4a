"""True energy at a metering point, interval by interval: what is used there and what its panels give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrify.sample.simulator.clock import Clock
from metrify.sample.simulator.points import Point
from metrify.sample.simulator.shapes import DAYS, FIRST, Shapes
from metrify.sample.simulator.sky import Sky

__all__ = ["generation_kwh", "load_kwh"]

Values = NDArray[np.float64]

COOLING_FROM, HEATING_BELOW = 23.0, 8.0
"""Temperatures beyond which load grows [degC]."""
OPEN_FROM, OPEN_UNTIL = 8, 18
"""Working hours, on weekdays."""


def load_kwh(point: Point, clock: Clock, shapes: Shapes, sky: Sky, rng: np.random.Generator) -> Values:
    """Load of a point in each interval, shape [T]: that of real homes on days of the same weekday and season."""
    shape = _blend(clock, shapes, rng)
    warm = sky.temperature_c[clock.day, clock.hour]
    if point.customer_class == "commercial":
        hours = (clock.hour >= OPEN_FROM) & (clock.hour < OPEN_UNTIL) & (clock.weekday[clock.day] < 5)
        shape = np.where(hours, 1.7, 0.5) * (0.85 + 0.15 * shape)
    cooling = rng.uniform(0.02, 0.08) * np.maximum(warm - COOLING_FROM, 0)
    heating = rng.uniform(0.0, 0.05) * np.maximum(HEATING_BELOW - warm, 0)
    # what a source hour does not tell of its quarters, chance does
    noise = np.exp(rng.normal(0, 0.08 if clock.interval_minutes == 60 else 0.3, len(clock.times)))
    return point.mean_kw * clock.hours * (shape + cooling + heating) * noise


def _blend(clock: Clock, shapes: Shapes, rng: np.random.Generator) -> Values:
    """Two homes, each on a day of its own up to three weeks from the simulated one."""
    share = rng.uniform(0.3, 0.7)
    shape = np.zeros(len(clock.times))
    for home, weight in zip(rng.integers(0, len(shapes.load), 2), (share, 1 - share), strict=True):
        source = (clock.dates - FIRST + 7 * rng.integers(-3, 4, len(clock.dates))) % DAYS
        shape += weight * shapes.load[home, source[clock.day], clock.hour]
    return shape


def generation_kwh(point: Point, clock: Clock, sky: Sky, rng: np.random.Generator) -> Values:
    """What the panels of a point give in each interval, shape [T]."""
    soiling = rng.uniform(0.85, 1.0) * np.exp(rng.normal(0, 0.03, len(clock.times)))
    return point.pv_kw * clock.hours * sky.sun[clock.day, clock.hour] * soiling
