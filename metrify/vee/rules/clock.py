"""Rules about time: stamps off the grid, clocks that run wrong."""

from __future__ import annotations

import numpy as np

from metrify.localdays import DaySlots
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.rule import Rule
from metrify.vee.rules.shift import SLOT_MINUTES, Profiles
from metrify.vee.rules.summertime import missed_changes, summer_periods
from metrify.vee.rules.wrongclock import wrong_days

__all__ = ["RULES"]


def _off_grid(evidence: Evidence, settings: VeeSettings) -> Found:
    """A reading's stamp is no start of an interval of the meter: its clock drifts, or it was read by hand.

    It counts for the interval that contains it.
    """
    return np.zeros(evidence.panel.values.shape, bool) if evidence.off_grid is None else evidence.off_grid


def _clock_shift(evidence: Evidence, settings: VeeSettings) -> Found:
    """For `clock_shift_days` or more the day looks as if the clock ran `clock_shift_hours` or more ahead or behind.

    Under a tariff by the hour such readings are billed at wrong prices. Days are compared by the clock on the wall.
    """
    if evidence.panel.step_minutes > SLOT_MINUTES or not evidence.panel.values.size:
        return _not_yet(evidence, settings)
    days = DaySlots.of(evidence.panel, evidence.calendar)
    hours = int(np.ceil(settings.clock_shift_hours))
    profiles = Profiles.of(evidence.panel, days)
    limits = settings.clock_shift_days, settings.clock_shift_evidence, settings.clock_shift_likeness
    found = wrong_days(profiles, hours, *limits)
    return _spread(found, evidence, days)


def _dst_shift(evidence: Evidence, settings: VeeSettings) -> Found:
    """One hour off from one daylight-saving change to the next: the change was missed, or made twice.

    A meter that gives energy back follows the sun, not the clock on the wall, and is not judged.
    """
    panel = evidence.panel
    if panel.step_minutes > SLOT_MINUTES or not panel.values.size or evidence.column == "kwh_export":
        return _not_yet(evidence, settings)
    days = DaySlots.of(panel, evidence.calendar)
    periods = summer_periods(panel, evidence.clock, days)
    exports = evidence.signed & (panel.values < 0).any(axis=1)
    if not periods or exports.all():
        return _not_yet(evidence, settings)
    limits = settings.dst_shift_evidence, settings.dst_shift_likeness
    found = missed_changes(Profiles.of(panel, days), periods, *limits)
    return _spread(found & ~exports[:, None], evidence, days)


def _spread(found: Found, evidence: Evidence, days: DaySlots) -> Found:
    """From days [M, D] to their readings [M, T]; few meters have any."""
    rows = found.any(axis=1)
    spread = np.zeros(evidence.panel.values.shape, bool)
    spread[rows] = found[rows][:, days.day] & np.isfinite(evidence.panel.values[rows])
    return spread


def _not_yet(evidence: Evidence, settings: VeeSettings) -> Found:
    """Nothing: only hindsight shows it."""
    return np.zeros(evidence.panel.values.shape, bool)


RULES = (
    Rule("off_grid", 5, "warning", "a stamp is no start of an interval of the meter", _off_grid, sees=("off_grid",)),
    Rule("clock_shift", 13, "warning", "the day looks as if the clock ran hours wrong", _clock_shift, _not_yet),
    Rule("dst_shift", 14, "warning", "one hour off between two daylight-saving changes", _dst_shift, _not_yet),
)
