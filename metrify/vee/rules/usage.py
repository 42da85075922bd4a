"""Rules about how much was used in a day, against the meter's own like days."""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.localdays import DaySlots
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.rule import Rule

__all__ = ["RULES"]

_KNOWN = 0.72
"""A day with less than this share of the readings of the longest day is not judged and judges no other."""
_LIKE_DAYS = 6
"""With fewer like days nothing is usual."""


def _high_usage(evidence: Evidence, settings: VeeSettings) -> Found:
    """A day with more than `high_usage_factor` times the highest like day of `usage_weeks`: read again before billing.

    Like are working days, and days off, which are weekends and the public holidays of the place. What is compared is
    the mean of the day's intervals, so that days of 23 and 25 hours count for what they are.
    """
    return _against_like_days(evidence, settings, settings.high_usage_factor, high=True)


def _low_usage(evidence: Evidence, settings: VeeSettings) -> Found:
    """A day with less than `low_usage_factor` times the lowest like day of `usage_weeks`: a fault, a theft, a move."""
    return _against_like_days(evidence, settings, settings.low_usage_factor, high=False)


def _not_yet(evidence: Evidence, settings: VeeSettings) -> Found:
    """Nothing: a day's use is known when it is over."""
    return np.zeros(evidence.panel.values.shape, bool)


def _against_like_days(evidence: Evidence, settings: VeeSettings, factor: float, *, high: bool) -> Found:
    values = np.ascontiguousarray(evidence.panel.values)
    found = np.zeros(values.shape, bool)
    days = DaySlots.of(evidence.panel, evidence.calendar)
    edges = np.searchsorted(days.day, np.arange(len(days.kind) + 1))
    _judge(values, edges, days.kind > 0, 7 * settings.usage_weeks, factor, high, found)
    return found


@njit(cache=True)
def _judge(values, edges, off, back, factor, high, found):  # pragma: no cover - compiled
    means = np.empty(len(off), np.float32)
    for m in range(values.shape[0]):
        _means(values[m], edges, means)
        for d in range(len(off)):
            extreme = _extreme(means, off, d, back, high)
            if extreme > 0 and (means[d] > factor * extreme if high else means[d] < factor * extreme):
                for t in range(edges[d], edges[d + 1]):
                    found[m, t] = np.isfinite(values[m, t])


@njit(cache=True)
def _means(row, edges, means):  # pragma: no cover - compiled
    """The mean of each day's readings; NaN for a day of which too little is known."""
    longest = 0
    for d in range(len(means)):
        longest = max(longest, edges[d + 1] - edges[d])
    for d in range(len(means)):
        total, known = 0.0, 0
        for t in range(edges[d], edges[d + 1]):
            if np.isfinite(row[t]):
                total += row[t]
                known += 1
        means[d] = total / known if known > 0 and known >= _KNOWN * longest else np.nan


@njit(cache=True)
def _extreme(means, off, d, back, high):  # pragma: no cover - compiled
    """The highest, or lowest, mean of the like days before d; 0: too few are known."""
    count, extreme = 0, np.float32(0)
    for e in range(max(d - back, 0), d):
        if off[e] == off[d] and means[e] == means[e]:
            extreme = means[e] if count == 0 or (means[e] > extreme) == high else extreme
            count += 1
    return extreme if count >= _LIKE_DAYS else np.float32(0)


RULES = (
    Rule(
        "high_usage",
        8,
        "warning",
        "far more in the day than on any like day of the weeks before",
        _high_usage,
        _not_yet,
    ),
    Rule(
        "low_usage", 9, "warning", "far less in the day than on any like day of the weeks before", _low_usage, _not_yet
    ),
)
