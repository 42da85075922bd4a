"""What is expected of a meter's days: limits of their readings, learned from days that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.daycontent import PARTS
from metrify.features.dayrecord import DEFECTS, SEVERITY

__all__ = ["FEATURES", "KINDS", "MEASURES", "Expectations", "Measure", "measured"]


@dataclass(frozen=True)
class Measure:
    """One number of a day that is expected within limits."""

    name: str
    feature: str
    kind: str
    """one of KINDS; what is expected of several measures of a kind shares its weight"""
    sized: bool
    """whether it grows with the meter: its limits are in multiples of the meter's level"""
    low: bool
    high: bool
    """on which sides it is limited"""
    slack: float = 0.0
    """how far beyond the learned limits is still as expected"""


KINDS = ("volume", "silence", "freshness", "total", "range")
MEASURES: tuple[Measure, ...] = (
    Measure("share of the day's readings", "readings", "volume", False, True, False),
    Measure("silence at the end of the day", "open_gap_hours", "silence", False, False, True),
    Measure("last reading after the end of the day", "delay_hours", "freshness", False, False, True, 1.0),
    Measure("daily total", "total", "total", True, True, True),
    *(Measure(f"lowest of the {part}", f"lowest_{part}", "range", True, True, False) for part in PARTS),
    *(Measure(f"highest of the {part}", f"highest_{part}", "range", True, False, True) for part in PARTS),
)
FEATURES = ("intervals", "level", "valid_share", "is_day_off", *(measure.feature for measure in MEASURES))
"""Columns of the day frame that expectations are judged by."""

_DOUBTS = [f"{rule}_share" for rule in DEFECTS if SEVERITY[rule] in {"error", "warning"}]
_SIZED = np.array([measure.sized for measure in MEASURES])
_SIDES = np.array([[measure.low, measure.high] for measure in MEASURES])
_SLACK = np.array([[-measure.slack, measure.slack] for measure in MEASURES])
_BANDS = 3
"""Parts that a fleet is cut into by level, each with expectations for the meters that have none of their own."""

Floats = NDArray[np.float64]


def measured(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """The measures of each row, [N, K], and what their limits are multiples of, [N, K].

    NaN where nothing can be said: of a total where readings are missing, of sizes at a meter without a level.
    """
    values = rows[[measure.feature for measure in MEASURES]].to_numpy(np.float64)
    intervals, level = (rows[name].to_numpy(np.float64) for name in ("intervals", "level"))
    places = {measure.feature: place for place, measure in enumerate(MEASURES)}
    whole = values[:, places["readings"]] >= intervals
    values[:, places["total"]] = np.where(whole, values[:, places["total"]], np.nan)
    values[:, places["readings"]] /= np.where(intervals > 0, intervals, np.nan)
    unit = np.where(_SIZED, np.where(level > 1e-9, level, np.nan)[:, None], 1.0)
    unit[:, places["total"]] *= intervals
    return values, unit


@dataclass(frozen=True)
class Expectations:
    """Limits by meter, or by level for the meters that are not known, on working days and days off."""

    meters: NDArray[np.str_]
    """those with expectations of their own, sorted, [G - 3]"""
    cuts: Floats
    """levels that cut the fleet into three, [2]"""
    limits: Floats
    """low and high of each measure, in units of `measured`; -inf and inf where there is none, [G, 2, K, 2]"""
    levels: Floats
    """the level of each meter when they were learned, [G - 3]"""

    @classmethod
    def learn(cls, rows: pd.DataFrame, *, tail: float, margin: float, least_days: int) -> Self:
        """From day rows with FEATURES and meter_id.

        Sizes are learned from days of which no rule found anything grave: from their `tail` quantiles on both sides,
        widened by `margin` times the distance from the median. How many readings come, and when, is learned from all
        days, by quartiles: what is usual, not what is best. A meter of fewer than `least_days` such days, of a type
        of day or at all, is expected to be as the meters of its level are.
        """
        values, unit = measured(rows)
        values = values / unit
        doubtful = (rows["valid_share"].to_numpy() < 1) | (rows[_DOUBTS].to_numpy() > 0).any(axis=1)
        values[np.ix_(doubtful | ~np.isfinite(values).any(axis=1), _SIZED)] = np.nan
        level, off = rows["level"].to_numpy(np.float64), rows["is_day_off"].to_numpy() > 0
        days = _Days(values, off, tail, margin, least_days)
        cuts = np.quantile(level[np.isfinite(level)], [1 / 3, 2 / 3]) if np.isfinite(level).any() else np.zeros(2)
        band = np.digitize(level, cuts)
        everyone = days.limits(np.arange(len(rows)), np.full((len(MEASURES), 2), [-np.inf, np.inf]))
        bands = [days.limits(np.flatnonzero(band == place), everyone[0]) for place in range(_BANDS)]
        names, usual, own = [], [], []
        for name, places in sorted(rows.groupby(rows["meter_id"].astype(str)).indices.items()):
            if np.isfinite(values[places][:, _SIZED]).any(axis=1).sum() >= least_days:
                names.append(name)
                usual.append(float(np.nanmedian(level[places])))
                own.append(days.limits(places, bands[int(np.digitize(usual[-1], cuts))][0]))
        return cls(np.array(names, str), cuts, np.array([*own, *bands]), np.array(usual, np.float64))

    def judge(self, rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        """What was found, its unit, and the limits in that unit, of each row: [N, K], [N, K], [N, K, 2]."""
        values, unit = measured(rows)
        off = (rows["is_day_off"].to_numpy() > 0).astype(int)
        return values, unit, self.limits[self._group(rows), off] * unit[:, :, None]

    def _group(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        names = rows["meter_id"].astype(str).to_numpy()
        place = np.searchsorted(self.meters, names)
        known = place < len(self.meters)
        known[known] = self.meters[place[known]] == names[known]
        band = np.digitize(np.nan_to_num(rows["level"].to_numpy(np.float64)), self.cuts)
        return np.where(known, place, len(self.meters) + band)


@dataclass(frozen=True)
class _Days:
    """Days to learn from: measures in their units [N, K], whether each is a day off [N], and how limits are drawn."""

    values: Floats
    off: NDArray[np.bool_]
    tail: float
    margin: float
    least: int

    def limits(self, places: NDArray[np.int_], others: Floats) -> Floats:
        """Limits of these days, on working days and on days off, [2, K, 2]; those of `others` where they are few."""
        whole = self._limits(self.values[places], others)
        return np.array([self._limits(self.values[places[self.off[places] == kind]], whole) for kind in (False, True)])

    def _limits(self, values: Floats, others: Floats) -> Floats:
        """Low and high of each measure, [K, 2]: the fences of Tukey 1977, reckoned from the median."""
        tail, margin = np.where(_SIZED, self.tail, 0.25), np.where(_SIZED, self.margin, 3.0)
        ordered = np.sort(values, axis=0)  # NaN comes last
        known = np.isfinite(values).sum(axis=0)
        low, middle, high = (_quantiles(ordered, known, share) for share in (tail, np.full(len(tail), 0.5), 1 - tail))
        limits = np.column_stack([low - margin * (middle - low), high + margin * (high - middle)]) + _SLACK
        return np.where(_SIDES, np.where((known >= self.least)[:, None], limits, others), [-np.inf, np.inf])


def _quantiles(ordered: Floats, known: NDArray[np.int_], shares: Floats) -> Floats:
    """The quantile of each column's known values, [K]; any number where there are none."""
    if not len(ordered):
        return np.zeros(len(known))
    place = shares * np.maximum(known - 1, 0)
    below = np.floor(place).astype(int)
    columns = np.arange(len(known))
    lower, upper = ordered[below, columns], ordered[np.minimum(below + 1, np.maximum(known - 1, 0)), columns]
    return lower + (place - below) * (upper - lower)
