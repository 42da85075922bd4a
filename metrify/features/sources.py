"""What features are made of, read from the lake: validated readings, production and the meter's surroundings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.features.frame import Sources
from metrify.features.solar import Production
from metrify.features.weather import Weather
from metrify.lake.holidays import Calendars
from metrify.lake.panels import MeterGroup, aligned_panel, meter_groups
from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.schema import WEATHER
from metrify.settings import Settings, VeeSettings
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.repeats import Repeats
from metrify.vee.rules import RULES, trusted, validate

__all__ = ["SOLAR_COLUMNS", "Surroundings", "Validated", "reading_columns", "validated", "validated_sources"]

SOLAR_COLUMNS = ["meter_id", "timestamp", "generation_kwh", "available_at"]
_DECIDING = {rule.name for rule in RULES if rule.severity == "error" or not rule.teaches} | {"gap", "duplicate"}
"""Rules by which a reading is not trusted, or is not one: what forecasts, detectors and estimates ask for."""
_EARLY = {rule.name for rule in RULES if rule.at_once}
"""Rules that hindsight makes say more."""


@dataclass(frozen=True)
class Surroundings:
    """What is small enough to be everywhere: meters, weather and extra holidays, read once from the lake."""

    meters: pd.DataFrame
    """METER rows in force, one per meter"""
    weather: dict[str, Weather] = field(default_factory=dict)
    """by location"""
    calendars: Calendars = field(default_factory=Calendars)

    @classmethod
    def read(cls, lake: Lake, since: np.datetime64 | None = None) -> Surroundings:
        """From the lake's METER, WEATHER (from `since` on) and HOLIDAY tables."""
        weather = Weather.by_location(lake.read(WEATHER, since=since)) if lake.exists(WEATHER) else {}
        return cls(lake.meters(), weather, Calendars.read(lake))


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

    @property
    def history(self) -> Panel:
        """What could be trusted at the time."""
        return trusted(self.raw, self.flags)

    @property
    def truth(self) -> Panel:
        """What hindsight trusts."""
        return trusted(self.raw, self.hindsight)


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
    target = settings.forecasting.target
    repeats = None if superseded is None else Repeats.of(readings, superseded, target)
    for group in meter_groups(readings, target, surroundings.meters, settings.site, step_minutes=step_minutes):
        calendar = surroundings.calendars.of(group.zone, group.country, group.subdivision)
        evidence = _evidence(group, calendar, repeats.on(group.panel) if repeats else None)
        flags, hindsight = _flags(evidence, settings.vee, _DECIDING.union(told))
        yield Validated(group.panel, flags, hindsight, calendar, group.meters, group.available, evidence.repeated)


def _evidence(group: MeterGroup, calendar: Calendar, repeated: NDArray[np.int64] | None) -> Evidence:
    """What the rules are shown: the series itself, nothing of other channels."""
    return Evidence(
        group.panel, group.signed, repeated, calendar, group.column, available=group.available, pv_kw=group.pv_kw
    )


def _flags(evidence: Evidence, settings: VeeSettings, names: set[str]) -> tuple[Flags, Flags]:
    """What these rules say at once and in hindsight, each [M, T]; those that say the same of both are asked once."""
    both = validate(evidence, settings, only=names - _EARLY)
    early = (validate(evidence, settings, hindsight=later, only=names & _EARLY) for later in (False, True))
    at_once, later = (both | flags for flags in early)
    return at_once, later


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
    for found in validated(readings, surroundings, settings, step_minutes=step_minutes):
        production = _production(solar, found.raw)
        weather = surroundings.weather
        yield Sources(found.history, found.truth, found.calendar, found.meters, production, weather, found.available)


def _production(solar: pa.Table | None, load: Panel) -> Production | None:
    if solar is None:
        return None
    phase = int(load.start.astype("datetime64[m]").astype(np.int64)) % load.step_minutes
    found = aligned_panel(solar, "generation_kwh", load.meter_ids, load.step_minutes, phase)
    return Production(*found) if found else None
