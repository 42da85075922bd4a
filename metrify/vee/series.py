"""Rules about single readings of a series: missing, repeated, below zero, far too high."""

from __future__ import annotations

import numpy as np

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.percentile import trailing_percentile
from metrify.vee.rule import Rule

__all__ = ["RULES"]


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


def _spike(evidence: Evidence, settings: VeeSettings) -> Found:
    """Above `spike_factor` times the meter's own 99.9th percentile of the 28 days before."""
    limit = settings.spike_factor * trailing_percentile(evidence.panel)
    return (np.abs(evidence.panel.values) > limit) & (limit > 0)


RULES = (
    Rule("gap", 0, "info", "no reading between the first and the last reading of the meter", _gap),
    Rule("duplicate", 1, "warning", "reported more than once with different values", _duplicate, _duplicate_by_now),
    Rule("negative", 2, "error", "below zero at a meter behind which nothing generates", _negative),
    Rule("spike", 4, "error", "above the settings' factor times the meter's own 99.9th percentile of 28 days", _spike),
)
