"""The last weeks of the lake in memory, laid out for a task, following what comes in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import numpy as np
import pyarrow.compute as pc

from metrify.errors import UnknownMeter
from metrify.features.sources import Surroundings, reading_columns
from metrify.lake.panels import meter_groups
from metrify.lake.scan import scan
from metrify.lake.tables import Lake
from metrify.panel import Panel
from metrify.schema import READING
from metrify.scoring.following import Following
from metrify.scoring.layout import Group, Layout
from metrify.scoring.request import RequestHistory
from metrify.settings import Workspace
from metrify.vee.rules.percentile import WINDOW_DAYS

__all__ = ["Memory", "Recent", "lake_until", "look_back", "round_down"]

_SPARE = np.timedelta64(3, "D")
"""Kept beyond what validation and the model look back on: a question about yesterday is answered from memory."""


def look_back(lookback_days: int) -> np.timedelta64:
    """How far before a moment readings are wanted: the model's own memory, and what validation compares with."""
    return np.timedelta64(lookback_days + WINDOW_DAYS, "D")


def round_down(moment: np.datetime64, panel: Panel) -> np.datetime64:
    """The last start of an interval at or before `moment`."""
    return panel.start + panel.index(moment) * np.timedelta64(panel.step_minutes * 60, "s")


def _latest_start(lake: Lake) -> np.datetime64 | None:
    """Start of the latest reading of all, UTC; None without readings. Only files of the last month are opened."""
    months = {Path(path).parent.name.partition("=")[2] for found in lake.paths(READING).values() for path in found}
    if not months:
        return None
    stamps = lake.read(READING, columns=["timestamp"], since=f"{max(months)}-01")
    return np.datetime64(pc.max(stamps["timestamp"]).as_py().replace(tzinfo=None), "s")


def lake_until(lake: Lake) -> np.datetime64 | None:
    """End of the latest reading of all, UTC; None without readings."""
    latest = _latest_start(lake)
    if latest is None:
        return None
    settings = lake.workspace.settings
    rows = lake.read(READING, columns=reading_columns(settings), since=latest - _SPARE)
    groups = meter_groups(rows, settings.forecasting.target, lake.meters(), settings.site)
    return max(group.panel.end for group in groups)


@dataclass(frozen=True)
class Memory(Generic[Group]):
    """What is held of the lake: replaced as a whole, so that an answer never sees half a refresh."""

    lake: Lake
    layout: Layout[Group]
    lookback: np.timedelta64
    versions: tuple[int, ...]
    since: np.datetime64
    surroundings: Surroundings
    groups: tuple[Group, ...]
    meters: frozenset[str]
    """meters that the lake has readings of"""
    until: np.datetime64 | None
    """end of the latest reading of all"""

    def refuse_unknown(self, meter_ids: list[str], history: Collection[str]) -> None:
        """Raise UnknownMeter for meters that neither the lake nor the request knows."""
        unknown = [meter for meter in meter_ids if meter not in self.meters and meter not in history]
        if unknown:
            raise UnknownMeter(unknown, len(self.meters))

    def known(self, meter_ids: list[str], since: np.datetime64, until: np.datetime64) -> list[Group]:
        """The groups of these meters, to answer about `since` to `until`: those of memory, or read anew if long ago.

        A meter that sent nothing in all of the lookback is in none of them.
        """
        groups = self.groups
        if since < self.since + self.lookback:
            first = since - self.lookback
            around = Surroundings.read(self.lake, first)
            groups = self.layout.read(self.lake, around, first, until, meter_ids=meter_ids)
        places = [np.flatnonzero(np.isin(self.layout.panel(group).meter_ids, meter_ids)) for group in groups]
        return [self.layout.select(group, where) for group, where in zip(groups, places, strict=True) if len(where)]

    def silent(self, groups: list[Group], meter_ids: list[str]) -> list[str]:
        """The meters that are in none of the groups."""
        heard = {meter for group in groups for meter in self.layout.panel(group).meter_ids}
        return [meter for meter in meter_ids if meter not in heard]

    def of_request(self, meter_id: str, given: RequestHistory) -> Group:
        """Readings of a request, among the surroundings of the lake."""
        settings = self.lake.workspace.settings
        rows = given.rows(meter_id, settings.forecasting.target)
        (group,) = self.layout.make(rows, None, self.surroundings, settings, given.interval_minutes)
        return group


class Recent(Following[Memory[Group]], Generic[Group]):
    """Holds the last weeks of the lake for a task; what answers by them is made of it. Safe to ask from threads."""

    def __init__(self, workspace: Workspace, layout: Layout[Group], lookback_days: int):
        self._layout = layout
        self._lookback = look_back(lookback_days)
        self._meters_of: dict[str, frozenset[str]] = {}
        super().__init__(workspace, layout.watched)

    @property
    def meters(self) -> frozenset[str]:
        """Meters that the lake has readings of."""
        return self._memory.meters

    def _load(self, versions: tuple[int, ...]) -> Memory[Group]:
        latest = _latest_start(self._lake)
        since = np.datetime64(0, "s") if latest is None else latest - self._lookback - _SPARE
        around = Surroundings.read(self._lake, since)
        groups = () if latest is None else self._layout.read(self._lake, around, since)
        until = max((self._layout.panel(group).end for group in groups), default=None)
        meters = self._known_meters()
        return Memory(self._lake, self._layout, self._lookback, versions, since, around, groups, meters, until)

    def _known_meters(self) -> frozenset[str]:
        """Meters of all files; a file never changes, so each is looked into once."""
        paths = [path for found in self._lake.paths(READING).values() for path in found]
        names = {path: self._meters_of.get(path) or _meters_in(path) for path in paths}
        self._meters_of = names
        return frozenset().union(*names.values())


def _meters_in(path: str) -> frozenset[str]:
    return frozenset(pc.unique(scan(READING, [path], ["meter_id"])["meter_id"]).to_pylist())
