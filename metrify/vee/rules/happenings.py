"""Rules about what happened to the meter: outages, exchanges."""

from __future__ import annotations

import numpy as np

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.rule import Rule

__all__ = ["RULES"]


def _outage(evidence: Evidence, settings: VeeSettings) -> Found:
    """The meter, or what feeds it, was without supply: zeros and gaps are right, and nothing is estimated from it."""
    return _found(evidence.outage, evidence)


def _not_yet_told(evidence: Evidence, settings: VeeSettings) -> Found:
    """Outages are known when somebody enters them, which is after the interval."""
    return _found(None, evidence)


def _exchange(evidence: Evidence, settings: VeeSettings) -> Found:
    """The device was exchanged: its counter begins anew, and the interval was measured in part by each."""
    return _found(evidence.exchanged, evidence)


def _found(where: Found | None, evidence: Evidence) -> Found:
    return np.zeros(evidence.panel.values.shape, bool) if where is None else where


RULES = (
    Rule("outage", 21, "info", "the meter was without supply", _outage, _not_yet_told, sees=("outage",)),
    Rule("exchange", 22, "info", "the device was exchanged in this interval", _exchange, sees=("exchanged",)),
)
