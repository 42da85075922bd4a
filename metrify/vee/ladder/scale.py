"""Estimates made to agree with the counter: what it counted over a gap is what was used in it.

A bracket is the stretch between two known states of the counter with a gap in it. What the counter counted, less what
was read in the bracket, belongs to its estimates.
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
from metrify.vee.rules.counter import continued

__all__ = ["REFUSALS", "REGISTERS", "Factors", "factors"]

REGISTERS = {"kwh": "register_kwh", "kwh_export": "register_export_kwh"}
"""The counter of a column, its state at the end of each interval [kWh]."""
REFUSALS = {
    2: "the device was exchanged in between",
    3: "the register ran backwards",
    4: "the readings beside the gap already sum to more than the register counted",
    5: "the register counted more than the meter ever used",
    6: "a reading in between cannot be used",
}
"""Why estimates are not scaled, by outcome; 0: no register brackets the gap, or it agrees; 1: they are."""
_FINEST = 0.001
"""Finest digit that a counter is taken to show [kWh]."""
_NEAR = 1e-4
"""A state that is so near to a multiple of a digit, in digits, is one."""


@dataclass(frozen=True)
class Factors:
    """What the counters say of the estimates of B brackets, [B] each."""

    row: Ints
    first: Ints
    """first estimated column"""
    until: Ints
    """column after the last estimated one"""
    outcome: Ints
    """1, or a key of REFUSALS"""
    remainder: NDArray[np.float64]
    """what the estimates have to sum to [kWh]"""
    estimated: NDArray[np.float64]
    """what they sum to [kWh]"""

    def apply(self, draft: Draft) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
        """Estimates, lower and upper ends that sum to what is left for each bracket, and which are scaled, [N] each.

        Estimates of nothing share what is left evenly.
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
        arrays = [(array * factor + more).astype(np.float32) for array in (draft.values, draft.low, draft.high)]
        scaled = np.zeros(len(draft.row), bool)
        scaled[mine] = True
        return arrays[0], arrays[1], arrays[2], scaled


def factors(evidence: Evidence, usable: Floats, draft: Draft, settings: VeeSettings) -> Factors:
    """What the counter of the panel's column says of the estimates of a draft beside the `usable` readings [M, T].

    A difference that the counter's last digit cannot tell is none. Of a meter with readings below zero nothing is
    said: its counter has one direction, its readings two.
    """
    register = evidence.channels.get(REGISTERS.get(evidence.column, ""))
    found = [np.empty((6, 0))]
    if register is not None:
        rows = np.unique(draft.row)
        rows = rows[~(usable[rows] < 0).any(axis=1)]
        fresh = np.zeros(usable.shape, bool) if evidence.exchanged is None else evidence.exchanged
        begin, end = np.searchsorted(draft.row, rows), np.searchsorted(draft.row, rows, side="right")
        for k, states in enumerate(continued(register.values[rows], fresh[rows])):
            row, mine = rows[k], slice(begin[k], end[k])
            estimates = np.full(len(states), np.nan, np.float32)
            estimates[draft.column[mine]] = draft.values[mine]
            said = _brackets(usable[row], estimates, states, fresh[row], settings.spike_factor)
            found.append(np.concatenate([np.full((1, said.shape[1]), row), said]))
    columns = np.concatenate(found, axis=1)
    row, first, until, outcome = columns[:4].astype(np.int64)
    return Factors(row, first, until, outcome, columns[4], columns[5])


@njit(cache=True)
def _brackets(usable, estimates, states, fresh, spike_factor):  # pragma: no cover - compiled
    """First, until, outcome, remainder and estimated sum of each bracket of one meter with something to say."""
    out = np.empty((5, len(estimates)))
    counter = spike_factor * _highest(usable), _last_digit(states)
    found, t, before, width = 0, 0, -1, len(estimates)
    while t < width:
        if not np.isfinite(estimates[t]):
            before = t if np.isfinite(states[t]) else before
            t += 1
            continue
        last = _state_after(estimates, states, t)
        if before >= 0 and last < width:
            inside = slice(before + 1, last + 1)
            until = last + 1
            while not np.isfinite(estimates[until - 1]):
                until -= 1
            counted = states[last] - states[before]
            outcome, left, total = _settle(usable[inside], estimates[inside], fresh[inside], counted, counter)
            if outcome:
                for place, fact in enumerate((float(t), float(until), float(outcome), left, total)):
                    out[place, found] = fact
                found += 1
        t, before = last + 1, last
    return out[:, :found]


@njit(cache=True)
def _highest(values):  # pragma: no cover - compiled
    highest = 0.0
    for value in values:
        if np.isfinite(value):
            highest = max(highest, abs(value))
    return highest


@njit(cache=True)
def _last_digit(states):  # pragma: no cover - compiled
    """The coarsest of 1, 0.1, 0.01 and 0.001 kWh that all states of a counter are multiples of; else the finest."""
    digit = 1.0
    for state in states:
        while digit > _FINEST and abs(state / digit - np.rint(state / digit)) > _NEAR:
            digit /= 10
    return digit


@njit(cache=True)
def _state_after(estimates, states, t):  # pragma: no cover - compiled
    """First column with a known state at whose end no gap is open that was open from `t` on."""
    while t < len(estimates):
        inside = t + 1 < len(estimates) and np.isfinite(estimates[t]) and np.isfinite(estimates[t + 1])
        if np.isfinite(states[t]) and not inside:
            break
        t += 1
    return t


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
