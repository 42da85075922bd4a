"""Rules about runs of neighbouring readings: stuck, at zero, on a straight line, at a ceiling."""

from __future__ import annotations

import numpy as np

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.equalruns import rare_runs
from metrify.vee.rules.percentile import WINDOW_DAYS
from metrify.vee.rules.plateau import plateaus
from metrify.vee.rules.rule import Rule
from metrify.vee.rules.straight import straight_runs
from metrify.vee.rules.zeroruns import unusual_zeros

__all__ = ["RULES"]


def _stuck(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same value, not zero, again and again for `stuck_hours`: the display froze, the register did not move.

    A meter that often repeats itself, because it counts coarsely or hardly anything runs, has to do so for longer:
    until it would happen by chance less often than `stuck_chance`.
    """
    return _rare(evidence, settings, whole=True)


def _stuck_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, from the interval on at which the run has lasted, by what the meter did in the 28 days before."""
    return _rare(evidence, settings, whole=False)


def _rare(evidence: Evidence, settings: VeeSettings, *, whole: bool) -> Found:
    panel = evidence.panel
    least = _intervals(evidence, settings.stuck_hours, 2)
    window = WINDOW_DAYS * 1440 // panel.step_minutes
    return rare_runs(panel.values, least, settings.stuck_chance, window, whole=whole)


def _zero_run(evidence: Evidence, settings: VeeSettings) -> Found:
    """Zeros for `zero_run_hours` at hours at which the meter is not usually at zero: no supply, or a bypass.

    The nights of a solar plant and a meter that always reads zero are usual.
    """
    return _zeros(evidence, settings, whole=True)


def _zero_run_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, from the interval on at which the run has lasted."""
    return _zeros(evidence, settings, whole=False)


def _zeros(evidence: Evidence, settings: VeeSettings, *, whole: bool) -> Found:
    least = _intervals(evidence, settings.zero_run_hours, 2)
    slot = evidence.clock.minute.astype(np.int64) // min(evidence.panel.step_minutes, 1440)
    return unusual_zeros(evidence.panel.values, slot, least, settings.zero_share, whole=whole)


def _interpolated(evidence: Evidence, settings: VeeSettings) -> Found:
    """On one straight line, not level, for `interpolated_hours`: an estimate that some system before us put in.

    It may be billed where the utility says so, but a model must not learn that use is straight.
    """
    return straight_runs(evidence.panel.values, _intervals(evidence, settings.interpolated_hours, 6), whole=True)


def _interpolated_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same, from the reading on at which the line has lasted; lines of rounded readings only show later."""
    return straight_runs(evidence.panel.values, _intervals(evidence, settings.interpolated_hours, 6), whole=False)


def _clipped(evidence: Evidence, settings: VeeSettings) -> Found:
    """At a ceiling that is reached on `clipped_days` days and never exceeded: an inverter or a limiter cuts it off.

    Of readings, of what a meter with generation gives back (values below zero), and of metered generation.
    """
    day = evidence.clock.day
    edges = np.searchsorted(day, np.arange(day[0], day[-1] + 2)) if len(day) else np.zeros(1, np.int64)
    values = evidence.panel.values
    found = plateaus(values, edges, settings.clipped_days)
    exports = evidence.signed & (values < 0).any(axis=1)
    if exports.any():
        found[exports] |= plateaus(-values[exports], edges, settings.clipped_days)
    if evidence.generation is not None:
        found |= plateaus(evidence.generation.values, edges, settings.clipped_days)
    return found


def _not_yet(evidence: Evidence, settings: VeeSettings) -> Found:
    """Nothing: only hindsight shows it."""
    return np.zeros(evidence.panel.values.shape, bool)


def _intervals(evidence: Evidence, hours: float, least: int) -> int:
    return max(round(hours * 60 / evidence.panel.step_minutes), least)


RULES = (
    Rule("stuck", 3, "error", "the same value, not zero, for longer than chance makes it", _stuck, _stuck_by_now),
    Rule("zero_run", 7, "warning", "zero for hours at which it is not usually zero", _zero_run, _zero_run_by_now),
    Rule(
        "interpolated",
        11,
        "warning",
        "on one straight line for hours: an estimate rather than a measurement",
        _interpolated,
        _interpolated_by_now,
        teaches=False,
    ),
    Rule("clipped", 12, "info", "at a ceiling that is reached on many days and never exceeded", _clipped, _not_yet),
)
