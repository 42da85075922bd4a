"""Validation rules: each says which readings of a panel it would not bill, and changes none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.percentile import trailing_percentile

__all__ = ["RULES", "Evidence", "Flags", "Rule", "findings", "flagged", "to_estimate", "trusted", "validate"]

Flags = NDArray[np.uint32]
Found = NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """All that a rule may look at."""

    panel: Panel
    """the readings as they came, the version that won"""
    signed: NDArray[np.bool_]
    """of which meters values below zero are right, [M]"""
    repeated: NDArray[np.int64] | None = None
    """when a second report with another value could be known [s since 1970; 0: there is none], [M, T]; None: none"""


Find = Callable[[Evidence, VeeSettings], Found]


@dataclass(frozen=True)
class Rule:
    """One rule: `find(evidence, settings)` gives True, [M, T], where it holds."""

    name: str
    severity: str
    """error: the reading is not used by models and bills; warning: it is used and looked at; info: it is told"""
    meaning: str
    find: Find
    at_once: Find | None = None
    """What the rule can say as soon as an interval is over, where hindsight says more; None: the same"""


def _gap(evidence: Evidence, settings: VeeSettings) -> Found:
    """No reading in an interval between the meter's first and last reading."""
    known = evidence.panel.mask
    begun = np.logical_or.accumulate(known, axis=1)
    goes_on = np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    return begun & goes_on & ~known


def _duplicate(evidence: Evidence, settings: VeeSettings) -> Found:
    """Reported more than once with different values: the system that collects cannot tell which is right."""
    if evidence.repeated is None:
        return np.zeros(evidence.panel.values.shape, bool)
    return evidence.repeated > 0


def _duplicate_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, where both reports were in as soon as the interval was over."""
    panel = evidence.panel
    ends = panel.times.astype(np.int64) + panel.step_minutes * 60
    found = _duplicate(evidence, settings)
    return found & (evidence.repeated <= ends) if evidence.repeated is not None else found


def _negative(evidence: Evidence, settings: VeeSettings) -> Found:
    """Below zero at a meter behind which nothing generates."""
    return (evidence.panel.values < 0) & ~evidence.signed[:, None]


def _stuck(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same value, not zero, again and again for `stuck_hours`: the display froze, the register did not move."""
    return _runs_of(_same_again(evidence.panel), _stuck_intervals(evidence.panel, settings))


def _stuck_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, from the interval on at which the run has lasted `stuck_hours`."""
    same = _same_again(evidence.panel)
    number = np.arange(same.shape[1], dtype=np.int32)
    begun = np.maximum.accumulate(np.where(same, -1, number), axis=1)
    return same & (number - begun + 1 >= _stuck_intervals(evidence.panel, settings))


def _same_again(panel: Panel) -> Found:
    values = panel.values
    same = np.zeros(values.shape, bool)
    same[:, 1:] = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] != 0)
    return same


def _stuck_intervals(panel: Panel, settings: VeeSettings) -> int:
    return max(round(settings.stuck_hours * 60 / panel.step_minutes), 2)


def _spike(evidence: Evidence, settings: VeeSettings) -> Found:
    """Above `spike_factor` times the meter's own 99.9th percentile of the 28 days before."""
    limit = settings.spike_factor * trailing_percentile(evidence.panel)
    return (np.abs(evidence.panel.values) > limit) & (limit > 0)


RULES: tuple[Rule, ...] = (
    Rule("gap", "info", "no reading between the first and the last reading of the meter", _gap),
    Rule("duplicate", "warning", "reported more than once with different values", _duplicate, _duplicate_by_now),
    Rule("negative", "error", "below zero at a meter behind which nothing generates", _negative),
    Rule("stuck", "error", "the same value, not zero, over the hours that the settings allow", _stuck, _stuck_by_now),
    Rule("spike", "error", "above the settings' factor times the meter's own 99.9th percentile of 28 days", _spike),
)


_BIT = {rule.name: np.uint32(1 << bit) for bit, rule in enumerate(RULES)}


def validate(evidence: Evidence, settings: VeeSettings, *, hindsight: bool = True) -> Flags:
    """Bit k of flags[m, t] is set where RULES[k] holds.

    Without `hindsight` a flag uses nothing later than its own interval, but for the gap rule, which marks what has no
    reading anyway: what a forecast may know of its past.
    """
    flags = np.zeros(evidence.panel.values.shape, np.uint32)
    for rule in RULES:
        find = rule.find if hindsight else rule.at_once or rule.find
        flags |= find(evidence, settings) * _BIT[rule.name]
    return flags


def flagged(flags: Flags, rule: str) -> Found:
    """Where the rule of that name holds, as `flags`."""
    return (flags & _BIT[rule]) > 0


def trusted(panel: Panel, flags: Flags) -> Panel:
    """The panel without the readings that a rule of severity error flagged: what models may learn from."""
    return panel.replace(np.where(flags & _errors(), np.float32(np.nan), panel.values))


def to_estimate(flags: Flags) -> Found:
    """Where an estimate has to stand in, as `flags`: a gap, or a reading that a rule of severity error flagged."""
    return (flags & (_errors() | _BIT["gap"])) > 0


def _errors() -> np.uint32:
    return np.bitwise_or.reduce([_BIT[rule.name] for rule in RULES if rule.severity == "error"])


def findings(panel: Panel, flags: Flags) -> pd.DataFrame:
    """FINDING rows without `found_at`: one a run of neighbouring intervals that a rule flagged."""
    parts = [_runs(panel, flagged(flags, rule.name), rule) for rule in RULES]
    return pd.concat(parts, ignore_index=True)


def _runs(panel: Panel, found: Found, rule: Rule) -> pd.DataFrame:
    edges = np.diff(np.pad(found.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    meters, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1]
    step = np.timedelta64(panel.step_minutes * 60, "s")
    return pd.DataFrame(
        {
            "meter_id": panel.meter_ids[meters],
            "timestamp": panel.start + first * step,
            "rule": rule.name,
            "until": panel.start + last * step,
            "intervals": (last - first).astype(np.int32),
            "severity": rule.severity,
            "detail": rule.meaning,
        }
    )


def _runs_of(same: Found, least: int) -> Found:
    """From `same as the one before` to members of runs of at least `least` equal values."""
    edges = np.diff(np.pad(same.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    meters, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1]
    long = last - first + 1 >= least
    marks = np.zeros((same.shape[0], same.shape[1] + 1), np.int32)
    np.add.at(marks, (meters[long], first[long] - 1), 1)
    np.add.at(marks, (meters[long], last[long]), -1)
    return np.cumsum(marks, axis=1)[:, :-1] > 0
