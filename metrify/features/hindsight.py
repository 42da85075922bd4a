"""What is known around an interval in hindsight: beside its gap, and in the same slot of the days before and after."""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.features.feature import TARGET_UNIT, Feature

__all__ = ["STATISTICS", "describe", "usual"]

_USUAL_DAYS = 14
_NEAR, _FAR = 7, 28
_EDGE = 4
_SHORT_HOURS, _LONG_HOURS = 2.0, 24.0

STATISTICS = (
    Feature("gap_hours", "h", "length of the run without usable readings that the interval is part of"),
    Feature("into_hours", "h", "from the begin of the gap to the end of the interval"),
    Feature("left_hours", "h", "from the start of the interval to the end of the gap"),
    *(Feature(f"before_{k}", TARGET_UNIT, f"reading number {k} before the gap") for k in range(1, _EDGE + 1)),
    *(Feature(f"after_{k}", TARGET_UNIT, f"reading number {k} after the gap") for k in range(1, _EDGE + 1)),
    Feature("before_2h", TARGET_UNIT, "mean of the 2 hours before the gap"),
    Feature("after_2h", TARGET_UNIT, "mean of the 2 hours after the gap"),
    Feature("before_24h", TARGET_UNIT, "mean of the 24 hours before the gap"),
    Feature("after_24h", TARGET_UNIT, "mean of the 24 hours after the gap"),
    Feature("unusual_before_2h", TARGET_UNIT, "those 2 hours before the gap minus what is usual of them"),
    Feature("unusual_after_2h", TARGET_UNIT, "those 2 hours after the gap minus what is usual of them"),
    Feature("unusual_before_24h", TARGET_UNIT, "those 24 hours before the gap minus what is usual of them"),
    Feature("unusual_after_24h", TARGET_UNIT, "those 24 hours after the gap minus what is usual of them"),
    Feature("unusual_before", TARGET_UNIT, "the reading before the gap minus what is usual of it"),
    Feature("unusual_after", TARGET_UNIT, "the reading after the gap minus what is usual of it"),
    Feature("usual", TARGET_UNIT, "mean of the slot on the 14 days before and after"),
    Feature("usual_moved", TARGET_UNIT, "usual, moved by the line from unusual_before to unusual_after"),
    Feature("beside_deviation", TARGET_UNIT, "standard deviation of the six readings on each side of the gap"),
    Feature("day_before", TARGET_UNIT, "the slot on the day before"),
    Feature("day_after", TARGET_UNIT, "the slot on the day after"),
    Feature("week_before", TARGET_UNIT, "the slot a week before"),
    Feature("week_after", TARGET_UNIT, "the slot a week after"),
    Feature("slot_median_7d", TARGET_UNIT, "median of the slot on the 7 days before and after"),
    Feature("slot_median_28d", TARGET_UNIT, "median of the slot on the 28 days before and after"),
    Feature("slot_q10_28d", TARGET_UNIT, "lowest decile of the slot on the 28 days before and after"),
    Feature("slot_q25_28d", TARGET_UNIT, "lower quartile of the slot on the 28 days before and after"),
    Feature("slot_q75_28d", TARGET_UNIT, "upper quartile of the slot on the 28 days before and after"),
    Feature("slot_q90_28d", TARGET_UNIT, "highest decile of the slot on the 28 days before and after"),
    Feature("type_median_28d", TARGET_UNIT, "median of the slot on days of the same type, 28 days before and after"),
    Feature("weekday_mean_28d", TARGET_UNIT, "mean of the slot on the same weekday, 4 weeks before and after"),
    Feature("slots_median_7d", TARGET_UNIT, "median of the slot and those beside it on the 7 days before and after"),
    Feature("slots_mean_28d", TARGET_UNIT, "mean of the slot and those beside it on the 28 days before and after"),
    Feature("spread", TARGET_UNIT, "standard deviation of the readings of 14 days before and after the gap"),
    Feature("level", TARGET_UNIT, "mean size of the readings of 14 days before and after the gap, else of all"),
)
"""What `describe` writes, in this order. A slot is an interval of the local day."""

_LEVEL_DAYS = 14
_MOST = 3 * 2 * _FAR


@njit(cache=True)
def usual(values, clock):  # pragma: no cover - compiled
    """The mean of the same slot on the 14 local days before and after, the interval's own aside, [M, T]; NaN: none."""
    day, slot, at, _ = clock
    out = np.full(values.shape, np.float32(np.nan))
    for m in range(values.shape[0]):
        for t in range(values.shape[1]):
            total, count = 0.0, 0
            for move in range(1, _USUAL_DAYS + 1):
                for other in (day[t] - move, day[t] + move):
                    value = _in_slot(values[m], at, other, slot[t])
                    if not np.isnan(value):
                        total += value
                        count += 1
            if count:
                out[m, t] = total / count
    return out


@njit(cache=True)
def describe(values, expected, cells, holes, clock, per_hour, out):  # pragma: no cover - compiled
    """Write the STATISTICS of each wanted cell to `out` [K, N].

    `values` [M, T] are usable readings, `expected` is what is `usual` of them. `cells` are the row and the column of N
    cells, `holes` [N] the first column of the run without readings that each is part of, and the one after its last.
    `clock`: day [T], slot [T], interval of each slot [D, S] and type of each day [D].
    """
    row, column = cells
    day, slot, at, kind = clock
    window = np.empty(_MOST, np.float32)
    level = spread = np.float32(np.nan)
    for n in range(len(row)):
        mine, t, first, until = values[row[n]], column[n], holes[0][n], holes[1][n]
        out[0, n] = (until - first) / per_hour
        out[1, n] = (t - first + 1) / per_hour
        out[2, n] = (until - t) / per_hour
        _beside(mine, expected[row[n]], t, first, until, per_hour, out[3:24, n])
        _other_days(mine, day[t], slot[t], at, kind, window, out[24:38, n])
        if n == 0 or row[n] != row[n - 1] or first != holes[0][n - 1]:
            reach = round(_LEVEL_DAYS * 24 * per_hour)
            level, spread = _level(mine, first - reach, until + reach)
        out[38, n] = spread
        out[39, n] = level


@njit(cache=True)
def _beside(mine, hopes, t, first, until, per_hour, out):  # pragma: no cover - compiled
    """The readings beside the gap, one by one and in the mean, and how unusual they are."""
    for k in range(_EDGE):
        out[k] = _value(mine, first - 1 - k)
        out[_EDGE + k] = _value(mine, until + k)
    short, long = max(round(_SHORT_HOURS * per_hour), 1), max(round(_LONG_HOURS * per_hour), 1)
    out[8], out[12] = _mean(mine, hopes, first - short, first)
    out[9], out[13] = _mean(mine, hopes, until, until + short)
    out[10], out[14] = _mean(mine, hopes, first - long, first)
    out[11], out[15] = _mean(mine, hopes, until, until + long)
    out[16] = out[0] - _value(hopes, first - 1)
    out[17] = out[_EDGE] - _value(hopes, until)
    share = (t - first + 1) / (until - first + 1)
    out[18] = hopes[t]
    out[19] = hopes[t] + out[16] * (1 - share) + out[17] * share
    total, square, count = 0.0, 0.0, 0
    for k in range(6):
        for value in (_value(mine, first - 1 - k), _value(mine, until + k)):
            if not np.isnan(value):
                total += value
                square += value * value
                count += 1
    out[20] = np.sqrt(max(square / count - (total / count) ** 2, 0.0)) if count else np.nan


@njit(cache=True)
def _other_days(mine, today, slot, at, kind, window, out):  # pragma: no cover - compiled
    """The slot on other days: one by one, and the middle and the spread of those near and further away."""
    out[0] = _in_slot(mine, at, today - 1, slot)
    out[1] = _in_slot(mine, at, today + 1, slot)
    out[2] = _in_slot(mine, at, today - 7, slot)
    out[3] = _in_slot(mine, at, today + 7, slot)
    out[4] = _quantile(np.sort(window[: _gather(mine, at, today, slot, _NEAR, 1, -1, kind, window)]), 0.5)
    ordered = np.sort(window[: _gather(mine, at, today, slot, _FAR, 1, -1, kind, window)])
    for k, share in enumerate((0.5, 0.1, 0.25, 0.75, 0.9)):
        out[5 + k] = _quantile(ordered, share)
    out[10] = _quantile(np.sort(window[: _gather(mine, at, today, slot, _FAR, 1, kind[today], kind, window)]), 0.5)
    count = _gather(mine, at, today, slot, _FAR, 7, -1, kind, window)
    out[11] = window[:count].mean() if count else np.nan
    out[12] = _quantile(np.sort(window[: _three_slots(mine, at, today, slot, _NEAR, kind, window)]), 0.5)
    count = _three_slots(mine, at, today, slot, _FAR, kind, window)
    out[13] = window[:count].mean() if count else np.nan


@njit(cache=True)
def _value(series, t):  # pragma: no cover - compiled
    return series[t] if 0 <= t < len(series) else np.float32(np.nan)


@njit(cache=True)
def _in_slot(mine, at, day, slot):  # pragma: no cover - compiled
    if day < 0 or day >= at.shape[0] or at[day, slot] < 0:
        return np.float32(np.nan)
    return mine[at[day, slot]]


@njit(cache=True)
def _gather(mine, at, today, slot, reach, every, wanted, kind, window):  # pragma: no cover - compiled
    """Known values of the slot on every n-th day before and after, of one type of day where `wanted` is not -1."""
    count = 0
    for move in range(every, reach + 1, every):
        for other in (today - move, today + move):
            if wanted >= 0 and 0 <= other < len(kind) and kind[other] != wanted:
                continue
            value = _in_slot(mine, at, other, slot)
            if not np.isnan(value):
                window[count] = value
                count += 1
    return count


@njit(cache=True)
def _three_slots(mine, at, today, slot, reach, kind, window):  # pragma: no cover - compiled
    """Known values of the slot and those beside it, on the days before and after."""
    count = 0
    for beside in range(max(slot - 1, 0), min(slot + 2, at.shape[1])):
        count += _gather(mine, at, today, beside, reach, 1, -1, kind, window[count:])
    return count


@njit(cache=True)
def _mean(mine, hopes, first, until):  # pragma: no cover - compiled
    """The mean of what is known of a stretch, and of how far it is from the usual."""
    total, excess, count, compared = 0.0, 0.0, 0, 0
    for t in range(max(first, 0), min(until, len(mine))):
        if not np.isnan(mine[t]):
            total += mine[t]
            count += 1
            if not np.isnan(hopes[t]):
                excess += mine[t] - hopes[t]
                compared += 1
    return (total / count if count else np.nan), (excess / compared if compared else np.nan)


@njit(cache=True)
def _level(mine, first, until):  # pragma: no cover - compiled
    """Mean size and standard deviation of what is known of a stretch; where that is nothing, or zero, of all."""
    for low, high in ((max(first, 0), min(until, len(mine))), (0, len(mine))):
        total, size, square, count = 0.0, 0.0, 0.0, 0
        for t in range(low, high):
            if not np.isnan(mine[t]):
                total += mine[t]
                size += abs(mine[t])
                square += mine[t] * mine[t]
                count += 1
        if size > 0 or (count and low == 0 and high == len(mine)):
            return np.float32(size / count), np.float32(np.sqrt(max(square / count - (total / count) ** 2, 0.0)))
    return np.float32(np.nan), np.float32(np.nan)


@njit(cache=True)
def _quantile(ordered, share):  # pragma: no cover - compiled
    """Between order statistics; NaN of none."""
    if not len(ordered):
        return np.float32(np.nan)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return np.float32(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
