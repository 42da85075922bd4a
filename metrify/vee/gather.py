"""One bucket's readings with all that rules, estimates and grades may look at, read once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.bucketpass import BucketFiles
from metrify.lake.longrows import FileRows, LongRows, TableRows
from metrify.lake.panels import Layout, MeterGroup, aligned_panel, layouts
from metrify.panel import Panel
from metrify.schema import READING, READING_HISTORY, SOLAR
from metrify.settings import Settings
from metrify.vee.around import Around
from metrify.vee.evidence import Evidence
from metrify.vee.repeats import Repeats

__all__ = ["SOLAR_COLUMNS", "TABLES", "Around", "Gathered", "gather", "gather_rows"]

TABLES = (READING, READING_HISTORY, SOLAR)
"""Whose files a bucket pass hands to `gather`."""
SOLAR_COLUMNS = ["meter_id", "timestamp", "generation_kwh", "available_at"]
"""Those of SOLAR that are read along."""


@dataclass(frozen=True)
class Gathered:
    """Meters of one clock and interval length, with all that is known of their readings."""

    group: MeterGroup
    evidence: Evidence
    production: tuple[Panel, NDArray[np.int64] | None] | None
    """metered production in its whole length, and when late values of it could be known; None: there is none"""


def gather(
    bucket: BucketFiles, around: Around, settings: Settings, *, channels: Collection[str] | None = None
) -> Iterator[Gathered]:
    """Read a bucket's READING, READING_HISTORY and SOLAR files and lay them out; each column is decoded once.

    `channels` are the READING columns that are wanted beside the target; None: all that hold a value.
    """
    superseded, solar = (bucket.files.get(table.name) for table in (READING_HISTORY, SOLAR))
    yield from _Bucket(
        FileRows(READING, bucket.files[READING.name]),
        FileRows(READING_HISTORY, superseded).table(_repeat_columns(settings)) if superseded else None,
        FileRows(SOLAR, solar).table(SOLAR_COLUMNS) if solar else None,
        settings.forecasting.target,
    ).groups(around, settings, channels, None)


def gather_rows(
    readings: pa.Table,
    around: Around,
    settings: Settings,
    *,
    superseded: pa.Table | None = None,
    solar: pa.Table | None = None,
    channels: Collection[str] | None = None,
    step_minutes: int | None = None,
) -> Iterator[Gathered]:
    """The same of rows in memory, in any order: READING rows with at least the target and available_at.

    `superseded` are rows of READING_HISTORY, `solar` has SOLAR_COLUMNS. `step_minutes` overrules the interval length
    that METER states or the readings show.
    """
    rows = _Bucket(TableRows(readings), superseded, solar, settings.forecasting.target)
    yield from rows.groups(around, settings, channels, step_minutes)


def _repeat_columns(settings: Settings) -> list[str]:
    return ["meter_id", "timestamp", settings.forecasting.target, "available_at"]


class _Bucket:
    """Long rows of one bucket; a column that several groups share is decoded once."""

    def __init__(self, readings: LongRows, superseded: pa.Table | None, solar: pa.Table | None, target: str):
        self._readings, self._superseded, self._solar, self._target = readings, superseded, solar, target

    def groups(
        self, around: Around, settings: Settings, channels: Collection[str] | None, step_minutes: int | None
    ) -> Iterator[Gathered]:
        laid = list(layouts(self._readings.keys, around.meters, settings.site, step_minutes=step_minutes))
        values, available_at = self._readings.values(self._target), self._available_at()
        groups = [layout.group(self._target, values, available_at) for layout in laid]
        del values, available_at
        others = self._channels(laid, channels)
        repeats = self._repeats()
        for layout, group, other in zip(laid, groups, others, strict=True):
            yield self._gathered(layout, group, other, repeats, around)

    def _available_at(self) -> NDArray[np.datetime64]:
        if self._readings.holds("available_at"):
            return self._readings.values("available_at")
        return np.full(self._readings.keys.num_rows, np.datetime64("NaT", "s"))

    def _channels(self, laid: list[Layout], wanted: Collection[str] | None) -> list[dict[str, Panel]]:
        """By group: the measures beside the target that hold any value."""
        found: list[dict[str, Panel]] = [{} for _ in laid]
        for column in READING.measures:
            chosen = column != self._target and (wanted is None or column in wanted)
            if chosen and self._readings.holds(column):
                values = self._readings.values(column)
                for layout, panels in zip(laid, found, strict=True):
                    panel = layout.panel(column, values)
                    if panel.mask.any():
                        panels[column] = panel
        return found

    def _repeats(self) -> Repeats | None:
        """Only readings of which the history tells are looked at."""
        if self._superseded is None or not self._superseded.num_rows:
            return None
        keys = self._readings.keys
        told = pc.is_in(keys["timestamp"], value_set=self._superseded["timestamp"].unique())
        told = np.flatnonzero(told.to_numpy())
        current = keys.take(pa.array(told))
        for name in (self._target, "available_at"):
            kind = READING[name].type
            values = self._readings.values(name) if self._readings.holds(name) else None
            column = pa.nulls(len(told), kind) if values is None else pa.array(values[told], from_pandas=True)
            current = current.append_column(name, column.cast(kind))
        return Repeats.of(current, self._superseded, self._target)

    def _gathered(
        self, layout: Layout, group: MeterGroup, channels: dict[str, Panel], repeats: Repeats | None, around: Around
    ) -> Gathered:
        panel = group.panel
        production = self._production(layout)
        evidence = Evidence(
            panel,
            group.signed,
            repeated=repeats.on(panel) if repeats else None,
            calendar=around.calendars.of(group.zone, group.country, group.subdivision),
            column=group.column,
            channels=channels,
            available=group.available,
            off_grid=layout.grid.off(),
            unreadable=around.unreadable.on(panel),
            outage=around.outages.on(panel),
            exchanged=around.exchanges.on(panel),
            generation=_cut(production[0], panel) if production else None,
            pv_kw=group.pv_kw,
        )
        return Gathered(group, evidence, production)

    def _production(self, layout: Layout) -> tuple[Panel, NDArray[np.int64] | None] | None:
        grid = layout.grid
        if self._solar is None:
            return None
        return aligned_panel(self._solar, "generation_kwh", grid.meter_ids, grid.step_minutes, grid.phase_minutes)


def _cut(found: Panel, like: Panel) -> Panel:
    """The panel over the time of another one; NaN where it has no interval."""
    first, count = found.index(like.start), like.values.shape[1]
    values = np.full(like.values.shape, np.nan, np.float32)
    left, right = max(first, 0), min(first + count, found.values.shape[1])
    if left < right:
        values[:, left - first : right - first] = found.values[:, left:right]
    return like.replace(values)
