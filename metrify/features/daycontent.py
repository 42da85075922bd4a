"""What the readings of a local day were: how many, how much, how high and low, how late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrify.features.dayrecord import LOOKBACK_DAYS
from metrify.features.feature import TARGET_UNIT, Feature
from metrify.features.sources import Validated
from metrify.localdays import Daily, LocalDays, ratio, trailing_median
from metrify.localtime import local_times

__all__ = ["FEATURES", "PARTS", "content"]

PARTS = ("night", "morning", "afternoon", "evening")
"""Quarters of the local day, from midnight on."""

FEATURES: tuple[Feature, ...] = (
    Feature("level_change", "", f"mean valid reading of the day over the median day's of the last {LOOKBACK_DAYS}"),
    Feature("level", TARGET_UNIT, f"mean size of the valid readings on the median day of the last {LOOKBACK_DAYS}"),
    Feature("readings", "", "intervals of the day whose reading came"),
    Feature("total", TARGET_UNIT, "sum of the readings of the day"),
    *(Feature(f"lowest_{part}", TARGET_UNIT, f"lowest reading of the {part}") for part in PARTS),
    *(Feature(f"highest_{part}", TARGET_UNIT, f"highest reading of the {part}") for part in PARTS),
    Feature("delay_hours", "h", "from the end of the day until the last of its readings came, within the grace"),
)


def content(found: Validated, days: LocalDays, said: dict[str, NDArray[np.bool_]]) -> dict[str, Daily]:
    """Every feature, [M, D], of what `metrify.features.dayrecord.marks` said. NaN where no reading came."""
    here, valid, values = said["here"], said["valid"], found.raw.values
    many = days.sums(valid)
    means, sizes = (ratio(days.sums(np.where(valid, of, 0)), many) for of in (values, np.abs(values)))
    columns = {
        "level_change": ratio(means, trailing_median(means, LOOKBACK_DAYS)),
        "level": trailing_median(sizes, LOOKBACK_DAYS),
        "readings": days.sums(here),
    }
    columns["total"] = np.where(columns["readings"] > 0, days.sums(np.where(here, values, 0)), np.nan)
    known = np.where(here, values, np.float32(np.nan))
    for name, extreme in (("lowest", np.fmin), ("highest", np.fmax)):
        columns |= dict(zip((f"{name}_{part}" for part in PARTS), _by_part(found, days, known, extreme), strict=True))
    return columns | {"delay_hours": np.where(columns["readings"] > 0, _delay(found, days, here), np.nan)}


def _by_part(found: Validated, days: LocalDays, values: NDArray[np.float32], extreme: np.ufunc) -> Daily:
    """The extreme value of each part of each day, [parts, M, D]."""
    clock = local_times(found.raw.times, found.calendar.zone)
    place = (clock.day - days.dates[0]) * len(PARTS) + clock.minute // (1440 // len(PARTS))
    edges = np.searchsorted(place, np.arange(len(days.dates) * len(PARTS) + 1))
    some = np.diff(edges) > 0
    found_extremes = np.full((len(values), len(some)), np.nan)
    found_extremes[:, some] = extreme.reduceat(values, edges[:-1][some], axis=1)
    return np.moveaxis(found_extremes.reshape(len(values), len(days.dates), len(PARTS)), 2, 0)


def _delay(found: Validated, days: LocalDays, here: NDArray[np.bool_]) -> Daily:
    """Hours from the end of the day until the last of the readings that are here came, [M, D]; at least 0."""
    if found.available is None:
        return np.zeros((len(here), len(days.dates)))
    after = np.where(here, found.available - days.spread(days.starts[1:].astype(np.int64)), 0)
    some = days.lengths > 0
    hours = np.zeros((len(here), len(some)))
    hours[:, some] = np.maximum.reduceat(after, days.edges[:-1][some], axis=1) / 3600
    return np.maximum(hours, 0)
