"""Lags and rolling statistics of the same clock time on earlier days, up to the last day known at the issue time.

Windows are days by the calendar, never rows: a gap leaves fewer values in the window, it does not reach further back.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.features.daygrid import DayGrid, day_grid
from metrify.features.feature import TARGET_UNIT, Feature
from metrify.features.rows import ForecastRows
from metrify.panel import Panel

__all__ = ["FEATURES", "like_day"]

_SHORT, _LONG = 7, 28
_LONG_LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9], np.float32)

_STATISTICS = (
    ("lag_1d", "value of the slot on the last known day"),
    ("lag_2d", "value of the slot one day before the last known day"),
    ("lag_7d", "value of the slot six days before the last known day: the weekday of the day ahead"),
    ("slot_mean_7d", "mean of the slot over the last 7 known days"),
    ("slot_min_7d", "minimum of the slot over the last 7 known days"),
    ("slot_q25_7d", "lower quartile of the slot over the last 7 known days"),
    ("slot_median_7d", "median of the slot over the last 7 known days"),
    ("slot_q75_7d", "upper quartile of the slot over the last 7 known days"),
    ("slot_mean_28d", "mean of the slot over the last 28 known days"),
    ("slot_min_28d", "minimum of the slot over the last 28 known days"),
    ("slot_q10_28d", "lowest decile of the slot over the last 28 known days"),
    ("slot_q25_28d", "lower quartile of the slot over the last 28 known days"),
    ("slot_median_28d", "median of the slot over the last 28 known days"),
    ("slot_q75_28d", "upper quartile of the slot over the last 28 known days"),
    ("slot_q90_28d", "highest decile of the slot over the last 28 known days"),
    ("_workday_median_28d", "median of the slot over the workdays of the last 28 known days"),
    ("_offday_median_28d", "median of the slot over the days off of the last 28 known days"),
)
_ROW = {name: row for row, (name, _) in enumerate(_STATISTICS)}

FEATURES = (
    *(Feature(name, TARGET_UNIT, meaning) for name, meaning in _STATISTICS if not name.startswith("_")),
    Feature("daytype_median_28d", TARGET_UNIT, "median of the slot over the last 28 known days of the row's day type"),
    Feature("weekday_median_28d", TARGET_UNIT, "median of the slot on the row's weekday, the last 4 known of them"),
    Feature("smooth_median_7d", TARGET_UNIT, "slot_median_7d averaged with its neighbour slots, weights 1 2 1"),
    Feature("smooth_mean_28d", TARGET_UNIT, "slot_mean_28d averaged with its neighbour slots, weights 1 2 1"),
)


def like_day(panel: Panel, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    """The features above, each of shape [M, R], from readings that end by the row's issue time."""
    grid = day_grid(panel, rows.calendar.zone)
    days = grid.first_day + np.arange(grid.values.shape[1], dtype=np.int32)
    off = _is_off(rows, days)
    known = rows.known_day() - grid.first_day
    statistics = np.empty((len(_STATISTICS), len(panel.meter_ids), *known.shape), np.float32)
    _slide(grid.values, known, off, statistics)
    features = {name: _gather(statistics[_ROW[name]], rows) for name in _ROW if not name.startswith("_")}
    row_off = _is_off(rows, rows.local.day)
    features["daytype_median_28d"] = np.where(
        row_off,
        _gather(statistics[_ROW["_offday_median_28d"]], rows),
        _gather(statistics[_ROW["_workday_median_28d"]], rows),
    )
    features["weekday_median_28d"] = _weekday_median(grid, rows, known)
    features["smooth_median_7d"] = _gather(_smooth(statistics[_ROW["slot_median_7d"]]), rows)
    features["smooth_mean_28d"] = _gather(_smooth(statistics[_ROW["slot_mean_28d"]]), rows)
    return features


def _is_off(rows: ForecastRows, days: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Weekends and public holidays: people are at home."""
    return ((days + 3) % 7 >= 5) | rows.calendar.off_days(days)


def _gather(statistic: NDArray[np.float32], rows: ForecastRows) -> NDArray[np.float32]:
    """From [M, I, S] to the rows, [M, R]; no copy where the rows are just all slots of all issues in order."""
    meters, issues, slots = statistic.shape
    flat = rows.issue.astype(np.int64) * slots + rows.slot
    whole = statistic.reshape(meters, issues * slots)
    if len(flat) == whole.shape[1] and np.array_equal(flat, np.arange(len(flat))):
        return whole
    return whole[:, flat]


def _smooth(statistic: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average over neighbouring slots of the day; an unknown neighbour counts as the slot itself."""
    before, after = np.roll(statistic, 1, axis=2), np.roll(statistic, -1, axis=2)
    before = np.where(np.isnan(before), statistic, before)
    after = np.where(np.isnan(after), statistic, after)
    return (before + 2 * statistic + after) / np.float32(4)


def _weekday_median(grid: DayGrid, rows: ForecastRows, known: NDArray[np.int32]) -> NDArray[np.float32]:
    last = known[rows.issue, rows.slot]
    # the latest day of the row's weekday that is not after the last known day
    latest = last - (last + grid.first_day - rows.local.day) % 7
    out = np.empty((grid.values.shape[0], len(latest)), np.float32)
    _median_of_weeks(grid.values, latest.astype(np.int64), rows.slot.astype(np.int64), out)
    return out


@njit(cache=True)
def _median_of_weeks(values, latest, slot, out):  # pragma: no cover - compiled
    meters, days, _ = values.shape
    four = np.empty(4, np.float32)
    for m in range(meters):
        for r in range(len(latest)):
            count = 0
            for week in range(4):
                day = latest[r] - 7 * week
                if 0 <= day < days and not np.isnan(values[m, day, slot[r]]):
                    _insert(four, count, values[m, day, slot[r]])
                    count += 1
            out[m, r] = _quantile(four, count, np.float32(0.5))


@njit(cache=True)
def _slide(values, known, off, out):  # pragma: no cover - compiled
    """Slide sorted windows over the days of each meter and slot; `out` is [K, M, I, S] in the order of _STATISTICS."""
    meters, days, slots = values.shape
    short, long = np.empty(_SHORT + 1, np.float32), np.empty(_LONG + 1, np.float32)
    by_type = np.empty((2, _LONG + 1), np.float32)
    typed = np.zeros(2, np.int64)
    column = np.empty(days, np.float32)
    for m in range(meters):
        for s in range(slots):
            column[:] = values[m, :, s]
            in_short, in_long, day = 0, 0, -1
            typed[:] = 0
            for i in range(known.shape[0]):
                # beyond the history the windows go on moving, over nothing
                while day < known[i, s]:
                    day += 1
                    if day < days and not np.isnan(column[day]):
                        kind = 1 if off[day] else 0
                        in_short = _insert(short, in_short, column[day])
                        in_long = _insert(long, in_long, column[day])
                        typed[kind] = _insert(by_type[kind], typed[kind], column[day])
                    gone = day - _SHORT
                    if 0 <= gone < days and not np.isnan(column[gone]):
                        in_short = _remove(short, in_short, column[gone])
                    gone = day - _LONG
                    if 0 <= gone < days and not np.isnan(column[gone]):
                        kind = 1 if off[gone] else 0
                        in_long = _remove(long, in_long, column[gone])
                        typed[kind] = _remove(by_type[kind], typed[kind], column[gone])
                _describe(column, day, short, in_short, long, in_long, by_type, typed, out[:, m, i, s])


@njit(cache=True)
def _describe(column, day, short, in_short, long, in_long, by_type, typed, out):  # pragma: no cover - compiled
    out[0] = _at(column, day)
    out[1] = _at(column, day - 1)
    out[2] = _at(column, day - 6)
    out[3] = _mean(short, in_short)
    out[4] = short[0] if in_short else np.nan
    out[5] = _quantile(short, in_short, np.float32(0.25))
    out[6] = _quantile(short, in_short, np.float32(0.5))
    out[7] = _quantile(short, in_short, np.float32(0.75))
    out[8] = _mean(long, in_long)
    out[9] = long[0] if in_long else np.nan
    for k in range(len(_LONG_LEVELS)):
        out[10 + k] = _quantile(long, in_long, _LONG_LEVELS[k])
    out[15] = _quantile(by_type[0], typed[0], np.float32(0.5))
    out[16] = _quantile(by_type[1], typed[1], np.float32(0.5))


@njit(cache=True)
def _at(column, day):  # pragma: no cover - compiled
    return column[day] if 0 <= day < len(column) else np.float32(np.nan)


@njit(cache=True)
def _insert(window, count, value):  # pragma: no cover - compiled
    """Put `value` into the sorted first `count` places; the new count."""
    place = count
    while place > 0 and window[place - 1] > value:
        window[place] = window[place - 1]
        place -= 1
    window[place] = value
    return count + 1


@njit(cache=True)
def _remove(window, count, value):  # pragma: no cover - compiled
    """Take one `value` out of the sorted first `count` places; the new count."""
    place = 0
    while window[place] != value:
        place += 1
    for k in range(place, count - 1):
        window[k] = window[k + 1]
    return count - 1


@njit(cache=True)
def _mean(window, count):  # pragma: no cover - compiled
    if not count:
        return np.float32(np.nan)
    total = 0.0
    for k in range(count):
        total += window[k]
    return np.float32(total / count)


@njit(cache=True)
def _quantile(window, count, level):  # pragma: no cover - compiled
    """Linear interpolation between order statistics, as numpy's default."""
    if not count:
        return np.float32(np.nan)
    place = level * (count - 1)
    low = int(place)
    if low + 1 >= count:
        return window[count - 1]
    return window[low] + (place - low) * (window[low + 1] - window[low])
