"""When simulated devices fail: a hazard that grows with age, with the heat of the place, and differs between makes.

Cumulative hazard at an age of a years: wear * (a / scale)^shape + CHANCE * a. The first part is Weibull's wear-out (W.
Weibull, "A statistical distribution function of wide applicability", Journal of Applied Mechanics 18, 1951, pp.
293-297), in proportion (D. R. Cox, "Regression models and life-tables", Journal of the Royal Statistical Society B 34,
1972, pp. 187-220) to `wear`: twice as high for each 10 degC, the usual rule for electronics after Arrhenius, times
what sets one device apart from its like. The second is failure by chance, at any age. Weibull's law is fitted to
electricity meters in the laboratory (Z. Yang et al., "Smart electricity meter reliability prediction based on
accelerated degradation testing and modeling", International Journal of Electrical Power & Energy Systems 56, 2014, pp.
209-219, doi:10.1016/j.ijepes.2013.11.023). Scales, shapes and shares of the makes are made up, such that one make wears
out after about ten years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metrify.sample.simulator.places import heat_c

__all__ = ["CHANCE", "MAKES", "YEAR", "Devices", "Make"]

Numbers = NDArray[np.float64]

YEAR = 365.25
"""Days."""
CHANCE = 0.004
"""Failures per device and year that have nothing to do with wear."""
REFERENCE_C = 15.0
SPREAD = 0.25
"""Standard deviation of the logarithm of what sets one device apart from its like."""


@dataclass(frozen=True)
class Make:
    """A maker, its models and firmware, the share of devices that come from it and how they wear out."""

    name: str
    models: tuple[str, ...]
    firmware: tuple[str, ...]
    share: float
    scale_years: float
    """age at which wear has accumulated a hazard of 1, at the reference heat"""
    shape: float


MAKES = (
    Make("Ampera", ("A100", "A200"), ("1.4", "2.0", "2.1"), 0.40, 32.0, 5.0),
    Make("Borealis", ("NorthOne",), ("7.2", "7.3"), 0.25, 26.0, 5.0),
    Make("Cormet", ("C3", "C3-S"), ("0.9", "1.0"), 0.35, 11.5, 9.0),
)


@dataclass(frozen=True)
class Devices:
    """What decides when devices fail; each field has shape [N]."""

    make: NDArray[np.int64]
    """number in MAKES"""
    place: NDArray[np.int64]
    """number in PLACES"""
    frailty: Numbers
    """wear in multiples of that of its like"""

    @classmethod
    def draw(cls, place: NDArray[np.int64], rng: np.random.Generator) -> Self:
        """Devices as they are bought, at these places."""
        make = rng.choice(len(MAKES), len(place), p=[make.share for make in MAKES])
        return cls(make, place, np.exp(rng.normal(0, SPREAD, len(place))))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All devices of the parts, in their order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, chosen: NDArray) -> Self:
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def scale(self) -> Numbers:
        """Age at which wear has accumulated a hazard of 1 [years]."""
        at_reference = np.array([make.scale_years for make in MAKES])[self.make]
        wear = self.frailty * 2 ** ((heat_c(self.place) - REFERENCE_C) / 10)
        return at_reference * wear ** (-1 / self.shape)

    @property
    def shape(self) -> Numbers:
        return np.array([make.shape for make in MAKES])[self.make]

    def hazard(self, age_years: Numbers) -> Numbers:
        """Hazard accumulated up to an age; 0 below 0."""
        age = np.maximum(age_years, 0)
        return (age / self.scale) ** self.shape + CHANCE * age

    def probability(self, age_years: Numbers, horizon_years: float) -> Numbers:
        """Chance of failing within the horizon, of a device that has reached this age."""
        return -np.expm1(self.hazard(age_years) - self.hazard(age_years + horizon_years))

    def failure_age(self, rng: np.random.Generator, reached_years: Numbers | float = 0.0) -> Numbers:
        """Draw the age at which each fails [years], given that it has reached an age: by wear or by chance."""
        drawn = rng.exponential(size=(2, len(self.make)))
        worn = self.scale * ((reached_years / self.scale) ** self.shape + drawn[0]) ** (1 / self.shape)
        return np.minimum(worn, reached_years + drawn[1] / CHANCE)
