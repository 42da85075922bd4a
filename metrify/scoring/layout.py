"""How each task lays readings out: the one way from the lake's rows to what features are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metrify.features.dayrecord import DEFECTS
from metrify.features.frame import Sources
from metrify.features.sources import (
    SOLAR_COLUMNS,
    Surroundings,
    Validated,
    reading_columns,
    validated,
    validated_sources,
)
from metrify.lake.tables import Lake
from metrify.panel import Panel
from metrify.schema import HOLIDAY, METER, READING, READING_HISTORY, SOLAR, WEATHER, Table
from metrify.settings import Settings

__all__ = ["Group", "Layout", "days", "forecasts", "readings"]

Group = TypeVar("Group")
Make = Callable[[pa.Table, pa.Table | None, Surroundings, Settings, int | None], Iterable[Group]]
Places = NDArray[np.int_]


@dataclass(frozen=True)
class Layout(Generic[Group]):
    """What a task makes of READING rows, group by group of meters that share a clock and an interval length."""

    make: Make[Group]
    """(readings, rows of `beside`, surroundings, settings, interval length that overrules) -> groups"""
    panel: Callable[[Group], Panel]
    """the readings of a group"""
    select: Callable[[Group, Places], Group]
    """the meters at these rows of a group"""
    beside: Table | None = None
    """a table by meter that is read along"""
    columns: tuple[str, ...] = ()
    """of `beside`"""
    around: tuple[Table, ...] = (METER, HOLIDAY)
    """tables of the surroundings that have a say"""

    @property
    def watched(self) -> tuple[Table, ...]:
        """Tables whose changes can change an answer; READING is the first."""
        return (READING, *self.around, *([self.beside] if self.beside else []))

    def read(
        self,
        lake: Lake,
        surroundings: Surroundings,
        since: np.datetime64,
        until: np.datetime64 | None = None,
        **wanted: Any,
    ) -> tuple[Group, ...]:
        """What the lake holds from `since` on and before `until`; `wanted` narrows meter_ids or buckets."""
        settings = lake.workspace.settings
        wanted |= {"since": since, "until": until}
        found = lake.read(READING, columns=reading_columns(settings), **wanted)
        if not found.num_rows:
            return ()
        along = None
        if self.beside and lake.exists(self.beside):
            along = lake.read(self.beside, columns=self.columns, **wanted)
        return tuple(self.make(found, along, surroundings, settings, None))


def forecasts() -> Layout[Sources]:
    """Readings with production, weather and calendar around them."""
    return Layout(
        lambda found, solar, around, settings, step: validated_sources(
            found, solar, around, settings, step_minutes=step
        ),
        attrgetter("history"),
        Sources.select,
        SOLAR,
        tuple(SOLAR_COLUMNS),
        (METER, WEATHER, HOLIDAY),
    )


def readings() -> Layout[Validated]:
    """Readings with what the rules say of them."""
    return Layout(
        lambda found, _, around, settings, step: validated(found, around, settings, step_minutes=step),
        attrgetter("raw"),
        _select,
    )


def days(settings: Settings) -> Layout[Validated]:
    """Readings with what all rules of a day say of them, and with what later versions replaced."""
    return Layout(
        lambda found, superseded, around, settings, step: validated(
            found, around, settings, step_minutes=step, superseded=superseded, told=DEFECTS
        ),
        attrgetter("raw"),
        _select,
        READING_HISTORY,
        tuple(reading_columns(settings)),
    )


def _select(found: Validated, where: Places) -> Validated:
    return replace(
        found,
        raw=found.raw.select(where),
        flags=found.flags[where],
        hindsight=found.hindsight[where],
        meters=found.meters.iloc[where],
        available=None if found.available is None else found.available[where],
        repeated=None if found.repeated is None else found.repeated[where],
        signed=None if found.signed is None else found.signed[where],
    )
