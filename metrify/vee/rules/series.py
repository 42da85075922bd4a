"""Rules about single readings of a series: missing, repeated, no number, below zero, far too high, a jump."""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.percentile import WINDOW_DAYS, Window, above_percentile
from metrify.vee.rules.rule import Rule

__all__ = ["RULES"]


def _gap(evidence: Evidence, settings: VeeSettings) -> Found:
    """No reading in an interval between the meter's first and last reading: it must be fetched again or estimated."""
    found = np.zeros(evidence.panel.values.shape, bool)
    _missing(np.ascontiguousarray(evidence.panel.values), found)
    return found


@njit(cache=True)
def _missing(values, found):  # pragma: no cover - compiled
    for m in range(values.shape[0]):
        last = -1
        for t in range(values.shape[1]):
            if np.isfinite(values[m, t]):
                if 0 <= last < t - 1:
                    found[m, last + 1 : t] = True
                last = t


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


def _non_numeric(evidence: Evidence, settings: VeeSettings) -> Found:
    """A report came whose value was text or infinite: the collecting system writes error words where numbers belong.

    The interval has another report's number, or none; the unreadable one is kept in QUARANTINE.
    """
    return np.zeros(evidence.panel.values.shape, bool) if evidence.unreadable is None else evidence.unreadable


def _negative(evidence: Evidence, settings: VeeSettings) -> Found:
    """Below zero at a meter behind which nothing generates: a sign or a register was read wrongly."""
    return (evidence.panel.values < 0) & ~evidence.signed[:, None]


def _spike(evidence: Evidence, settings: VeeSettings) -> Found:
    """Above `spike_factor` times the 99.9th percentile of the meter's `memory_days` before and after: not to be billed.

    A home that stood empty and is lived in again is no spike, because the days after it are as high.
    """
    window = Window(settings.memory_days, settings.memory_days)
    return above_percentile(evidence.panel, settings.spike_factor, window)


def _spike_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, against the 28 days before alone."""
    return above_percentile(evidence.panel, settings.spike_factor, Window(WINDOW_DAYS, 0))


def _jump(evidence: Evidence, settings: VeeSettings) -> Found:
    """Further from the reading before it than `jump_factor` times the 99.9th percentile of the meter's own jumps.

    A large load went on or off, or a value is wrong: somebody looks before it is used as a peak.
    """
    window = Window(settings.memory_days, settings.memory_days)
    return above_percentile(evidence.panel, settings.jump_factor, window, jumps=True)


def _jump_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, against the 28 days before alone."""
    return above_percentile(evidence.panel, settings.jump_factor, Window(WINDOW_DAYS, 0), jumps=True)


RULES = (
    Rule("gap", 0, "info", "no reading between the first and the last reading of the meter", _gap),
    Rule(
        "duplicate",
        1,
        "warning",
        "reported more than once with different values",
        _duplicate,
        _duplicate_by_now,
        sees=("repeated",),
    ),
    Rule("negative", 2, "error", "below zero at a meter behind which nothing generates", _negative),
    Rule(
        "spike",
        4,
        "error",
        "above the settings' factor times the 99.9th percentile of the meter's own readings",
        _spike,
        _spike_by_now,
    ),
    Rule("non_numeric", 6, "warning", "a report came whose value was no number", _non_numeric, sees=("unreadable",)),
    Rule(
        "jump",
        10,
        "warning",
        "further from the reading before than the settings' factor times the meter's own high jumps",
        _jump,
        _jump_by_now,
    ),
)
