"""From the mask of the rules to FINDING rows that a person reads."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.panel import Panel
from metrify.vee.evidence import Flags, Found
from metrify.vee.rule import Rule
from metrify.vee.rules import RULES, flagged

__all__ = ["findings"]


def findings(panel: Panel, flags: Flags) -> pd.DataFrame:
    """FINDING rows without `found_at`: one a run of neighbouring intervals that a rule flagged."""
    parts = [_runs(panel, flagged(flags, rule.name), rule) for rule in RULES]
    return pd.concat(parts, ignore_index=True)


def _runs(panel: Panel, found: Found, rule: Rule) -> pd.DataFrame:
    edges = np.diff(np.pad(found.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    meters, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1]
    step = np.timedelta64(panel.step_minutes * 60, "s")
    return pd.DataFrame(
        {
            "meter_id": panel.meter_ids[meters],
            "timestamp": panel.start + first * step,
            "rule": rule.name,
            "until": panel.start + last * step,
            "intervals": (last - first).astype(np.int32),
            "severity": rule.severity,
            "detail": rule.meaning,
        }
    )
