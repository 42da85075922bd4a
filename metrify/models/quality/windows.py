"""Windows of local days around a day: what a denoiser is shown of a meter, and gaps put into it to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.localdays import DaySlots
from metrify.localtime import Calendar
from metrify.models.base import Batch
from metrify.panel import Panel

__all__ = ["Days", "Shown", "Windows", "calendar_of"]

GAP_HOURS = (1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 72.0)
"""Lengths of the gaps that are learned from; each is as frequent as the others."""
_SHORT_HOURS, _SHORT_GAPS = 3.0, 4
"""Of short gaps several fit into one window."""
_LEAST_KNOWN = 0.5
"""Share of a day that must be known to learn from it."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def calendar_of(batch: Batch) -> Calendar:
    """The clock and holidays that the meters of a batch live by, from their METER attributes; else UTC."""
    meters = batch.meters if batch.meters is not None else pd.DataFrame()
    names = ("zone", "country", "subdivision")
    said = [meters[name].dropna().astype(str) if name in meters else pd.Series(dtype=str) for name in names]
    zone, country, subdivision = (values.iloc[0] if len(values) else "" for values in said)
    return Calendar(zone or "UTC", country, subdivision)


@dataclass(frozen=True)
class Shown:
    """B windows of one day each, ready for the network; P positions are the day and some hours on both sides."""

    inputs: Floats
    """what is known, in multiples of the level, [B, P, C]"""
    usual: Floats
    """mean of each slot of the day over the window in multiples of the level, [B, S]"""
    level: Floats
    """mean size of what is known, [B]; 0: nothing is, or all of it is zero"""
    truth: Floats
    """what stood in the day's slots in multiples of the level, [B, S]; NaN where no gap was put, or nothing is known"""


@dataclass(frozen=True)
class Days:
    """Readings by meter, local day and slot."""

    rows: pd.Index
    """meter ids, in the order of the panel"""
    start: np.datetime64
    step_minutes: int
    grid: Floats
    """[M, D, S]; NaN where nothing usable is known"""
    day: Ints
    """local day of each interval of the panel, [T]"""
    slot: Ints
    kind: Ints
    """type of each day, [D]"""

    @classmethod
    def of(cls, panel: Panel, calendar: Calendar) -> Days:
        """Lay a panel out by local days; of the repeated hour of autumn the first is kept."""
        days = DaySlots.of(panel, calendar)
        values = np.where(days.at >= 0, panel.values[:, days.at], np.float32(np.nan))
        start = panel.start.astype("datetime64[s]")
        return cls(pd.Index(panel.meter_ids), start, panel.step_minutes, values, days.day, days.slot, days.kind)

    def cells(self, rows: pd.DataFrame) -> tuple[Ints, Ints, Ints]:
        """Meter, day and slot of each row, [N]; meter -1: the panel does not hold it."""
        meter = self.rows.get_indexer(rows["meter_id"].astype(str))
        step = np.timedelta64(self.step_minutes * 60, "s")
        column = ((rows["timestamp"].to_numpy().astype("datetime64[s]") - self.start) // step).astype(np.int64)
        inside = (column >= 0) & (column < len(self.day)) & (meter >= 0)
        place = np.where(inside, column, 0)
        none = np.zeros(len(rows), np.int64)
        day, slot = (self.day[place], self.slot[place]) if len(self.day) else (none, none)
        return np.where(inside, meter, -1), day, slot

    def whole(self) -> NDArray[np.bool_]:
        """Days of which enough is known to learn from, [M, D]."""
        return np.isfinite(self.grid).mean(axis=2) >= _LEAST_KNOWN


@dataclass(frozen=True)
class Windows:
    """How windows are made: `reach` days on each side of the day."""

    days: Days
    reach: int

    @property
    def slots(self) -> int:
        return self.days.grid.shape[2]

    @property
    def beside(self) -> int:
        """Slots of the days beside that are seen before and after the day: a quarter of a day, a multiple of four."""
        return max(self.slots // 16, 1) * 4

    def show(self, meter: Ints, day: Ints, random: np.random.Generator | None = None) -> Shown:
        """Windows of these days, [B]; with `random` a gap is put into each."""
        spread = np.arange(-self.reach, self.reach + 1)
        place = (day[:, None] + spread)[:, :, None] * self.slots + np.arange(-self.beside, self.slots + self.beside)
        width = self.days.grid.shape[1] * self.slots
        flat = self.days.grid.reshape(len(self.days.grid), width)
        inside = (place >= 0) & (place < width)
        whole = np.where(inside, flat[meter[:, None, None], np.where(inside, place, 0)], np.float32(np.nan))
        hidden = np.zeros(whole.shape, bool) if random is None else self._gaps(day, place, random)
        values = np.where(hidden, np.float32(np.nan), whole)
        known = np.isfinite(values)
        level = np.abs(np.where(known, values, 0)).sum((1, 2)) / np.maximum(known.sum((1, 2)), 1)
        scale = np.where(level > 0, level, 1)[:, None, None]
        inputs, usual = self._inputs(values / scale, known, day)
        own = slice(self.beside, self.beside + self.slots)
        truth = np.where(hidden, whole / scale, np.float32(np.nan))[:, self.reach, own]
        return Shown(inputs, usual[:, own], level.astype(np.float32), truth.astype(np.float32))

    def _gaps(self, day: Ints, place: Ints, random: np.random.Generator) -> NDArray[np.bool_]:
        """Where gaps are put that begin or end in each day, as `place`."""
        hidden = np.zeros(place.shape, bool)
        hours = random.choice(GAP_HOURS, len(day))
        length = np.maximum(np.round(hours * self.slots / 24).astype(np.int64), 1)
        for number in range(_SHORT_GAPS):
            first = day * self.slots - length + 1 + random.integers(0, self.slots + length - 1)
            put = (hours <= _SHORT_HOURS) | (number == 0)
            inside = (place >= first[:, None, None]) & (place < (first + length)[:, None, None])
            hidden |= inside & put[:, None, None]
        return hidden

    def _inputs(self, values: Floats, known: NDArray[np.bool_], day: Ints) -> tuple[Floats, Floats]:
        """Channels of the network [B, P, C], and what is usual of each position [B, P]."""
        count = known.sum(axis=1)
        usual = np.where(known, values, 0).sum(axis=1) / np.maximum(count, 1)
        unusual = np.where(known, values - usual[:, None], 0)
        spread = np.sqrt(np.square(unusual).sum(axis=1) / np.maximum(count, 1))
        other = day[:, None] + np.arange(-self.reach, self.reach + 1)
        kind = self.days.kind[np.clip(other, 0, len(self.days.kind) - 1)]
        like = np.broadcast_to((kind == kind[:, [self.reach]])[:, :, None], known.shape)
        clock = 2 * np.pi * np.arange(-self.beside, self.slots + self.beside) / self.slots
        waves = (np.broadcast_to(wave, usual.shape) for wave in (np.sin(clock), np.cos(clock)))
        extra = [usual, spread, *waves, *_bridge(unusual[:, self.reach], known[:, self.reach])]
        channels = [*np.moveaxis(unusual, 1, 0), *np.moveaxis(known, 1, 0), *np.moveaxis(like & known, 1, 0), *extra]
        return np.stack(channels, axis=2).astype(np.float32), usual.astype(np.float32)


def _bridge(unusual: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The line over what is missing, and how far the nearest known position is [share of all], each [B, P]."""
    width = known.shape[1]
    number = np.broadcast_to(np.arange(width), known.shape)
    before = np.maximum.accumulate(np.where(known, number, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, number, width)[:, ::-1], axis=1)[:, ::-1]
    left, right = (np.take_along_axis(unusual, np.clip(side, 0, width - 1), axis=1) for side in (before, after))
    left, right = np.where(before < 0, right, left), np.where(after == width, left, right)
    line = left + (right - left) * (number - before) / np.maximum(after - before, 1)
    nearest = np.minimum(np.where(before < 0, width, number - before), np.where(after == width, width, after - number))
    return line.astype(np.float32), (nearest / width).astype(np.float32)
