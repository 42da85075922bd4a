"""Rules about runs of neighbouring readings: stuck at one value."""

from __future__ import annotations

import numpy as np

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rule import Rule

__all__ = ["RULES"]


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


RULES = (
    Rule(
        "stuck", 3, "error", "the same value, not zero, for longer than the settings allow", _stuck, _stuck_by_now
    ),
)
