"""Rules about the counter: it must agree with the intervals and never run backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.counter import REGISTERS, continued, disagreements, drops
from metrify.vee.rules.rule import Rule

__all__ = ["REGISTERS", "RULES", "Pair", "dropped", "pairs"]


def _sum(evidence: Evidence, settings: VeeSettings) -> Found:
    """The intervals between two readings of the counter do not add up to its difference.

    The bill by intervals is another one than the bill by the counter: a wrong multiplier, an interval that was lost or
    estimated, a counter of another meter. All intervals between the two readings are marked, if all were measured;
    tolerated are `register_tolerance_kwh`, `register_tolerance_share` of the sum and one step of the last digit that
    the counter shows. A net meter, whose readings fall below zero, is checked by the difference of its two counters;
    where it has only the one of energy taken, no span is checked in which it gave energy back.
    """
    return _sums(evidence, settings, whole_span=True)


def _sum_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, in the interval at whose end it shows."""
    return _sums(evidence, settings, whole_span=False)


def _sums(evidence: Evidence, settings: VeeSettings, *, whole_span: bool) -> Found:
    found = np.zeros(evidence.panel.values.shape, bool)
    limits = settings.register_tolerance_kwh, settings.register_tolerance_share
    for pair in pairs(evidence):
        found[pair.rows] |= disagreements(
            pair.counter, pair.values, pair.fresh, pair.breaks, pair.net, *limits, whole_span
        )
    return found


@dataclass(frozen=True)
class Pair:
    """A counter and the intervals that it counts, of some meters."""

    rows: slice | NDArray[np.int64]
    """which meters of the panel"""
    counter: NDArray[np.float64]
    values: NDArray[np.float32]
    fresh: Found
    """where the counter is another one than before, as `values`; empty where that is never so"""
    breaks: NDArray[np.bool_]
    """at which of them an interval below zero may move the counter, or not"""
    net: bool = False
    """whether the counter is the difference of that of energy taken and that of energy given back"""


def pairs(evidence: Evidence) -> Iterator[Pair]:
    """What can be compared: each register with its column, but at net meters both with the one that they have."""
    nets = _nets(evidence)
    both = nets & _reports(evidence, "register_kwh", nets) & _reports(evidence, "register_export_kwh", nets)
    for register, column in REGISTERS.items():
        counter, values = evidence.channel(register), evidence.channel(column)
        if counter is not None and values is not None:
            rows = np.flatnonzero(~both) if column == "kwh" and both.any() else slice(None)
            yield Pair(rows, counter.values[rows], values.values[rows], _fresh(evidence, rows), nets[rows])
    if both.any():
        rows = np.flatnonzero(both)
        fresh = _fresh(evidence, rows)
        taken, given = (continued(_values(evidence, name)[rows], fresh) for name in REGISTERS)
        yield Pair(rows, taken - given, _values(evidence, "kwh")[rows], fresh, np.zeros(len(rows), bool), net=True)


def _backwards(evidence: Evidence, settings: VeeSettings) -> Found:
    """The counter is lower than before: it was exchanged without a word, turned back, misread, or it is broken.

    Marked is the interval at whose end it is lower. Not where it rolled over, nor where the one counter of a net meter
    has reason to go down because energy was given back.
    """
    return _lower(evidence, rolled_over=False)


def _rollover(evidence: Evidence, settings: VeeSettings) -> Found:
    """The counter is lower because it ran past its last digit and began again: the difference goes on, nothing is
    wrong, but who bills from two readings has to add a power of ten."""
    return _lower(evidence, rolled_over=True)


def _lower(evidence: Evidence, *, rolled_over: bool) -> Found:
    found = np.zeros(evidence.panel.values.shape, bool)
    for register in REGISTERS:
        rows = dropped(evidence, register)
        rows = rows[rows[:, 3] == rolled_over]
        rows = rows if rolled_over or register != "register_kwh" else _without_reason(rows, evidence)
        found[rows[:, 0], rows[:, 1]] = True
    return found


def dropped(evidence: Evidence, register: str) -> NDArray[np.int64]:
    """Where a counter is lower than at its reading before, as `counter.drops`; it is looked for once."""
    counter, name = evidence.channel(register), f"drops of {register}"
    if counter is None:
        return np.empty((0, 4), np.int64)
    if name not in evidence.shared:
        evidence.shared[name] = drops(counter.values, _fresh(evidence, slice(None)))
    return evidence.shared[name]


def _without_reason(rows: NDArray[np.int64], evidence: Evidence) -> NDArray[np.int64]:
    """Drops that no energy given back explains: that of a net meter with one counter does."""
    nets = _nets(evidence) if len(rows) else np.zeros(0, bool)
    one = nets & ~_reports(evidence, "register_export_kwh", nets)
    kept = [not (one[m] and (_values(evidence, "kwh")[m, before + 1 : t + 1] < 0).any()) for m, t, before, _ in rows]
    return rows[np.array(kept, bool)]


def _nets(evidence: Evidence) -> NDArray[np.bool_]:
    """Meters that take and give through one column: it falls below zero, and nothing is given in the other; [M]."""
    kwh, export, nets = evidence.channel("kwh"), evidence.channel("kwh_export"), evidence.signed.copy()
    if kwh is None:
        return np.zeros(len(nets), bool)
    nets[nets] = (kwh.values[nets] < 0).any(axis=1)
    if export is not None:
        nets[nets] = ~(export.values[nets] > 0).any(axis=1)
    return nets


def _reports(evidence: Evidence, column: str, meters: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of which of some meters the column holds anything, [M]."""
    panel, found = evidence.channel(column), np.zeros(len(meters), bool)
    if panel is not None and meters.any():
        found[meters] = np.isfinite(panel.values[meters]).any(axis=1)
    return found


def _values(evidence: Evidence, column: str) -> NDArray:
    found = evidence.channel(column)
    return np.full(evidence.panel.values.shape, np.nan) if found is None else found.values


def _fresh(evidence: Evidence, rows: slice | NDArray[np.int64]) -> Found:
    """Intervals in which the counter is another one than before; empty where that is never so."""
    return np.zeros((0, 0), bool) if evidence.exchanged is None else evidence.exchanged[rows]


_SEES = tuple(REGISTERS)
RULES = (
    Rule(
        "register_sum",
        15,
        "warning",
        "the intervals between two readings of the counter do not add up to its difference",
        _sum,
        _sum_by_now,
        sees=_SEES,
    ),
    Rule("register_backwards", 16, "warning", "the counter is lower than before", _backwards, sees=_SEES),
    Rule("register_rollover", 17, "info", "the counter ran past its last digit", _rollover, sees=_SEES),
)
