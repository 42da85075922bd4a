"""Where simulated things are: four places in southern California that differ in heat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLACES", "SUBDIVISION", "ZONE", "Place", "heat_c", "names"]

ZONE = "America/Los_Angeles"
SUBDIVISION = "CA"


@dataclass(frozen=True)
class Place:
    """A place of WEATHER rows."""

    name: str
    heat_c: float
    """mean temperature over the years [degC]"""
    latitude: float
    longitude: float


PLACES = (
    Place("sim-hills", 9.0, 34.25, -116.90),
    Place("sim-coast", 14.0, 34.02, -118.80),
    Place("sim-valley", 18.0, 34.10, -117.40),
    Place("sim-desert", 24.0, 33.72, -116.22),
)


def names(place: NDArray[np.int64]) -> NDArray[np.str_]:
    """Names of places by their number in PLACES."""
    return np.array([known.name for known in PLACES])[place]


def heat_c(place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean temperature of places by their number in PLACES [degC]."""
    return np.array([known.heat_c for known in PLACES])[place]
