"""A meter's own high readings and high jumps: what a spike is measured by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from metrify.panel import Panel
from metrify.vee.evidence import Found

__all__ = ["WINDOW_DAYS", "Window", "above_percentile"]

WINDOW_DAYS = 28
"""Days before a reading's own (UTC) day that a rule of severity error may look at as soon as the interval is over."""
_LEVEL = 0.999
_LEAST_DAYS = 7
_BINS = 1 << 15
"""Sizes of readings are counted by their upper 16 bits, the sign left out: steps of less than one part in 128."""


@dataclass(frozen=True)
class Window:
    """The UTC days around a reading's own day that its percentile is taken over."""

    before: int
    after: int
    """0: the readings of the day itself are left out too, so that nothing later than the reading is used"""


def above_percentile(panel: Panel, factor: float, window: Window, *, jumps: bool = False) -> Found:
    """Whether a reading is larger in size than `factor` times the meter's own 99.9th percentile, [M, T].

    With `jumps`, whether its distance from the reading of the interval before it is, measured by such distances. The
    percentile is the lower of two order statistics, rounded down by less than one part in 128. Nothing is found where
    fewer than seven days' readings lie in the window, or where the percentile is zero.
    """
    found = np.zeros(panel.values.shape, bool)
    days = panel.times.astype("datetime64[D]").astype(np.int64)
    if len(days):
        edges = np.searchsorted(days, np.arange(days[0], days[-1] + 2))
        least = _LEAST_DAYS * max(1440 // panel.step_minutes, 1)
        _above(
            np.ascontiguousarray(panel.values),
            jumps,
            edges,
            window.before,
            window.after,
            least,
            np.float32(factor),
            found,
        )
    return found


@njit(cache=True)
def _above(values, jumps, edges, before, after, least, factor, found):  # pragma: no cover - compiled
    """Slide the window over the days of each meter; `place` is the bin that holds the percentile."""
    days = len(edges) - 1
    sizes = np.empty(values.shape[1], np.float32)
    bins = np.empty(values.shape[1], np.int32)
    bits = sizes.view(np.uint32)
    limit = np.empty(1, np.float32)
    for m in range(values.shape[0]):
        _sizes(values[m], jumps, sizes)
        for t in range(len(sizes)):
            bins[t] = np.int32(bits[t] >> 16) if np.isfinite(sizes[t]) else -1
        count = np.zeros(_BINS, np.int32)
        state = np.zeros(3, np.int64)  # readings in the window, readings above the bin, the bin
        first = until = 0
        for d in range(days):
            while until < min(d + after + (after > 0), days) or until < d:
                _move(bins[edges[until] : edges[until + 1]], 1, count, state)
                until += 1
            while first < d - before:
                _move(bins[edges[first] : edges[first + 1]], -1, count, state)
                first += 1
            if state[0] >= least:
                limit.view(np.uint32)[0] = _settle(count, state) << 16
                most = limit[0] * factor
                for t in range(edges[d], edges[d + 1]):
                    found[m, t] = sizes[t] > most > 0


@njit(cache=True)
def _sizes(row, jumps, sizes):  # pragma: no cover - compiled
    """The absolute readings, or their absolute distances from the ones before."""
    if not jumps:
        for t in range(len(row)):
            sizes[t] = abs(row[t])
        return
    sizes[0] = np.nan
    for t in range(1, len(row)):
        sizes[t] = abs(row[t] - row[t - 1])


@njit(cache=True)
def _move(bins, by, count, state):  # pragma: no cover - compiled
    """Take a day's readings into the window (by 1) or out of it (by -1)."""
    for place in bins:
        if place >= 0:
            count[place] += by
            state[0] += by
            if place > state[2]:
                state[1] += by


@njit(cache=True)
def _settle(count, state):  # pragma: no cover - compiled
    """The bin in which the percentile of the readings now in the window lies."""
    rank = state[0] - np.int64(_LEVEL * (state[0] - 1))  # from above, 1 is the highest
    while state[1] >= rank:
        state[2] += 1
        state[1] -= count[state[2]]
    while state[1] + count[state[2]] < rank:
        state[1] += count[state[2]]
        state[2] -= 1
    return np.uint32(state[2])
