"""Gaps cut out of readings, so that what stood there is known: what an estimate is measured by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import BadValue
from metrify.panel import Panel
from metrify.sample.chance import chance

__all__ = ["cut"]

TRIES = 50
"""How often a place is sought for a gap before it is given up: the meter has no room left for it."""


def cut(
    panel: Panel, lengths_hours: Sequence[float], per_meter: int, seed: int
) -> tuple[Panel, NDArray[np.bool_], pd.DataFrame]:
    """Cut `per_meter` gaps of each length [h] out of every meter, at places drawn evenly from its known readings.

    Answers the panel with the holes, where they are ([M, T]), and a row a gap: meter_id, hours, timestamp (start of
    its first interval), until (end of its last) [datetime64[s], UTC]. All that is cut was known, and so are the
    readings beside it; gaps never touch. The longest are cut first. What happens to a meter depends on the seed, its
    id and its readings alone; a gap that finds no room is left out. Raises BadValue.
    """
    for hours in lengths_hours:
        if not (np.isfinite(hours) and hours * 60 >= panel.step_minutes):
            raise BadValue("lengths_hours", f"hours of at least one interval ({panel.step_minutes} min)", hours)
    mask = np.zeros(panel.values.shape, bool)
    gaps: list[tuple[str, float, int, int]] = []
    for row, meter_id in enumerate(panel.meter_ids):
        rng = chance(seed, str(meter_id), "gaps")
        free = np.isfinite(panel.values[row])
        for hours in sorted(lengths_hours, reverse=True):
            length = round(hours * 60 / panel.step_minutes)
            for _ in range(per_meter):
                first = _place(free, length, rng)
                if first >= 0:
                    mask[row, first : first + length] = True
                    free[first - 1 : first + length + 1] = False
                    gaps.append((str(meter_id), float(hours), first, first + length))
    return panel.replace(np.where(mask, np.float32(np.nan), panel.values)), mask, _frame(panel, gaps)


def _place(free: NDArray[np.bool_], length: int, rng: np.random.Generator) -> int:
    """First interval of a place that is free, and beside which it is; -1: none was found."""
    last = len(free) - length - 1
    for _ in range(TRIES if last > 0 else 0):
        first = int(rng.integers(1, last + 1))
        if free[first - 1 : first + length + 1].all():
            return first
    return -1


def _frame(panel: Panel, gaps: list[tuple[str, float, int, int]]) -> pd.DataFrame:
    step, start = np.timedelta64(panel.step_minutes * 60, "s"), panel.start.astype("datetime64[s]")
    rows = sorted(gaps, key=lambda gap: (gap[0], gap[2]))
    meter_ids, hours, first, until = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "meter_id": np.array(meter_ids, object),
            "hours": np.array(hours, np.float64),
            "timestamp": start + np.array(first, np.int64) * step,
            "until": start + np.array(until, np.int64) * step,
        }
    )
