"""What learned imputers share: gaps by their length, where a rung of the ladder does better, and the answer's frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.models.calibration import folds
from metrify.models.forecasting.conformal import Conformal
from metrify.schema import LEVELS

__all__ = ["LENGTHS", "Standing", "answer", "answerable", "errors", "held_out", "length_of"]

LENGTHS: dict[str, float] = {"2h": 2.0, "12h": 12.0, "24h": 24.0, "72h": 72.0}
"""Classes of gaps by the longest of them [h]; each begins where the one before ends."""
_LEAST_METERS = 10
"""With fewer meters it is weeks that are held out, so that no odd meter decides alone."""
_ENDS = [LEVELS.index(0.1), LEVELS.index(0.9)]
_WORDS = ("gaps of at most 2 h", "gaps of 2 to 12 h", "gaps of 12 to 24 h", "gaps of 24 to 72 h")

Floats = NDArray[np.float64]


def length_of(rows: pd.DataFrame) -> NDArray[np.int64]:
    """The class in LENGTHS of each row's gap, [N]; -1: longer than any, or not known."""
    hours = rows["gap_hours"].to_numpy(np.float64)
    found = np.searchsorted(list(LENGTHS.values()), hours - 1e-6)
    return np.where(found < len(LENGTHS), found, -1)


def answerable(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows of meters that have a size to be measured by, [N]."""
    return (rows["level"] > 0).to_numpy()


def held_out(rows: pd.DataFrame, parts: int = 5) -> NDArray[np.bool_]:
    """Rows set aside, [N]: those of a part of the meters, or in small fleets of a part of each meter's weeks."""
    subjects = rows["meter_id"].astype(str)
    if subjects.nunique() < _LEAST_METERS:
        week = rows["timestamp"].to_numpy().astype("datetime64[W]").astype(str)
        subjects = subjects + " " + week
    found = folds(subjects.to_numpy(object), parts)
    return found[0] if len(found) > 1 else np.zeros(len(rows), bool)


def errors(actual: Floats, estimate: Floats, length: NDArray[np.int64]) -> Floats:
    """Sum of absolute errors as a share of the sum of sizes for each class of LENGTHS; NaN: no row of it is known."""
    known = np.isfinite(actual) & np.isfinite(estimate)
    shares = np.full(len(LENGTHS), np.nan)
    for number in range(len(LENGTHS)):
        mine = known & (length == number)
        size = np.abs(actual[mine]).sum()
        shares[number] = np.abs(estimate[mine] - actual[mine]).sum() / size if size > 0 else np.nan
    return shares


@dataclass(frozen=True)
class Standing:
    """How an imputer did on gaps that were held out, and how wide its bands have to be."""

    gain: Floats
    """by class of LENGTHS how far its error was below that of the ladder's rung [share]; NaN: not measured"""
    bands: Conformal
    """by length of the gap, in 6 hours"""

    @classmethod
    def of(cls, rows: pd.DataFrame, low: Floats, middle: Floats, high: Floats) -> Self:
        """From rows held out, with their targets and what the `ladder` answers, and what the imputer says of them.

        All [N], in the target's unit.
        """
        actual, length = rows["target"].to_numpy(np.float64), length_of(rows)
        rung = np.where(np.isfinite(middle), rows["ladder"].to_numpy(np.float64), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            gain = 1 - errors(actual, middle, length) / errors(actual, rung, length)
        level = rows["level"].to_numpy(np.float64)
        minutes = rows["gap_hours"].to_numpy(np.float64) * 60
        return cls(gain, Conformal.fit(actual / level, low / level, middle / level, high / level, minutes))

    def state(self) -> dict[str, Any]:
        """For JSON."""
        known = [float(value) if np.isfinite(value) else None for value in self.gain]
        return {"gain": known, "bands": self.bands.state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        return cls(np.asarray(state["gain"], np.float64), Conformal.from_state(state["bands"]))


def answer(
    rows: pd.DataFrame,
    low: Floats,
    middle: Floats,
    high: Floats,
    standing: Standing,
    *,
    unknown: str = "too little is known around this interval",
) -> pd.DataFrame:
    """ESTIMATE columns but for `model`: calibrated bands, and no value where a rung of the ladder is no worse.

    `unknown` is the reason for an interval that the imputer has no value for by itself.
    """
    reasons = _reasons(rows, middle, standing, unknown)
    some = reasons == ""
    columns = {name: np.full(len(rows), np.nan) for name in ("value", "low", "high")}
    if some.any():
        level = rows["level"].to_numpy(np.float64)[some]
        minutes = rows["gap_hours"].to_numpy(np.float64)[some] * 60
        scaled = [side[some] / level for side in (low, middle, high)]
        ends = standing.bands.apply(*scaled, minutes)[:, _ENDS] * level[:, None]
        columns["value"][some] = middle[some]
        columns["low"][some] = np.minimum(ends[:, 0], middle[some])
        columns["high"][some] = np.maximum(ends[:, 1], middle[some])
    keys = {"meter_id": rows["meter_id"], "timestamp": rows["timestamp"]}
    return pd.DataFrame(keys | columns | {"reason": reasons}, index=rows.index)


def _reasons(rows: pd.DataFrame, middle: Floats, standing: Standing, unknown: str) -> NDArray[np.object_]:
    """Why a row has no estimate, [N]; empty where it has one."""
    reasons = np.full(len(rows), "", object)
    reasons[~np.isfinite(middle)] = unknown
    length, level = length_of(rows), rows["level"].to_numpy(np.float64)
    for number, words in enumerate(_WORDS):
        gain = standing.gain[number]
        if not gain > 0:
            lost = f"the ladder did no worse on {words}: the error of this family was {1 - gain:.2f} times that one"
            unmeasured = f"no {words} were held out to show that this family does better than the ladder"
            reasons[length == number] = lost if np.isfinite(gain) else unmeasured
    hours = rows["gap_hours"].to_numpy(np.float64)
    reasons[hours > list(LENGTHS.values())[-1]] = "no gap of more than 72 h was learned from"
    reasons[~np.isfinite(hours)] = "the length of the gap is not known"
    reasons[level == 0] = "every known reading of the meter is zero: a rung of the ladder answers"
    reasons[~np.isfinite(level)] = "no usable reading of the meter is known"
    return reasons
