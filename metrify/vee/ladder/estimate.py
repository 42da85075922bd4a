"""The estimation ladder: what stands in for a gap or a wrong reading, from whatever rung answers first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.ladder.classprofile import ClassProfiles, class_profiles
from metrify.vee.ladder.draft import Draft, Learned, LearnedEstimates
from metrify.vee.ladder.reasons import reasons
from metrify.vee.ladder.rungs import METHODS, Ladder, intervals
from metrify.vee.ladder.scale import factors
from metrify.vee.ladder.segments import Floats, Ints
from metrify.vee.rules import RULES, flagged, to_estimate, trusted, validate
from metrify.vee.slots import DaySlots

__all__ = ["METHODS", "Estimates", "Learned", "LearnedEstimates", "climbable", "estimate", "revalidate", "usable"]

_UNFIT = ("clock_shift", "outage")
"""Rules whose readings teach nothing of another time, although they may be billed."""
_JUDGES = [rule.name for rule in RULES if rule.severity == "error" and not rule.sees]
"""Rules that can refuse an estimate: those that look at the values alone."""


@dataclass(frozen=True)
class Estimates:
    """What stands in, [M, T]; NaN where nothing does."""

    values: Floats
    method: NDArray[np.int8]
    """place in METHODS"""
    low: Floats
    """10 % quantile: the lower end of the uncertainty band"""
    high: Floats
    """90 % quantile"""
    scaled: Found
    """whether the estimates of its gap were scaled to the register"""
    reasons: pd.DataFrame
    """meter_id, timestamp, until [datetime64[s], UTC], kind (no_estimate or not_scaled), reason"""
    learned: str = ""
    """name of the learned imputer that was asked, empty for none"""


def estimate(
    evidence: Evidence,
    flags: Flags,
    settings: VeeSettings,
    *,
    learned: Learned | None = None,
    profiles: ClassProfiles | None = None,
    wanted: Found | None = None,
) -> Estimates:
    """An estimate for each `wanted` interval, by default each gap and each reading that an error rule flagged.

    Nothing is made of readings that are flagged, estimated or from an outage. An estimate that an error rule would
    flag falls to the next rung. `profiles` are by default those of the panel's own meters.
    """
    wanted = to_estimate(flags) if wanted is None else wanted
    ladder = climbable(evidence, flags, settings, wanted, profiles)
    taught = learned(evidence, flags, wanted) if learned else None
    draft = Draft.of(wanted, evidence.signed)
    undone = np.ones(len(draft.row), bool)
    while True:
        draft.climb(ladder, taught)
        scaling = factors(evidence, ladder.values, draft, settings)
        values, low, high, scaled = scaling.apply(draft)
        undone = _refused(evidence, draft, values, undone, settings)
        if not undone.any():
            break
        draft.refuse(undone)
    told = reasons(evidence.panel, draft, ladder.values, scaling)
    cells, shape = (draft.row, draft.column), wanted.shape
    laid = [_laid(array, cells, shape, np.float32(np.nan)) for array in (values, low, high)]
    method, scaled = _laid(draft.method, cells, shape, np.int8(0)), _laid(scaled, cells, shape, np.False_)
    return Estimates(laid[0], method, laid[1], laid[2], scaled, told, taught.name if taught else "")


def usable(evidence: Evidence, flags: Flags) -> Floats:
    """Readings that estimates may be made of, [M, T]; NaN elsewhere."""
    values = trusted(evidence.panel, flags).values
    for rule in RULES:
        if rule.name in _UNFIT:
            values = np.where(flagged(flags, rule.name), np.float32(np.nan), values)
    return values if evidence.outage is None else np.where(evidence.outage, np.float32(np.nan), values)


def revalidate(evidence: Evidence, flags: Flags, estimates: Estimates, settings: VeeSettings) -> Flags:
    """The mask of the filled panel, [M, T]: what the rules say of each estimate; what was read keeps its mask."""
    filled = np.isfinite(estimates.values)
    reports = {
        name: np.where(filled, 0, array).astype(array.dtype)
        for name in ("repeated", "off_grid", "unreadable")
        if (array := getattr(evidence, name)) is not None
    }
    panel = evidence.panel.replace(np.where(filled, estimates.values, evidence.panel.values))
    return np.where(filled, validate(replace(evidence, panel=panel, **reports), settings), flags)


def climbable(
    evidence: Evidence, flags: Flags, settings: VeeSettings, wanted: Found, profiles: ClassProfiles | None = None
) -> Ladder:
    """The rungs over the readings that estimates may be made of; arguments as of `estimate`."""
    panel = evidence.panel
    values = np.where(wanted, np.float32(np.nan), usable(evidence, flags))
    if profiles is None:
        profiles = class_profiles(panel.replace(values), evidence.calendar, signed=evidence.signed)
    days = DaySlots.of(panel, evidence.calendar)
    return Ladder(values, days, profiles, intervals(settings.linear_hours, panel), settings.like_days_within)


def _refused(
    evidence: Evidence, draft: Draft, values: Floats, fresh: NDArray[np.bool_], settings: VeeSettings
) -> NDArray[np.bool_]:
    """Which estimates [N] a rule of severity error flags among what stands beside them, at meters with `fresh` ones."""
    refused = np.zeros(len(draft.row), bool)
    rows = np.unique(draft.row[fresh])
    if len(rows):
        mine = np.isin(draft.row, rows)
        place, column = np.searchsorted(rows, draft.row[mine]), draft.column[mine]
        beside = evidence.panel.values[rows]
        beside[place, column] = values[mine]
        panel = replace(evidence.panel, meter_ids=evidence.panel.meter_ids[rows], values=beside)
        filled = Evidence(panel, evidence.signed[rows], calendar=evidence.calendar, column=evidence.column)
        refused[mine] = (validate(filled, settings, only=_JUDGES)[place, column] > 0) & np.isfinite(values[mine])
    return refused


def _laid(flat: NDArray, cells: tuple[Ints, Ints], shape: tuple[int, ...], empty: np.generic) -> NDArray:
    """What is known of the wanted intervals, laid out as a panel's."""
    laid = np.full(shape, empty)
    laid[cells] = flat
    return laid
