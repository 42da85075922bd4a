"""All validation rules: each says which readings of a panel it would not bill, and changes none of them."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.rules import channels, clock, happenings, register, runs, series, usage
from metrify.vee.rules.rule import Rule

__all__ = ["RULES", "flagged", "to_estimate", "trusted", "validate"]

_MODULES = (series, runs, usage, clock, register, channels, happenings)
RULES: tuple[Rule, ...] = tuple(
    sorted((rule for module in _MODULES for rule in module.RULES), key=lambda rule: rule.bit)
)
"""By bit."""

_BIT = {rule.name: np.uint32(1 << rule.bit) for rule in RULES}


def validate(
    evidence: Evidence, settings: VeeSettings, *, hindsight: bool = True, only: Collection[str] | None = None
) -> Flags:
    """The mask of the rules that hold, [M, T]; with `only`, of the rules of these names.

    Without `hindsight` a flag uses nothing later than its own interval, but for the gap rule, which marks what has no
    reading anyway: what a forecast may know of its past. What kind of meter it is, all its readings tell: where METER
    names no `pv_kw`, whether values below zero are right (`signed`: more than one reading in a hundred is below zero),
    which negative, reverse_energy and power_factor ask, and which are net meters with one column for both ways
    (some reading is below zero and nothing is given back in another column), which the rules of registers ask.
    """
    flags = np.zeros(evidence.panel.values.shape, np.uint32)
    for rule in RULES:
        if only is None or rule.name in only:
            find = rule.find if hindsight else rule.at_once or rule.find
            found = find(evidence, settings)
            if found.any():  # most rules hold nowhere, and a pass over the mask costs more than a look
                flags |= found * _BIT[rule.name]
    return flags


def flagged(flags: Flags, rule: str) -> Found:
    """Where the rule of that name holds, as `flags`."""
    return (flags & _BIT[rule]) > 0


def trusted(panel: Panel, flags: Flags) -> Panel:
    """The panel without what models may not learn from: errors, and what looks like somebody's estimate."""
    return panel.replace(np.where(flags & _mask_of(_doubtful), np.float32(np.nan), panel.values))


def to_estimate(flags: Flags) -> Found:
    """Where an estimate has to stand in, as `flags`: a gap, or a reading that a rule of severity error flagged."""
    return (flags & (_mask_of(_wrong) | _BIT["gap"])) > 0


def _wrong(rule: Rule) -> bool:
    return rule.severity == "error"


def _doubtful(rule: Rule) -> bool:
    return _wrong(rule) or not rule.teaches


def _mask_of(chosen: Callable[[Rule], bool]) -> np.uint32:
    return np.bitwise_or.reduce([_BIT[rule.name] for rule in RULES if chosen(rule)])
