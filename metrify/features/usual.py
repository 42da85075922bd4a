"""What is usual of one meter at each of its readings, by what was known when the interval of the reading ended.

One pass in time: a value enters all windows when it becomes known, so that nothing can look ahead.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.selection import select

__all__ = ["STATISTICS", "describe"]

STATISTICS = (
    "value",
    "usual",
    "spread",
    "zscore",
    "change",
    "day_ratio",
    "week_ratio",
    "day_zscore",
    "peak_ratio",
    "same_hours",
    "zero_hours",
    "known_28d",
)
"""What `describe` writes, in this order."""

_WEEKS, _DAYS = 4, 28
_LEAST_WEEKS, _LEAST_DAYS = 2, 3
_LEAST_DIFFERENCES = 7
_MAD = 1.4826  # makes the median absolute deviation of a normal distribution its standard deviation
_FLOOR = 0.1
_TINY = 1e-6
_MOST_HOURS = 168.0


@njit(cache=True)
def describe(raw, history, arrivals, grid, rows, out):  # pragma: no cover - compiled
    """Write the STATISTICS of one meter's readings in `rows` (first, until) to `out`, shape [K, readings].

    `raw` and `history` [T] are its readings and those that can be trusted. `arrivals` are when late values came [T, or
    0 for none] and which came late, in that order. `grid` are the ends of intervals [T, s], their local day and their
    cell in the grid of days x slots [T], the interval of each cell or -1, the slots of a day, how many neighbour slots
    on each side are pooled, and the hours of an interval.
    """
    known_at, late = arrivals
    ends, day, cell, at, slots, reach, step_hours = grid
    seen = np.full(len(raw), np.float32(np.nan))
    expected = np.full(len(raw), np.float32(np.nan))
    daily = np.zeros((4, day.max() + 1))
    totals = np.zeros((2, 4))
    lengths = (max(round(24 / step_hours), 1), max(round(168 / step_hours), 1))
    recent = np.full(slots, np.nan)
    window = np.empty(_DAYS * (2 * reach + 1), np.float32)
    today, arrived, row, same = -1, 0, 0, 0
    about = (0.0, np.nan, np.nan, 0.0)
    for t in range(rows[1]):
        _leave(t, lengths, seen, expected, totals)
        while arrived < len(late) and known_at[late[arrived]] <= ends[t]:
            _learn(late[arrived], t, history, day, lengths, seen, expected, totals, daily)
            arrived += 1
        if day[t] > today:
            today = day[t]
            about = _days_before(daily, today, slots)
        usual, expected[t], spread = _usual(seen, at, cell[t], slots, reach, window)
        spread = max(_smooth(recent, cell[t] % slots, spread), _FLOOR * about[0], _TINY)
        goes_on = t > 0 and raw[t] == raw[t - 1] and (len(known_at) == 0 or known_at[t - 1] <= ends[t])
        same = same + 1 if goes_on else 1
        if t >= rows[0] and not np.isnan(raw[t]):
            before = seen[t - 1] if t > 0 else np.float32(np.nan)
            hours = min(same * step_hours, _MOST_HOURS)
            _answer(raw[t], usual, expected[t], spread, before, totals, lengths, about, hours, out[:, row])
            row += 1
        if len(known_at) == 0 or known_at[t] <= ends[t]:
            _learn(t, t, history, day, lengths, seen, expected, totals, daily)


@njit(cache=True)
def _answer(value, usual, expected, spread, before, totals, lengths, about, hours, out):  # pragma: no cover
    level, day_spread, high, known = about
    spread = np.nan if np.isnan(usual) else spread
    out[0] = value
    out[1] = usual
    out[2] = spread
    out[3] = (value - usual) / spread
    out[4] = (value - before) / spread
    out[5], excess = _ratio(value, expected, totals[0], lengths[0], level)
    out[6], _ = _ratio(value, expected, totals[1], lengths[1], level)
    out[7] = excess / day_spread
    out[8] = value / high
    out[9] = hours if value != 0 else 0.0
    out[10] = hours if value == 0 else 0.0
    out[11] = known


@njit(cache=True)
def _ratio(value, expected, totals, length, level):  # pragma: no cover
    """The window that ends with this reading against the usual of the same hours: as a ratio, and per interval."""
    count = totals[3] + 1
    if np.isnan(expected) or 2 * count < length:
        return np.nan, np.nan
    excess = totals[0] + value - totals[1] - expected
    return 1 + excess / max(totals[2] + abs(expected), _FLOOR * level * count, _TINY), excess / count


@njit(cache=True)
def _learn(c, t, history, day, lengths, seen, expected, totals, daily):  # pragma: no cover
    """The value of interval `c` is known now, at `t`."""
    value = history[c]
    if np.isnan(value):
        return
    seen[c] = value
    daily[0, day[c]] += value
    daily[1, day[c]] += abs(value)
    daily[2, day[c]] += 1
    daily[3, day[c]] = max(daily[3, day[c]], abs(value))
    for k in range(2):
        if c > t - lengths[k]:
            _count(totals[k], value, expected[c], 1)


@njit(cache=True)
def _leave(t, lengths, seen, expected, totals):  # pragma: no cover
    """The interval that falls out of each trailing window as interval `t` enters."""
    for k in range(2):
        gone = t - lengths[k]
        if gone >= 0:
            _count(totals[k], seen[gone], expected[gone], -1)


@njit(cache=True)
def _count(totals, value, expected, sign):  # pragma: no cover
    if not np.isnan(value) and not np.isnan(expected):
        totals[0] += sign * np.float64(value)
        totals[1] += sign * np.float64(expected)
        totals[2] += sign * np.float64(abs(expected))
        totals[3] += sign


@njit(cache=True)
def _days_before(daily, today, slots):  # pragma: no cover
    """Of the 28 days before: mean size, spread of a day's mean, third highest daily maximum, share known.

    The spread is that of differences from the week before, so that weekends do not widen it.
    """
    first = max(today - _DAYS, 0)
    count = daily[2, first:today].sum()
    level = daily[1, first:today].sum() / max(count, 1)
    differences, number = np.empty(_DAYS, np.float32), 0
    for d in range(first + 7, today):
        if min(daily[2, d], daily[2, d - 7]) >= 0.75 * slots:
            differences[number] = abs(daily[0, d] / daily[2, d] - daily[0, d - 7] / daily[2, d - 7])
            number += 1
    floor = max(_FLOOR * level, _TINY)
    spread = max(_median(differences, number) * _MAD / np.sqrt(2.0), floor) if number >= _LEAST_DIFFERENCES else np.nan
    highest = np.sort(daily[3, first:today])
    high = max(highest[-3], floor) if len(highest) >= 3 and count > 0 else np.nan
    return level, spread, high, min(count / (_DAYS * slots), 1.0)


@njit(cache=True)
def _usual(seen, at, cell, slots, reach, window):  # pragma: no cover
    """Median and trimmed mean of like hours of the week, or of all days where that is too little; and a spread.

    The spread is the median absolute deviation of like hours of all days: a week has too few for a stable one.
    """
    count = 0
    for week in range(1, _WEEKS + 1):
        count = _gather(seen, at, cell - 7 * slots * week, reach, window, count)
    if count >= _LEAST_WEEKS * (2 * reach + 1):
        mean, usual = _trimmed(window, count), _median(window, count)
        count = _every_day(seen, at, cell, slots, 0, window)
        return usual, mean, _deviation(window, count, _median(window, count))
    count = _every_day(seen, at, cell, slots, reach, window)
    if count < _LEAST_DAYS * (2 * reach + 1):
        return np.nan, np.nan, np.nan
    mean, usual = _trimmed(window, count), _median(window, count)
    return usual, mean, _deviation(window, count, usual)


@njit(cache=True)
def _every_day(seen, at, cell, slots, reach, window):  # pragma: no cover
    count = 0
    for back in range(1, _DAYS + 1):
        count = _gather(seen, at, cell - slots * back, reach, window, count)
    return count


@njit(cache=True)
def _deviation(window, count, middle):  # pragma: no cover
    for k in range(count):
        window[k] = abs(window[k] - middle)
    return _median(window, count) * _MAD


@njit(cache=True)
def _smooth(recent, slot, spread):  # pragma: no cover
    """Mean with the latest spreads of the neighbour slots; `recent` [slots] remembers this one for them."""
    if not np.isnan(spread):
        recent[slot] = spread
    total, count = 0.0, 0
    for neighbour in (slot - 1, slot, slot + 1):
        found = recent[neighbour % len(recent)]
        if not np.isnan(found):
            total += found
            count += 1
    return total / max(count, 1)


@njit(cache=True)
def _gather(seen, at, cell, reach, window, count):  # pragma: no cover
    for c in range(max(cell - reach, 0), min(cell + reach + 1, len(at))):
        if at[c] >= 0 and not np.isnan(seen[at[c]]):
            window[count] = seen[at[c]]
            count += 1
    return count


@njit(cache=True)
def _trimmed(window, count):  # pragma: no cover
    """Mean without the highest and the lowest: less shy of bursts than the median, so that sums can be compared."""
    total, low, high = 0.0, window[0], window[0]
    for k in range(count):
        total += window[k]
        low, high = min(low, window[k]), max(high, window[k])
    return (total - low - high) / (count - 2) if count > 2 else total / count


@njit(cache=True)
def _median(window, count):  # pragma: no cover
    """Median of the first `count` values, which are reordered."""
    if count == 0:
        return np.nan
    half = count // 2
    select(window, count, half)
    if count % 2:
        return np.float64(window[half])
    low = window[0]
    for k in range(1, half):
        low = max(low, window[k])
    return (np.float64(low) + np.float64(window[half])) / 2
