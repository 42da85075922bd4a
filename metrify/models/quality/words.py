"""Why a meter-day has its score and its risk, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.day import FEATURES
from metrify.features.dayrecord import DEFECTS
from metrify.models.quality.expectations import Measure

__all__ = ["NOTHING_KNOWN", "risk_reasons", "score_reasons", "tomorrow", "unmet"]

NOTHING_KNOWN = "nothing is known of the readings of this day"
_FEATURE = {feature.name: feature for feature in FEATURES}
_NAMED = 2
"""How many features a reason names."""


def score_reasons(rows: pd.DataFrame, lost: dict[str, NDArray[np.float64]]) -> NDArray[np.object_]:
    """For each row what every rule took off the score [points], the most first; empty where nothing did."""
    reasons = np.full(len(rows), "", dtype=object)
    points = np.column_stack(list(lost.values()))
    intervals = rows["intervals"].to_numpy(np.float64)
    shares = {rule: rows[f"{rule}_share"].to_numpy(np.float64) for rule in lost}
    for row in np.flatnonzero((points > 0).any(axis=1)):
        told = sorted((rule for rule in lost if lost[rule][row] > 0), key=lambda rule: -lost[rule][row])
        reasons[row] = "; ".join(
            f"{_how_many(shares[rule][row], intervals[row])} {DEFECTS[rule]} (-{lost[rule][row]:.3g})" for rule in told
        )
    return reasons


def risk_reasons(
    rows: pd.DataFrame, risk: NDArray[np.float64], names: list[str], said: NDArray[np.float32]
) -> list[str]:
    """For each row the features that raise its risk most; `said` is what each adds to the log-odds, [N, F]."""
    reasons = []
    for values, chance, added in zip(rows[names].to_numpy(np.float64), risk, said, strict=True):
        most = [k for k in np.argsort(-added, kind="stable")[:_NAMED] if added[k] > 0]
        why = "; ".join(_value(names[k], values[k]) for k in most)
        reasons.append(tomorrow(chance) + (f" ({why})" if why else ""))
    return reasons


def tomorrow(risk: float) -> str:
    """The risk, said."""
    return f"tomorrow needs estimation with {100 * risk:.0f} %"


def unmet(measure: Measure, value: float, low: float, high: float, intervals: float, unit: str) -> str:
    """An expectation that a day did not meet: what was found, and the limits. `unit` is that of the readings."""
    if measure.kind == "volume":
        return f"{value * intervals:.0f} of {intervals:.0f} readings, expected at least {np.ceil(low * intervals):.0f}"
    of = unit if measure.sized else "h"
    between = f"{low:.3g} to {high:.3g}"
    limit = between if measure.low and measure.high else f"at least {low:.3g}" if measure.low else f"at most {high:.3g}"
    return f"{measure.name} {value:.3g} {of}, expected {limit}"


def _how_many(share: float, intervals: float) -> str:
    if not np.isfinite(intervals):
        return f"{100 * share:.3g} % of the intervals"
    return f"{share * intervals:.0f} of {intervals:.0f} intervals"


def _value(name: str, value: float) -> str:
    feature = _FEATURE[name]
    if not np.isfinite(value):
        return f"{feature.meaning}: not known"
    if feature.unit == "share":
        return f"{feature.meaning}: {100 * value:.3g} %"
    return f"{feature.meaning}: {value:.3g} {feature.unit}".rstrip()
