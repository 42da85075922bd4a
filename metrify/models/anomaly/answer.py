"""What all detectors of readings share: the rows that they can learn from, the words, the ANOMALY rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable

__all__ = ["answer", "judged", "learnable", "phrase"]

_LEFT_OUT = 0.05
_TOO_LITTLE = "too little history: fewer than 3 days are known around this hour"


def judged(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Where there is a reading and enough of its past to judge it by."""
    return np.isfinite(rows["zscore"].to_numpy(np.float32))


def learnable(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows to learn from: judged, not flagged by the validation rules, and with two weeks known before them if any are.

    What is usual of a meter is unsteady in its first weeks: such rows would make all others look ordinary. So would
    the few meters that are the strangest of all, such as homes that stand empty and fill again: of a fleet of twenty
    or more, one in twenty is left out. Raises EmptyTable without any row.
    """
    keep = judged(rows)
    if "flagged" in rows:
        keep &= ~rows["flagged"].to_numpy(bool)
    if not keep.any():
        raise EmptyTable(
            "READING",
            f"None of {len(rows)} readings can be learned from: a detector wants readings that no rule flags, "
            "each with at least 3 days of history before it.",
        )
    settled = keep & (rows["known_28d"].to_numpy(np.float32) >= 0.5)
    found = rows[settled if settled.any() else keep]
    strangest = _strangest(found)
    return found[~found["meter_id"].isin(strangest)] if strangest else found


def _strangest(rows: pd.DataFrame) -> list[str]:
    """One in twenty of the meters: those whose strange readings, one in a hundred, are the strangest."""
    size = rows[["zscore", "day_zscore"]].abs().max(axis=1)
    by_meter = size.groupby(rows["meter_id"].astype(object)).quantile(0.99)
    return by_meter.nlargest(int(len(by_meter) * _LEFT_OUT)).index.tolist()


def answer(
    rows: pd.DataFrame, score: NDArray[np.float64], verdict: NDArray[np.bool_], reasons: Sequence[str]
) -> pd.DataFrame:
    """ANOMALY columns but the model, one row per row; `reasons` belong to the rows with a verdict, in their order."""
    words = np.full(len(rows), "", dtype=object)
    words[verdict] = reasons
    words[~judged(rows)] = _TOO_LITTLE
    return pd.DataFrame(
        {
            "meter_id": rows["meter_id"],
            "timestamp": rows["timestamp"],
            "score": score,
            "verdict": verdict,
            "expected": rows["usual"].astype(np.float64),
            "reason": words,
        },
        index=rows.index,
    )


_PHRASES = {
    "zscore": "{value:.3g} kWh where {usual:.2g} is usual at this hour (z {zscore:.2g})",
    "change": "{change:+.2g} spreads of this hour against the reading before",
    "day_ratio": "the last 24 hours brought {day_ratio:.0%} of what is usual",
    "week_ratio": "the last 7 days brought {week_ratio:.0%} of what is usual",
    "day_zscore": "the last 24 hours brought {day_ratio:.0%} of what is usual (z of the day {day_zscore:.2g})",
    "peak_ratio": "{peak_ratio:.2g} times its highest readings of the last 28 days",
    "same_hours": "the same value for {same_hours:.3g} hours",
    "zero_hours": "zero for {zero_hours:.3g} hours",
}


def phrase(feature: str, row: dict[str, float]) -> str:
    """What a feature says of a row, in words."""
    return _PHRASES[feature].format_map(row)
