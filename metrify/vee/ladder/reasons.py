"""Why there is no estimate, or why it was not scaled to the register, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.vee.ladder.draft import Draft
from metrify.vee.ladder.scale import REFUSALS, Factors
from metrify.vee.ladder.segments import Floats, Ints

__all__ = ["reasons"]

_EMPTY = "the meter has no reading at all"
_UNUSABLE = "the meter has no reading that an estimate could be made of"
_FLAGGED = "every estimate was flagged by a rule"
_ALONE = "the gap is too long for a line, no like day is near, and less than a day's readings are usable"


def reasons(panel: Panel, draft: Draft, usable: Floats, scaling: Factors) -> pd.DataFrame:
    """Rows of Estimates.reasons: one a run of wanted intervals without an estimate, one a bracket that is not scaled.

    A meter without any reading has one row over the whole panel, whatever was wanted of it.
    """
    blank = ~panel.mask.any(axis=1)
    empty = np.flatnonzero(blank)
    none = np.flatnonzero(np.isnan(draft.values) & ~blank[draft.row])
    row, column, refused = draft.row[none], draft.column[none], draft.least[none] > 0
    first, until = _runs(row, column, refused)
    row, last = row[first], column[until - 1]
    words = np.select([refused[first], ~np.isfinite(usable).any(axis=1)[row]], [_FLAGGED, _UNUSABLE], _ALONE)
    whole = np.full(len(empty), panel.values.shape[1])
    not_scaled = scaling.outcome > 1
    why = [f"not scaled to the register: {REFUSALS[code]}" for code in scaling.outcome[not_scaled].tolist()]
    parts = [
        _rows(panel, empty, np.zeros_like(empty), whole, "no_estimate", [_EMPTY] * len(empty)),
        _rows(panel, row, column[first], last + 1, "no_estimate", words.tolist()),
        _rows(panel, *(part[not_scaled] for part in (scaling.row, scaling.first, scaling.until)), "not_scaled", why),
    ]
    return pd.concat(parts, ignore_index=True).sort_values(["meter_id", "timestamp"], ignore_index=True)


def _runs(row: Ints, column: Ints, refused: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """First place, and place after the last, of runs of neighbouring intervals of which the same is true."""
    breaks = (np.diff(row) != 0) | (np.diff(column) != 1) | (np.diff(refused.astype(np.int8)) != 0)
    edges = np.flatnonzero(np.pad(breaks, 1, constant_values=True)) if len(row) else np.zeros(1, np.int64)
    return edges[:-1], edges[1:]


def _rows(panel: Panel, row: Ints, first: Ints, until: Ints, kind: str, words: list[str]) -> pd.DataFrame:
    step, start = np.timedelta64(panel.step_minutes * 60, "s"), panel.start.astype("datetime64[s]")
    return pd.DataFrame(
        {
            "meter_id": panel.meter_ids[row].astype(object),
            "timestamp": start + first * step,
            "until": start + until * step,
            "kind": np.full(len(row), kind, object),
            "reason": np.array(words, object),
        }
    )
