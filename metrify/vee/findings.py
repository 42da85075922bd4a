"""From the mask of the rules to FINDING rows that a person reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numba import njit

from metrify.settings import VeeSettings
from metrify.vee.details import Runs, details
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.rules import RULES
from metrify.vee.rules.rule import Rule

__all__ = ["counts", "findings"]


def findings(evidence: Evidence, flags: Flags, settings: VeeSettings) -> pd.DataFrame:
    """FINDING rows without `found_at`: one a run of neighbouring intervals that a rule flagged."""
    cells = np.flatnonzero(flags)
    masks = flags.ravel()[cells]
    intervals = flags.shape[1]
    parts = [
        _rows(rule, Runs.of(cells[(masks >> np.uint32(rule.bit)) & 1 > 0], intervals), evidence, settings)
        for rule in RULES
    ]
    return pd.concat(parts, ignore_index=True)


def counts(flags: Flags) -> dict[str, int]:
    """How many intervals each rule flagged, by its name."""
    of_bit = _bits(flags.ravel())
    return {rule.name: int(of_bit[rule.bit]) for rule in RULES}


@njit(cache=True)
def _bits(masks):  # pragma: no cover - compiled
    found = np.zeros(32, np.int64)
    for mask in masks:
        left, bit = mask, 0
        while left:
            found[bit] += left & 1
            left >>= 1
            bit += 1
    return found


def _rows(rule: Rule, runs: Runs, evidence: Evidence, settings: VeeSettings) -> pd.DataFrame:
    panel = evidence.panel
    step = np.timedelta64(panel.step_minutes * 60, "s")
    figures = details(rule.name, runs, evidence, settings)
    return pd.DataFrame(
        {
            "meter_id": panel.meter_ids[runs.meter],
            "timestamp": panel.start + runs.first * step,
            "rule": rule.name,
            "until": panel.start + runs.until * step,
            "intervals": runs.lengths.astype(np.int32),
            "severity": rule.severity,
            "detail": [f"{rule.meaning}: {said}" if said else rule.meaning for said in figures],
        }
    )
