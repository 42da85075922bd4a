"""Estimates made to agree with the counter: what it counted over a gap is what was used in it.

A bracket is the stretch between two states of the counter that follow each other, with estimates in it. What the
counter counted, less what was read in the bracket, belongs to its estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.ladder.draft import Draft
from metrify.vee.ladder.segments import Floats, Ints
from metrify.vee.rules.counter import REGISTERS, continued, last_digit

__all__ = ["REFUSALS", "Factors", "factors"]

_COUNTER = {column: counter for counter, column in REGISTERS.items()}
REFUSALS = {
    2: "the device was exchanged in between",
    3: "the register ran backwards",
    4: "the readings beside the gap already sum to more than the register counted",
    5: "the register counted more than the meter ever used",
    6: "a reading in between cannot be used",
    7: "a rule would flag what the register counted",
}
"""Why estimates are not scaled, by outcome; 0: the register agrees; 1: they are."""


@dataclass(frozen=True)
class Factors:
    """What the counters say of the estimates of B brackets, [B] each."""

    row: Ints
    first: Ints
    """first estimated column"""
    until: Ints
    """column after the last estimated one"""
    outcome: Ints
    """0, 1, or a key of REFUSALS"""
    remainder: NDArray[np.float64]
    """what the estimates have to sum to [kWh]"""
    estimated: NDArray[np.float64]
    """what they sum to [kWh]"""
    digit: NDArray[np.float64]
    """the counter's last digit [kWh] where the bracket is a single interval, else 0"""

    def apply(self, draft: Draft) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
        """Estimates, lower and upper ends that sum to what is left for each bracket, and which are scaled, [N] each.

        Estimates of nothing share what is left evenly. What the counter says of a single interval is known to its last
        digit, and so wide is the band.
        """
        keep = self.outcome == 1
        left, total = self.remainder[keep], self.estimated[keep]
        begin, end = (draft.place(self.row[keep], column[keep]) for column in (self.first, self.until))
        factor, more = np.ones(len(draft.row)), np.zeros(len(draft.row))
        lengths = end - begin
        bracket = np.repeat(np.arange(len(begin)), lengths)
        mine = np.arange(len(bracket)) - np.repeat(np.cumsum(lengths) - lengths - begin, lengths)
        some = total > 0
        factor[mine] = np.where(some, left / np.where(some, total, 1), 0)[bracket]
        more[mine] = np.where(some, 0, left / lengths)[bracket]
        values, low, high = (
            (array * factor + more).astype(np.float32) for array in (draft.values, draft.low, draft.high)
        )
        scaled = np.zeros(len(draft.row), bool)
        scaled[mine] = True
        self._narrow(draft, values, low, high)
        return values, low, high, scaled

    def alone(self, draft: Draft) -> NDArray[np.bool_]:
        """Which estimates are what the counter says of a single interval, [N]."""
        mine, found = (self.digit > 0) & (self.outcome == 1), np.zeros(len(draft.row), bool)
        found[draft.place(self.row[mine], self.first[mine])] = True
        return found

    def _narrow(self, draft: Draft, values: Floats, low: Floats, high: Floats) -> None:
        """The band of single intervals, in place: what was counted, give or take the last digit."""
        known = (self.digit > 0) & (self.outcome <= 1)
        place = draft.place(self.row[known], self.first[known])
        left, digit, scaled = (array[known] for array in (self.remainder, self.digit, self.outcome))
        least, most = np.maximum(left - digit, 0), left + digit
        # an estimate that agrees with a coarse counter may be known better than by the counter
        least = np.where(scaled, least, np.maximum(least, low[place]))
        most = np.where(scaled, most, np.minimum(most, high[place]))
        low[place], high[place] = np.minimum(least, values[place]), np.maximum(most, values[place])


def factors(evidence: Evidence, usable: Floats, draft: Draft, settings: VeeSettings) -> Factors:
    """What the counter of the panel's column says of the estimates of a draft beside the `usable` readings [M, T].

    A difference that the counter's last digit cannot tell is none, but where the brackets of a gap differ by more when
    they are taken together. Of a meter with readings below zero nothing is said: its counter has one direction, its
    readings two.
    """
    register = evidence.channels.get(_COUNTER.get(evidence.column, ""))
    found = [np.empty((7, 0))]
    if register is not None:
        rows = np.unique(draft.row)
        rows = rows[~(usable[rows] < 0).any(axis=1)]
        fresh = np.zeros(usable.shape, bool) if evidence.exchanged is None else evidence.exchanged
        begin, end = np.searchsorted(draft.row, rows), np.searchsorted(draft.row, rows, side="right")
        for k, states in enumerate(continued(register.values[rows], fresh[rows])):
            row, mine = rows[k], slice(begin[k], end[k])
            estimates = np.full(len(states), np.nan, np.float32)
            estimates[draft.column[mine]] = draft.values[mine]
            free = np.zeros(len(states), bool)
            free[draft.column[mine]] = draft.free[mine]
            said = _brackets(usable[row], estimates, states, fresh[row], free, settings.spike_factor)
            found.append(np.concatenate([np.full((1, said.shape[1]), row), said]))
    columns = np.concatenate(found, axis=1)
    row, first, until, outcome = columns[:4].astype(np.int64)
    return Factors(row, first, until, outcome, *columns[4:])


@njit(cache=True)
def _brackets(usable, estimates, states, fresh, free, spike_factor):  # pragma: no cover - compiled
    """First, until, outcome, remainder, estimated sum and last digit of each bracket of one meter."""
    out = np.empty((6, len(estimates)))
    digit = last_digit(states)
    counter = spike_factor * _highest(usable), digit
    found, before = 0, -1
    for t in range(len(estimates)):
        if not np.isfinite(states[t]):
            continue
        first, until = _ends(estimates, before + 1, t + 1)
        if before >= 0 and first < until:
            inside = slice(before + 1, t + 1)
            counted = states[t] - states[before]
            outcome, left, total = _settle(usable[inside], estimates[inside], fresh[inside], counted, counter)
            outcome = 7 if outcome <= 1 and free[inside].any() else outcome
            alone = digit if t - before == 1 else 0.0
            for place, fact in enumerate((float(first), float(until), float(outcome), left, total, alone)):
                out[place, found] = fact
            found += 1
        before = t
    _together(out[:, :found], digit)
    return out[:, :found]


@njit(cache=True)
def _together(brackets, digit):  # pragma: no cover - compiled
    """Brackets of one gap that agree one by one, within the last digit, but not together share what is left."""
    first, until, outcome, left, total = brackets[:5]
    begin = 0
    for k in range(1, len(first) + 1):
        if k < len(first) and first[k] == until[k - 1]:
            continue
        more, estimated, agree = 0.0, 0.0, 0
        for b in range(begin, k):
            if outcome[b] == 0:
                more, estimated, agree = more + left[b] - total[b], estimated + total[b], agree + 1
        if abs(more) > digit:
            for b in range(begin, k):
                if outcome[b] == 0:
                    share = total[b] / estimated if estimated > 0 else 1 / agree
                    outcome[b], left[b] = 1, max(total[b] + more * share, 0.0)
        begin = k


@njit(cache=True)
def _highest(values):  # pragma: no cover - compiled
    highest = 0.0
    for value in values:
        if np.isfinite(value):
            highest = max(highest, abs(value))
    return highest


@njit(cache=True)
def _ends(estimates, first, until):  # pragma: no cover - compiled
    """First estimated column of a stretch, and the column after the last; they are equal where there is none."""
    while first < until and not np.isfinite(estimates[first]):
        first += 1
    while first < until and not np.isfinite(estimates[until - 1]):
        until -= 1
    return first, until


@njit(cache=True)
def _settle(usable, estimates, fresh, counted, counter):  # pragma: no cover - compiled
    """Outcome, what is left for the estimates, and their sum."""
    limit, digit = counter
    read, total, highest, number = 0.0, 0.0, 0.0, 0
    for c in range(len(estimates)):
        if np.isfinite(estimates[c]):
            total += estimates[c]
            highest = max(highest, estimates[c])
            number += 1
        elif np.isfinite(usable[c]):
            read += usable[c]
        else:
            return 6, 0.0, total
    if fresh.any():
        return 2, 0.0, total
    if counted < -digit:
        return 3, 0.0, total
    left = counted - read
    if left < -digit:
        return 4, left, total
    if abs(left - total) <= digit:
        return 0, left, total
    left = max(left, 0.0)
    peak = highest * left / total if total > 0 else left / number
    return (5, left, total) if peak > limit else (1, left, total)
