"""Rows of meter-days: what the rules said of a local day, what was read, and whether the next needs estimation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features import daycontent, dayrecord
from metrify.features.dayrecord import DEFECTS, LOOKBACK_DAYS, marks
from metrify.features.feature import Feature
from metrify.features.sources import Validated
from metrify.localdays import Daily, LocalDays
from metrify.vee.rules import to_estimate

__all__ = ["DEFECTS", "FEATURES", "LOOKBACK_DAYS", "day_frame"]

_CALENDAR = (
    Feature("weekday", "", "day of the week, 0 is Monday"),
    Feature("is_day_off", "0 or 1", "whether the local day is a weekend or a public holiday"),
    Feature("is_eve", "0 or 1", "whether the next local day is a weekend or a public holiday"),
)
FEATURES: tuple[Feature, ...] = (*dayrecord.FEATURES, *daycontent.FEATURES, *_CALENDAR)


def day_frame(
    found: Validated,
    grace_hours: float,
    *,
    since: np.datetime64 | None = None,
    until: np.datetime64 | None = None,
) -> pd.DataFrame:
    """One row per meter and local day, from the day of the meter's first reading to that of its last, in this order.

    Columns: meter_id; local_date (datetime64[s], midnight without a zone); issue_time (`grace_hours` after the end of
    the day, datetime64[s] UTC); FEATURES (float32); and `target`: 1.0 where the next local day needs estimation, 0.0
    where it does not, NaN where the readings do not cover it to the end of its own grace. Only days that begin from
    `since` on and before `until` [UTC] are there; the features look at what was before all the same.

    The features are of the intervals of the day and of those before it, as they were known at the issue time: a
    reading that came later is missing on its day, for the features and for the target of the day before alike, and
    what the rules only see in hindsight is in neither. So a fleet that is collected by night is not taken for one that
    is silent. A day whose grace is not over counts as far as is known.
    """
    if not found.raw.values.shape[1]:
        columns = {name: np.empty(0, np.float32) for name in _NAMES}
        times = {name: np.empty(0, "datetime64[s]") for name in ("local_date", "issue_time")}
        return pd.DataFrame({"meter_id": np.empty(0, object), **times, **columns})
    days = LocalDays.of(found.raw, found.calendar.zone)
    grace = np.timedelta64(round(grace_hours * 3600), "s")
    said = marks(found, days, grace)
    columns = dayrecord.record(found, days, said) | daycontent.content(found, days, said) | _calendar(found, days)
    columns["target"] = _target(found, days, said["here"], grace)
    meter, day = np.nonzero(_observed(found, days) & _begins_within(days, since, until))
    keys = {
        "meter_id": found.raw.meter_ids[meter].astype(object),
        "local_date": days.dates[day].astype("datetime64[D]").astype("datetime64[s]"),
        "issue_time": (days.starts[1:] + grace)[day],
    }
    return pd.DataFrame(keys | {name: columns[name][meter, day].astype(np.float32) for name in _NAMES})


_NAMES = (*(feature.name for feature in FEATURES), "target")


def _begins_within(days: LocalDays, since: np.datetime64 | None, until: np.datetime64 | None) -> NDArray[np.bool_]:
    first = days.starts[0] if since is None else np.datetime64(since, "s")
    end = days.starts[-1] if until is None else np.datetime64(until, "s")
    return (days.starts[:-1] >= first) & (days.starts[:-1] < end) & (days.lengths > 0)


def _calendar(found: Validated, days: LocalDays) -> dict[str, Daily]:
    dates = np.append(days.dates, days.dates[-1] + 1)
    weekday = (dates + 3) % 7  # 1970-01-01 was a Thursday
    off = found.calendar.off_days(dates) | (weekday >= 5)
    columns = {"weekday": weekday[:-1], "is_day_off": off[:-1], "is_eve": off[1:]}
    shape = (len(found.raw.meter_ids), len(days.dates))
    return {name: np.broadcast_to(values.astype(np.float64), shape) for name, values in columns.items()}


def _target(found: Validated, days: LocalDays, here: NDArray[np.bool_], grace: np.timedelta64) -> Daily:
    """Whether the next day needs estimation: a reading had not come by its grace, or a rule called it wrong at once.

    NaN where the readings do not cover the day to its end, or the panel its grace, [M, D].
    """
    needs = days.sums(~here | to_estimate(found.flags)) > 0
    last = found.raw.values.shape[1] - 1 - np.argmax(found.raw.mask[:, ::-1], axis=1)
    over = (days.lengths > 0) & (days.starts[1:] + grace <= found.raw.end)
    covered = over & (last[:, None] >= days.edges[1:] - 1) & found.raw.mask.any(axis=1)[:, None]
    target = np.full(needs.shape, np.nan)
    target[:, :-1] = np.where(covered, needs, np.nan)[:, 1:]
    return target


def _observed(found: Validated, days: LocalDays) -> NDArray[np.bool_]:
    """Days from the first to the last reading of each meter, [M, D]."""
    known = days.sums(found.raw.mask) > 0
    begun = np.logical_or.accumulate(known, axis=1)
    return begun & np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
