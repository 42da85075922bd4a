"""Learned expectations: which of them a meter-day met, and what comes after days that did not meet them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from metrify.errors import UnknownName
from metrify.features.dayrecord import LOOKBACK_DAYS
from metrify.models.base import Batch, Model, Needs, Report, Span
from metrify.models.quality.expectations import FEATURES, KINDS, MEASURES, Expectations
from metrify.models.quality.lesson import lesson
from metrify.models.quality.words import NOTHING_KNOWN, tomorrow, unmet
from metrify.schema import QUALITY, READING, Table

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

__all__ = ["ExpectationsValidator"]

_KIND = np.array([KINDS.index(measure.kind) for measure in MEASURES])
_PAST = ("faulty_7d", "faulty_28d")
"""How often the meter's last days were faulty, which no expectation of a day says."""
_LONGEST_DAY = 25
"""Hours: what is late is counted from the end of the day, a contract counts from the timestamp."""


@dataclass
class ExpectationsValidator(Model):
    """What a meter's days are like is learned; a day is as good as the share of expectations that it meets.

    Expected are ranges of the readings by quarter of the day and type of day, the daily total, how many readings come,
    that they go on to the day's end, and how late they come. The risk is a logistic regression, so that it comes true
    as often as it says on days like those learned from, on which kinds of expectations a day did not meet and how
    often the meter's last days were faulty. That was learned on weeks that the expectations had not seen.
    """

    tail: Annotated[float, Span(0.002, 0.05, log=True)] = 0.01
    """share of trusted days below, and above, the range that is widened"""
    margin: Annotated[float, Span(0.0, 2.0)] = 0.5
    """how far ranges are widened, in distances of their ends from the median"""
    least_days: int = 14
    """trusted days from which on a meter has expectations of its own"""
    weight_volume: float = 4.0
    """how much it counts that readings come, against the other weights"""
    weight_silence: float = 2.0
    weight_freshness: float = 1.0
    weight_total: float = 2.0
    weight_range: float = 2.0
    strength: Annotated[float, Span(0.01, 10.0, log=True)] = 1.0
    """how far the risk may follow single kinds of expectations: the inverse of the ridge"""
    tell_above: float = 0.5
    """from which risk on the reason says it"""
    column: str = "kwh"
    unit: str = "kWh"
    """the column of READING that days are made of, and its unit, for reasons and contracts"""

    family: ClassVar[str] = "quality/validator"
    produces: ClassVar[Table] = QUALITY
    needs: ClassVar[Needs] = Needs("day", tuple(dict.fromkeys((*FEATURES, *_PAST))), lookback_days=LOOKBACK_DAYS)

    _expectations: Expectations = field(init=False, repr=False, compare=False)
    _odds: NDArray[np.float64] = field(init=False, repr=False, compare=False)
    """log-odds of the risk: of each kind that is not met, of the past, and the rest, [len(KINDS) + 2 + 1]"""

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """One pass over the rows; nothing is resumed. Raises EmptyTable, OneClass."""
        rows = lesson(train.rows, self.family)
        odd = (rows["local_date"].to_numpy().astype("datetime64[D]").astype(int) // 7) % 2 == 1
        failed = np.zeros((len(rows), len(MEASURES)), bool)
        for held in (odd, ~odd):
            taught = rows[~held] if (~held).any() else rows
            failed[held] = _failed(self._learned(taught), rows[held])
        self._expectations = self._learned(rows)
        regression = LogisticRegression(C=self.strength).fit(_signs(rows, failed), rows["target"].to_numpy() > 0)
        self._odds = np.append(regression.coef_[0], regression.intercept_[0])
        return self

    def _learned(self, rows: pd.DataFrame) -> Expectations:
        return Expectations.learn(rows, tail=self.tail, margin=self.margin, least_days=self.least_days)

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        values, unit, limits = self._expectations.judge(rows)
        judged = np.isfinite(values) & np.isfinite(unit)
        failed = judged & _outside(values, limits)
        weights = self._weights
        asked = judged @ weights
        score = np.where(asked > 0, 100 * ((judged & ~failed) @ weights) / np.where(asked > 0, asked, 1), 0.0)
        risk = 1 / (1 + np.exp(-(_signs(rows, failed) @ self._odds[:-1] + self._odds[-1])))
        columns = {
            "meter_id": rows["meter_id"],
            "local_date": rows["local_date"],
            "score": score,
            "estimation_risk": risk,
            "reason": self._reasons(rows, values, limits, failed, risk),
        }
        return pd.DataFrame(columns, index=rows.index)

    @property
    def _weights(self) -> NDArray[np.float64]:
        """Of each measure, [K]; the measures of a kind share its weight."""
        by_kind = np.array([getattr(self, f"weight_{kind}") for kind in KINDS])
        return (by_kind / np.bincount(_KIND))[_KIND]

    def _reasons(
        self,
        rows: pd.DataFrame,
        values: NDArray[np.float64],
        limits: NDArray[np.float64],
        failed: NDArray[np.bool_],
        risk: NDArray[np.float64],
    ) -> NDArray[np.object_]:
        """What was found and what was expected, the weightiest first; empty where all was met."""
        reasons = np.full(len(rows), "", dtype=object)
        order = np.argsort(-self._weights, kind="stable")
        intervals = rows["intervals"].to_numpy(np.float64)
        for row in np.flatnonzero(failed.any(axis=1) | (risk >= self.tell_above)):
            told = [
                unmet(MEASURES[k], values[row, k], *limits[row, k], intervals[row], self.unit)
                for k in order
                if failed[row, k]
            ]
            reasons[row] = "; ".join([*told, *([tomorrow(risk[row])] if risk[row] >= self.tell_above else [])])
        reasons[rows["intervals"].isna().to_numpy()] = NOTHING_KNOWN
        return reasons

    def contract(self, meter_id: str) -> DataFrameSchema:
        """What READING rows of a meter must be before they are loaded, for pandera. Raises UnknownName.

        The ranges are those of all hours and days together, at the level that the meter had when they were learned.
        """
        from metrify.models.quality.contract import contract

        learned = self._expectations
        if meter_id not in learned.meters:
            raise UnknownName("meter with expectations of its own", meter_id, learned.meters.tolist())
        place = int(np.searchsorted(learned.meters, meter_id))
        limits, level = learned.limits[place], learned.levels[place]
        low, high = (
            level * limits[:, [k for k, m in enumerate(MEASURES) if m.kind == "range" and getattr(m, side)], end]
            for end, side in enumerate(("low", "high"))
        )
        late = limits[:, [measure.kind for measure in MEASURES].index("freshness"), 1].max()
        ranges = {self.column: (float(low.min()), float(high.max()))}
        return contract(READING, ranges=ranges, meter_ids=[meter_id], within_hours=float(late) + _LONGEST_DAY)

    def save_state(self, folder: Path) -> None:
        np.savez(folder / "expectations.npz", **vars(self._expectations))
        kinds = [*KINDS, *_PAST, "rest"]
        (folder / "risk.json").write_text(json.dumps(dict(zip(kinds, self._odds.tolist(), strict=True)), indent=1))

    def load_state(self, folder: Path) -> None:
        with np.load(folder / "expectations.npz", allow_pickle=False) as arrays:
            self._expectations = Expectations(**arrays)
        self._odds = np.array(list(json.loads((folder / "risk.json").read_text()).values()))


def _outside(values: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Beyond a limit by more than the rounding of a float32, [N, K]; False where nothing is known."""
    allowed = 1e-5 * np.abs(values) + 1e-9
    return (values < limits[:, :, 0] - allowed) | (values > limits[:, :, 1] + allowed)


def _failed(expectations: Expectations, rows: pd.DataFrame) -> NDArray[np.bool_]:
    values, _, limits = expectations.judge(rows)
    return _outside(values, limits)


def _signs(rows: pd.DataFrame, failed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What the risk is learned from: kinds of expectations not met (0 or 1), and log-odds of the past, [N, 7]."""
    kinds = [failed[:, place == _KIND].any(axis=1) for place in range(len(KINDS))]
    past = []
    for name, days in zip(_PAST, (7, LOOKBACK_DAYS), strict=True):
        share = (days * np.nan_to_num(rows[name].to_numpy(np.float64)) + 0.5) / (days + 1)
        past.append(np.log(share / (1 - share)))
    return np.column_stack([*kinds, *past]).astype(np.float64)
