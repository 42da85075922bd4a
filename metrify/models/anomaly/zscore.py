"""The robust z-score by hour of week: the plain detector that every other one must beat."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.reading import LOOKBACK_DAYS
from metrify.models.anomaly.answer import answer, judged, learnable, phrase
from metrify.models.anomaly.surprise import Surprise
from metrify.models.base import Batch, Model, Needs, Report, Span
from metrify.schema import ANOMALY, Table

__all__ = ["ZScoreDetector"]

_FEATURES = ("value", "usual", "zscore", "day_ratio", "day_zscore", "known_28d")


@dataclass
class ZScoreDetector(Model):
    """The larger of a reading's modified z-score and that, weighted, of the 24 hours that end with it.

    Iglewicz and Hoaglin 1993, "How to detect and handle outliers", ASQC: by median and median absolute deviation,
    here of like hours of the meter's own last weeks; more than 3.5 is an outlier.
    """

    limit: float = 3.5
    """the textbook verdict: a weighted z-score above this; an alert budget takes the score instead"""
    day_weight: Annotated[float, Span(0.0, 2.0)] = 0.5
    """what a spread of a day counts in spreads of a reading"""

    family: ClassVar[str] = "anomaly/zscore"
    produces: ClassVar[Table] = ANOMALY
    needs: ClassVar[Needs] = Needs("reading", _FEATURES, lookback_days=LOOKBACK_DAYS)

    _surprise: Surprise = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Only the scale of the score is learned, without labels: one pass, no resuming. Raises EmptyTable."""
        reading, day = self._parts(learnable(train.rows))
        self._surprise = Surprise.fit(_raw(reading, day))
        return self

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        reading, day = self._parts(rows)
        verdict = np.maximum(reading, day) > self.limit
        return answer(rows, self._surprise(_raw(reading, day)), verdict, self.reasons(rows[verdict]))

    def reasons(self, rows: pd.DataFrame) -> list[str]:
        """Why each of these rows is strange, in words, whatever the threshold."""
        reading, day = self._parts(rows)
        names = np.where(day > reading, "day_zscore", "zscore")
        return [phrase(name, row) for name, row in zip(names, rows[list(_FEATURES)].to_dict("records"), strict=True)]

    def _parts(self, rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Size of both z-scores, the day's weighted, each of shape [N]; NaN, NaN where a row cannot be judged."""
        reading = np.abs(rows["zscore"].to_numpy(np.float64))
        day = np.abs(rows["day_zscore"].to_numpy(np.float64)) * self.day_weight
        return reading, np.where(judged(rows), np.nan_to_num(day), np.nan)

    def save_state(self, folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps(self._surprise.state()))

    def load_state(self, folder: Path) -> None:
        self._surprise = Surprise.from_state(json.loads((folder / "state.json").read_text()))


def _raw(reading: NDArray[np.float64], day: NDArray[np.float64]) -> NDArray[np.float64]:
    """By its logarithm: z-scores of households have tails of a power, which so become exponential ones."""
    return np.log1p(np.maximum(reading, day))
