"""The first rung: the straight line between the neighbours of a short gap."""

from __future__ import annotations

import numpy as np
from numba import njit

from metrify.vee.ladder.segments import Floats, Segments

__all__ = ["on_the_line"]


def on_the_line(values: Floats, segments: Segments, most: int) -> Floats:
    """The line between the readings beside each hole of at most `most` intervals; NaN: longer, or one is missing."""
    out = np.full(segments.offset[-1], np.nan, np.float32)
    _draw(values, segments.arrays, most, out)
    return out


@njit(cache=True)
def _draw(values, segments, most, out):  # pragma: no cover - compiled
    row, first, until, hole_first, hole_until, offset = segments
    for k in range(len(row)):
        left, right = hole_first[k] - 1, hole_until[k]
        if first[k] < 0 or left < 0 or right >= values.shape[1] or right - left - 1 > most:
            continue
        before, after = values[row[k], left], values[row[k], right]
        if np.isfinite(before) and np.isfinite(after):
            slope = (np.float64(after) - before) / (right - left)
            for c in range(first[k], until[k]):
                out[offset[k] + c - first[k]] = before + slope * (c - left)
