"""The estimation ladder: what stands in for a gap or a wrong reading, from whatever rung answers first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.localdays import DaySlots
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.ladder.classprofile import ClassProfiles, class_profiles
from metrify.vee.ladder.draft import Draft, Learned, LearnedEstimates
from metrify.vee.ladder.reasons import reasons
from metrify.vee.ladder.rungs import METHODS, Ladder, intervals
from metrify.vee.ladder.scale import factors
from metrify.vee.ladder.segments import Floats, Ints
from metrify.vee.rules import RULES, flagged, to_estimate, trusted, validate

__all__ = [
    "METHODS",
    "UNFIT",
    "Estimates",
    "Learned",
    "LearnedEstimates",
    "climbable",
    "estimate",
    "revalidate",
    "usable",
]

UNFIT = ("clock_shift", "dst_shift", "outage")
"""Rules whose readings teach nothing of another time, although they may be billed."""
_JUDGES = [rule.name for rule in RULES if rule.severity == "error" and not rule.sees]
"""Rules that can refuse an estimate: those that look at the values alone."""
_WATCHERS = [rule.name for rule in RULES if rule.severity == "warning" and not rule.sees]
"""Rules that can doubt it."""


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
    taught = learned(evidence, flags, wanted, ladder.profiles) if learned else None
    draft = Draft.of(wanted, evidence.signed)
    refused = np.ones(len(draft.row), bool)
    while True:
        draft.climb(ladder, taught)
        scaling = factors(evidence, ladder.values, draft, settings)
        values, low, high, scaled = scaling.apply(draft)
        refused = _refused(evidence, draft, values, refused, settings)
        if not refused.any():
            break
        told_alone = refused & scaling.alone(draft)  # every rung would say the same
        draft.free |= told_alone
        draft.refuse(refused & ~told_alone)
    told = reasons(evidence.panel, draft, ladder.values, scaling)
    cells, shape = (draft.row, draft.column), wanted.shape
    laid = [_laid(array, cells, shape, np.float32(np.nan)) for array in (values, low, high)]
    method, scaled = _laid(draft.method, cells, shape, np.int8(0)), _laid(scaled, cells, shape, np.False_)
    return Estimates(laid[0], method, laid[1], laid[2], scaled, told, taught.name if taught else "")


def usable(evidence: Evidence, flags: Flags) -> Floats:
    """Readings that estimates may be made of, [M, T]; NaN elsewhere."""
    values = trusted(evidence.panel, flags).values
    for rule in RULES:
        if rule.name in UNFIT:
            values = np.where(flagged(flags, rule.name), np.float32(np.nan), values)
    return values if evidence.outage is None else np.where(evidence.outage, np.float32(np.nan), values)


def revalidate(evidence: Evidence, estimates: Estimates, settings: VeeSettings) -> dict[str, int]:
    """Of how many estimates each rule of severity warning holds that looks at the values alone; errors are refused."""
    row, column = np.nonzero(np.isfinite(estimates.values))
    rows = np.unique(row)
    flags = _said(evidence, rows, (row, column), estimates.values[row, column], settings, _WATCHERS)
    counts = {name: int(np.count_nonzero(flagged(flags, name))) for name in _WATCHERS}
    return {name: count for name, count in counts.items() if count}


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
        cells = draft.row[mine], draft.column[mine]
        refused[mine] = (_said(evidence, rows, cells, values[mine], settings, _JUDGES) > 0) & np.isfinite(values[mine])
    return refused


def _said(
    evidence: Evidence, rows: Ints, cells: tuple[Ints, Ints], values: Floats, settings: VeeSettings, rules: list[str]
) -> Flags:
    """The mask of some rules for values [N] in cells (meters, columns) of the meters `rows`, beside what was read."""
    if not len(rows):
        return np.zeros(0, np.uint32)
    place = np.searchsorted(rows, cells[0])
    beside = evidence.panel.values[rows]
    beside[place, cells[1]] = values
    panel = replace(evidence.panel, meter_ids=evidence.panel.meter_ids[rows], values=beside)
    filled = Evidence(panel, evidence.signed[rows], calendar=evidence.calendar, column=evidence.column)
    return validate(filled, settings, only=rules)[place, cells[1]]


def _laid(flat: NDArray, cells: tuple[Ints, Ints], shape: tuple[int, ...], empty: np.generic) -> NDArray:
    """What is known of the wanted intervals, laid out as a panel's."""
    laid = np.full(shape, empty)
    laid[cells] = flat
    return laid
