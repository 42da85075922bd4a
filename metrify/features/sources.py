"""What features are made of, read from the lake: validated readings, production and the meter's surroundings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.features.frame import Sources
from metrify.features.solar import Production
from metrify.features.weather import Weather
from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.schema import WEATHER
from metrify.settings import Settings
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.gather import SOLAR_COLUMNS, Around, Gathered, gather_rows
from metrify.vee.ladder import usable
from metrify.vee.rules import RULES, trusted, validate

__all__ = ["SOLAR_COLUMNS", "Surroundings", "Validated", "reading_columns", "validated", "validated_sources"]

_DECIDING = {rule.name for rule in RULES if rule.severity == "error" or not rule.teaches} | {"gap", "duplicate"}
"""Rules by which a reading is not trusted, or is not one: what forecasts, detectors and estimates ask for."""
_EARLY = {rule.name for rule in RULES if rule.at_once}
"""Rules that hindsight makes say more."""


@dataclass(frozen=True)
class Surroundings(Around):
    """What is small enough to be everywhere, and the weather; what is not given is not known."""

    weather: dict[str, Weather] = field(default_factory=dict)
    """by location"""

    @classmethod
    def read(cls, lake: Lake, since: np.datetime64 | None = None) -> Self:
        """As Around, and WEATHER from `since` on."""
        weather = Weather.by_location(lake.read(WEATHER, since=since)) if lake.exists(WEATHER) else {}
        return replace(super().read(lake), weather=weather)


def reading_columns(settings: Settings) -> list[str]:
    """The READING columns that panels are made of."""
    return ["meter_id", "timestamp", settings.forecasting.target, "available_at"]


@dataclass(frozen=True)
class Validated:
    """Readings of meters of one calendar and interval length, with what the rules said of them."""

    raw: Panel
    """as they came"""
    flags: Flags
    """what the rules could say as soon as each interval was over, [M, T]"""
    hindsight: Flags
    """what they say of it later, [M, T]"""
    calendar: Calendar
    meters: pd.DataFrame
    """METER attributes, one row per meter of `raw`, in its order"""
    available: NDArray[np.int64] | None
    """when late values could be known [s since 1970; 0: in time], [M, T]; None: none is late"""
    repeated: NDArray[np.int64] | None = None
    """when a second report with another value could be known [s since 1970; 0: there is none], [M, T]; None: none"""
    signed: NDArray[np.bool_] | None = None
    """of which meters values below zero are right, [M]; None: of none"""

    @property
    def history(self) -> Panel:
        """What could be trusted at the time."""
        return trusted(self.raw, self.flags)

    @property
    def truth(self) -> Panel:
        """What hindsight trusts."""
        return trusted(self.raw, self.hindsight)

    @property
    def usable(self) -> Panel:
        """What estimates may be made of; asks for the rules UNFIT of metrify.vee.ladder to have been told."""
        signed = np.zeros(len(self.raw.meter_ids), bool) if self.signed is None else self.signed
        return self.raw.replace(usable(Evidence(self.raw, signed), self.hindsight))


def validated(
    readings: pa.Table,
    surroundings: Surroundings,
    settings: Settings,
    *,
    step_minutes: int | None = None,
    superseded: pa.Table | None = None,
    told: Collection[str] = (),
) -> Iterator[Validated]:
    """READING rows (`reading_columns`, in any order) as panels with the flags of the validation rules.

    `step_minutes` overrules the interval length that METER states or the readings show. `superseded` are rows of
    READING_HISTORY with the same columns; without them no reading is found to be a duplicate. `told` are names of rules
    that are asked beside those by which a reading is not trusted: each costs its time.
    """
    for found in _gathered(readings, surroundings, settings, superseded=superseded, step_minutes=step_minutes):
        yield _validated(found, settings, _DECIDING.union(told))


_gathered = partial(gather_rows, channels=())  # no deciding rule looks at another column


def _validated(found: Gathered, settings: Settings, names: set[str]) -> Validated:
    """With what these rules say at once and in hindsight; those that say the same of both are asked once."""
    evidence, group = found.evidence, found.group
    both = validate(evidence, settings.vee, only=names - _EARLY)
    early = (validate(evidence, settings.vee, hindsight=later, only=names & _EARLY) for later in (False, True))
    at_once, hindsight = (both | flags for flags in early)
    return Validated(
        group.panel,
        at_once,
        hindsight,
        evidence.calendar,
        group.meters,
        group.available,
        evidence.repeated,
        evidence.signed,
    )


def validated_sources(
    readings: pa.Table,
    solar: pa.Table | None,
    surroundings: Surroundings,
    settings: Settings,
    *,
    step_minutes: int | None = None,
) -> Iterator[Sources]:
    """Panels of readings without what the validation rules flag, with all that belongs to their meters.

    `readings` and `step_minutes` as for `validated`; `solar` has SOLAR_COLUMNS.
    """
    for found in _gathered(readings, surroundings, settings, solar=solar, step_minutes=step_minutes):
        of = _validated(found, settings, _DECIDING)
        production = Production(*found.production) if found.production else None
        yield Sources(of.history, of.truth, of.calendar, of.meters, production, surroundings.weather, of.available)
