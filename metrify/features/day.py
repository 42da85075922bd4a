"""Rows of meter-days: what the rules said of a local day and those before it, and whether the next needs estimation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.feature import Feature
from metrify.features.localdays import Daily, LocalDays, days_since, trailing_median, trailing_sum
from metrify.features.sources import Validated
from metrify.vee.rules import flagged, to_estimate

__all__ = ["DEFECTS", "FEATURES", "LOOKBACK_DAYS", "day_frame"]

DEFECTS: dict[str, str] = {
    "gap": "missing",
    "duplicate": "reported more than once with different values",
    "negative": "below zero without generation",
    "stuck": "stuck at one value",
    "spike": "far above the meter's own high readings",
}
"""Rules of which a day has a share, by name, in words that end "3 of 24 intervals ..."."""

LOOKBACK_DAYS = 28
"""Local days, the row's own among them, that the features of a row look back on."""

_WINDOWS = (7, LOOKBACK_DAYS)
_SHARES = {
    **{name: f"intervals {words}" for name, words in DEFECTS.items()},
    "valid": "intervals with a reading that no rule of severity error flagged",
    "late": "intervals whose reading came after they ended, but by the end of the day",
}

FEATURES: tuple[Feature, ...] = (
    Feature("intervals", "", "intervals of the day, from the meter's first reading on"),
    *(Feature(f"{name}_share", "share", f"{meaning}, of the day's") for name, meaning in _SHARES.items()),
    *(
        Feature(f"{name}_share_{days}d", "share", f"{meaning}, of those of the last {days} days")
        for days in _WINDOWS
        for name, meaning in _SHARES.items()
    ),
    *(
        Feature(f"faulty_{days}d", "share", f"days with an interval to estimate, of the last {days}")
        for days in _WINDOWS
    ),
    Feature("days_known", "d", f"days since the meter's first reading, at most {LOOKBACK_DAYS}"),
    Feature("days_since_fault", "d", f"days since one with an interval to estimate, of the last {LOOKBACK_DAYS}"),
    Feature("longest_gap_hours", "h", "longest run of missing intervals within the day"),
    Feature("open_gap_hours", "h", "run of missing intervals at the end of the day"),
    Feature("level_change", "", f"mean valid reading of the day over the median day's of the last {LOOKBACK_DAYS}"),
    Feature("weekday", "", "day of the week, 0 is Monday"),
    Feature("is_day_off", "0 or 1", "whether the local day is a weekend or a public holiday"),
    Feature("is_eve", "0 or 1", "whether the next local day is a weekend or a public holiday"),
)


def day_frame(
    found: Validated, *, since: np.datetime64 | None = None, until: np.datetime64 | None = None
) -> pd.DataFrame:
    """One row per meter and local day, from the day of the meter's first reading to that of its last, in this order.

    Columns: meter_id; local_date (datetime64[s], midnight without a zone); issue_time (end of the day, datetime64[s]
    UTC); FEATURES (float32); and `target`: 1.0 where the next local day needs estimation, 0.0 where it does not, NaN
    where the readings do not cover it to its end. Only days that begin from `since` on and before `until` [UTC] are
    there; the features look at what was before all the same. They know nothing later than their day's end: a reading
    that came later is missing on its day. A day that is not over counts as far as the panel goes.
    """
    if not found.raw.values.shape[1]:
        columns = {name: np.empty(0, np.float32) for name in _NAMES}
        times = {name: np.empty(0, "datetime64[s]") for name in ("local_date", "issue_time")}
        return pd.DataFrame({"meter_id": np.empty(0, object), **times, **columns})
    days = LocalDays.of(found.raw, found.calendar.zone)
    columns = _features(found, days) | {"target": _target(found, days)}
    first = days.starts[0] if since is None else np.datetime64(since, "s")
    end = days.starts[-1] if until is None else np.datetime64(until, "s")
    wanted = (days.starts[:-1] >= first) & (days.starts[:-1] < end) & (days.lengths > 0)
    meter, day = np.nonzero(_observed(found, days) & wanted)
    keys = {
        "meter_id": found.raw.meter_ids[meter].astype(object),
        "local_date": days.dates[day].astype("datetime64[D]").astype("datetime64[s]"),
        "issue_time": days.starts[1:][day],
    }
    return pd.DataFrame(keys | {name: columns[name][meter, day].astype(np.float32) for name in _NAMES})


_NAMES = (*(feature.name for feature in FEATURES), "target")


def _features(found: Validated, days: LocalDays) -> dict[str, Daily]:
    """Every feature, [M, D]."""
    marks = _marks(found, days)
    intervals = days.sums(np.logical_or.accumulate(found.raw.mask, axis=1))
    counts = {name: days.sums(mark) for name, mark in marks.items()}
    faulty = counts["valid"] < intervals
    begun = intervals > 0
    columns = {"intervals": intervals} | {f"{name}_share": _ratio(counts[name], intervals) for name in _SHARES}
    for window in _WINDOWS:
        there = trailing_sum(intervals, window)
        columns |= {f"{name}_share_{window}d": _ratio(trailing_sum(counts[name], window), there) for name in _SHARES}
        columns[f"faulty_{window}d"] = _ratio(trailing_sum(faulty, window), trailing_sum(begun, window))
    columns["days_known"] = trailing_sum(begun, LOOKBACK_DAYS)
    columns["days_since_fault"] = days_since(faulty, LOOKBACK_DAYS)
    hours = found.raw.step_minutes / 60
    columns["longest_gap_hours"], columns["open_gap_hours"] = (run * hours for run in days.runs(marks["gap"]))
    means = _ratio(days.sums(np.where(marks["valid"], found.raw.values, 0)), counts["valid"])
    columns["level_change"] = _ratio(means, trailing_median(means, LOOKBACK_DAYS))
    return columns | _calendar(found, days)


def _marks(found: Validated, days: LocalDays) -> dict[str, NDArray[np.bool_]]:
    """What each interval counts as at the end of its day, [M, T]."""
    ends = days.spread(days.starts[1:].astype(np.int64))
    known = found.raw.mask
    late = np.zeros(known.shape, bool) if found.available is None else known & (found.available > 0)
    here = known if found.available is None else known & (found.available <= ends)
    marks = {name: flagged(found.flags, name) & here for name in DEFECTS}
    if found.repeated is not None:
        marks["duplicate"] |= here & (found.repeated > 0) & (found.repeated <= ends)
    # the gap rule waits for the next reading, which the end of the day does not know of
    marks["gap"] = np.logical_or.accumulate(known, axis=1) & ~here
    return marks | {"valid": here & ~to_estimate(found.flags), "late": late & here}


def _calendar(found: Validated, days: LocalDays) -> dict[str, Daily]:
    dates = np.append(days.dates, days.dates[-1] + 1)
    weekday = (dates + 3) % 7  # 1970-01-01 was a Thursday
    off = found.calendar.off_days(dates) | (weekday >= 5)
    columns = {"weekday": weekday[:-1], "is_day_off": off[:-1], "is_eve": off[1:]}
    shape = (len(found.raw.meter_ids), len(days.dates))
    return {name: np.broadcast_to(values.astype(np.float64), shape) for name, values in columns.items()}


def _target(found: Validated, days: LocalDays) -> Daily:
    """Whether the next day needs estimation, as hindsight sees it; NaN where it is not covered to its end, [M, D]."""
    needs = days.sums(to_estimate(found.hindsight)) > 0
    last = found.raw.values.shape[1] - 1 - np.argmax(found.raw.mask[:, ::-1], axis=1)
    over = (days.lengths > 0) & (days.starts[1:] <= found.raw.end)
    covered = over & (last[:, None] >= days.edges[1:] - 1) & found.raw.mask.any(axis=1)[:, None]
    target = np.full(needs.shape, np.nan)
    target[:, :-1] = np.where(covered, needs, np.nan)[:, 1:]
    return target


def _observed(found: Validated, days: LocalDays) -> NDArray[np.bool_]:
    """Days from the first to the last reading of each meter, [M, D]."""
    known = days.sums(found.raw.mask) > 0
    begun = np.logical_or.accumulate(known, axis=1)
    return begun & np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]


def _ratio(part: NDArray, whole: NDArray) -> Daily:
    """NaN where there is nothing to divide by."""
    some = np.isfinite(whole) & (np.abs(whole) > 1e-9)
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=some)
