"""The reading frame: each reading beside what is usual of its meter at that hour, as it was known when it ended."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.feature import TARGET_UNIT, Feature
from metrify.features.residual import RESIDUALS, describe_residuals, residuals
from metrify.features.rows import slots_per_day
from metrify.features.sources import Validated
from metrify.features.usual import STATISTICS, describe
from metrify.localtime import local_times
from metrify.panel import Panel

__all__ = ["FEATURES", "LOOKBACK_DAYS", "reading_frame"]

FEATURES = (
    Feature("usual", TARGET_UNIT, "median of this and the neighbouring hours of the week over the last 4 weeks"),
    Feature(
        "spread", TARGET_UNIT, "robust deviation of this hour over the last 28 days; at least a tenth of the level"
    ),
    Feature("zscore", "spreads", "value minus usual"),
    Feature("change", "spreads", "value minus the reading before"),
    Feature("day_ratio", "ratio", "the last 24 hours against what is expected of the same hours"),
    Feature("week_ratio", "ratio", "the last 7 days against what is expected of the same hours"),
    Feature("day_zscore", "spreads of a day", "mean of the last 24 hours minus what is expected of the same hours"),
    Feature("peak_ratio", "ratio", "value against the third highest daily maximum of its size in the last 28 days"),
    Feature("same_hours", "h", "how long the value, not zero, has been the same; 168 at most"),
    Feature("zero_hours", "h", "how long the value has been zero; 168 at most"),
    Feature("known_28d", "share", "share of the intervals of the last 28 days that are known"),
)

LOOKBACK_DAYS = 36
"""A week of trailing windows, whose expectations reach back four weeks; one day for slots, clocks and whole days."""


def reading_frame(
    found: Validated,
    *,
    since: np.datetime64 | None = None,
    until: np.datetime64 | None = None,
    residual: bool = False,
) -> pd.DataFrame:
    """One row per known reading whose interval starts in [`since`, `until`) [UTC], by meter and time.

    Columns: meter_id (categorical), timestamp (datetime64[s]), value (the reading as it came), FEATURES (float32), and
    flagged: whether a rule refused the reading at once. What is usual comes from `found.history`, and of that only
    what was known when the reading's own interval ended; of late values so from `found.available` on. With `residual`
    the features of `metrify.features.residual` are there too, which take as long again.
    """
    panel, span = _wanted(found.raw, since, until)
    grid = _grid(panel, found.calendar.zone)
    offset = found.raw.index(panel.start) if panel.values.shape[1] else 0
    columns = slice(offset, offset + panel.values.shape[1])
    history = np.ascontiguousarray(found.history.values[:, columns])
    available = None if found.available is None else found.available[:, columns]
    known = panel.mask[:, slice(*span)]
    counts = known.sum(axis=1)
    table = np.empty((len(STATISTICS) + len(RESIDUALS) * residual, int(counts.sum())), np.float32)
    first = 0
    for m, count in enumerate(counts):
        if not count:
            continue
        mine = table[:, first : first + count]
        readings, (known_at, late) = np.ascontiguousarray(panel.values[m]), _arrivals(available, m, grid[0])
        describe(readings, history[m], (known_at, late), grid, span, mine[: len(STATISTICS)])
        if residual:
            describe_residuals(readings, history[m], known_at, grid, span, mine[len(STATISTICS) :])
        first += count
    return _frame(panel, table, known, span, np.isnan(history[:, slice(*span)]))


def _wanted(raw: Panel, since: np.datetime64 | None, until: np.datetime64 | None) -> tuple[Panel, tuple[int, int]]:
    """The part of the panel that these rows can depend on, and the first and end column of the rows in it."""
    length = raw.values.shape[1]
    first = 0 if since is None else min(max(_first_from(raw, since), 0), length)
    end = length if until is None else min(max(_first_from(raw, until), first), length)
    back = LOOKBACK_DAYS * 1440 // raw.step_minutes
    left = max(first - back, 0)
    start = raw.start + left * np.timedelta64(raw.step_minutes * 60, "s")
    return Panel(raw.meter_ids, start, raw.step_minutes, raw.values[:, left:end]), (first - left, end - left)


def _first_from(raw: Panel, time: np.datetime64) -> int:
    """Column of the first interval that starts at or after `time`."""
    seconds = (np.datetime64(time, "s") - raw.start) // np.timedelta64(1, "s")
    return -int(-seconds // (raw.step_minutes * 60))


def _grid(panel: Panel, zone: str) -> tuple:
    """What `describe` wants to know of time: the same for all meters."""
    step, slots = panel.step_minutes, slots_per_day(panel.step_minutes)
    local = local_times(panel.times, zone)
    day = local.day.astype(np.int64) - (int(local.day.min()) if len(local.day) else 0)
    cell = day * slots + local.minute // step
    at = np.full((int(day.max()) + 1 if len(day) else 0) * slots, -1, np.int64)
    at[cell] = np.arange(len(cell))  # of the repeated hour of autumn the second one is remembered
    ends = panel.times.astype(np.int64) + step * 60
    reach = 0 if step > 60 else max(30 // step, 1)
    return ends, day, cell, at, slots, reach, step / 60


def _arrivals(
    available: NDArray[np.int64] | None, meter: int, ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each of a meter's values came, and which of them came late, in the order in which they came."""
    if available is None or not available[meter].any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    known_at = np.ascontiguousarray(available[meter])
    late = np.flatnonzero(known_at > ends)
    return known_at, late[np.argsort(known_at[late], kind="stable")]


def _frame(
    panel: Panel,
    table: NDArray[np.float32],
    known: NDArray[np.bool_],
    span: tuple[int, int],
    distrusted: NDArray[np.bool_],
) -> pd.DataFrame:
    meter, column = np.nonzero(known)
    frame = pd.DataFrame(table[: len(STATISTICS)].T, columns=list(STATISTICS), copy=False)
    if len(table) > len(STATISTICS):
        around = residuals(frame["value"].to_numpy(), frame["spread"].to_numpy(), table[len(STATISTICS) :])
        frame = frame.assign(**around)
    frame.insert(0, "meter_id", pd.Categorical.from_codes(meter.astype(np.int32), panel.meter_ids))
    frame.insert(1, "timestamp", panel.times[slice(*span)][column])
    frame["flagged"] = distrusted[known]
    return frame
