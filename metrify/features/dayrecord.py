"""What the rules said of a local day and of those before it, as it was known when the day's grace was over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrify.features.feature import Feature
from metrify.features.sources import Validated
from metrify.localdays import Daily, LocalDays, days_since, ratio, trailing_sum
from metrify.vee.rules import RULES, flagged, to_estimate

__all__ = ["DEFECTS", "FEATURES", "LOOKBACK_DAYS", "SEVERITY", "marks", "record"]

LOOKBACK_DAYS = 28
"""Local days, the row's own among them, that the features of a row look back on."""

_WINDOWS = (7, LOOKBACK_DAYS)
_GRAVEST = ("gap", "error", "warning", "info")
_WORDS = {
    "gap": "missing",
    "duplicate": "reported more than once with different values",
    "negative": "below zero without generation",
    "stuck": "stuck at one value",
    "spike": "far above the meter's own high readings",
    "zero_run": "zero for long where that is not usual",
    "high_usage": "of a day of far more use than is usual",
    "low_usage": "of a day of far less use than is usual",
    "jump": "far from the reading before",
    "interpolated": "on a straight line, as if estimated",
}
"""Rules that the series itself shows by the end of the day; a wrong clock or a ceiling shows only weeks later."""
_AT_DAYS_END = frozenset({"high_usage", "low_usage"})
"""Those that hindsight judges by the day and the days before it."""

SEVERITY: dict[str, str] = {rule.name: "gap" if rule.name == "gap" else rule.severity for rule in RULES}
"""gap, error, warning or info, by rule."""
DEFECTS: dict[str, str] = dict(sorted(_WORDS.items(), key=lambda rule: _GRAVEST.index(SEVERITY[rule[0]])))
"""Rules of which a day has a share, by name, the gravest first, in words that end "3 of 24 intervals ..."."""

_SHARES = {
    **{name: f"intervals {words}" for name, words in DEFECTS.items()},
    "valid": "intervals with a reading that no rule of severity error flagged",
    "late": "intervals whose reading came after they ended, but within the day's grace",
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
)


def marks(found: Validated, days: LocalDays, grace: np.timedelta64) -> dict[str, NDArray[np.bool_]]:
    """What each interval counts as, by what was known when the grace of its day was over; each of shape [M, T].

    `here` is whether its reading had come. An interval of which several rules hold counts for the gravest alone. What
    is said of a day as a whole is not said of one of which a reading is missing: it may come later.
    """
    known_by = days.spread((days.starts[1:] + grace).astype(np.int64))
    known = found.raw.mask
    late = np.zeros(known.shape, bool) if found.available is None else known & (found.available > 0)
    here = known if found.available is None else known & (found.available <= known_by)
    # the gap rule waits for the next reading, of which nothing is known yet
    said = {"gap": np.logical_or.accumulate(known, axis=1) & ~here}
    spoken_for = ~here
    incomplete = days.spread(days.sums(said["gap"]) > 0)
    for name in list(DEFECTS)[1:]:
        holds = flagged(found.hindsight, name) & ~incomplete if name in _AT_DAYS_END else flagged(found.flags, name)
        if name == "duplicate" and found.repeated is not None:
            holds = holds | ((found.repeated > 0) & (found.repeated <= known_by))
        said[name] = holds & ~spoken_for
        spoken_for = spoken_for | holds
    return said | {"here": here, "valid": here & ~to_estimate(found.flags), "late": late & here}


def record(found: Validated, days: LocalDays, said: dict[str, NDArray[np.bool_]]) -> dict[str, Daily]:
    """Every feature, [M, D], of what `marks` said."""
    intervals = days.sums(np.logical_or.accumulate(found.raw.mask, axis=1))
    counts = {name: days.sums(said[name]) for name in _SHARES}
    faulty = counts["valid"] < intervals
    begun = intervals > 0
    columns = {"intervals": intervals} | {f"{name}_share": ratio(counts[name], intervals) for name in _SHARES}
    for window in _WINDOWS:
        there = trailing_sum(intervals, window)
        columns |= {f"{name}_share_{window}d": ratio(trailing_sum(counts[name], window), there) for name in _SHARES}
        columns[f"faulty_{window}d"] = ratio(trailing_sum(faulty, window), trailing_sum(begun, window))
    columns["days_known"] = trailing_sum(begun, LOOKBACK_DAYS)
    columns["days_since_fault"] = days_since(faulty, LOOKBACK_DAYS)
    hours = found.raw.step_minutes / 60
    columns["longest_gap_hours"], columns["open_gap_hours"] = (run * hours for run in days.runs(said["gap"]))
    return columns
