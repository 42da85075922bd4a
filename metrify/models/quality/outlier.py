"""Isolation forest over residuals: readings that do not fit the readings around them, as bad data does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.reading import LOOKBACK_DAYS
from metrify.models.anomaly.isolation_forest import IsolationForestDetector
from metrify.models.anomaly.surprise import Surprise
from metrify.models.base import Needs

__all__ = ["OutlierDetector"]

_GIVEN = ("zscore", "roll_zscore", "peak_ratio", "same_hours", "shape_fit", "shift_gain")
_JUMPS = {"jump": "change", "week_jump": "week_change", "recent_jump": "recent_change"}
_PHRASES = {
    "zscore": "{value:.3g} where {usual:.2g} is usual at this hour (z {zscore:.2g})",
    "roll_zscore": "{roll_zscore:+.2g} standard deviations from the mean of the 24 hours before",
    "peak_ratio": "{peak_ratio:.2g} times its highest readings of the last 28 days",
    "same_hours": "the same value for {same_hours:.3g} hours",
    "shape_fit": "the last 3 days are not of the shape of its days (correlation {shape_fit:.2f})",
    "shift_gain": "the last 3 days fit its days better with the clock moved (correlation {shift_gain:+.2f})",
    "jump": "{change:+.2g} spreads of this hour against the reading before",
    "week_jump": "{week_change:+.2g} spreads of this hour against the same hour a week before",
    "recent_jump": "{recent_change:+.2g} spreads of this hour against the 3 hours before",
    "opposite": "{value:.3g}, of the other sign than the usual {usual:.2g}",
}


@dataclass
class OutlierDetector(IsolationForestDetector):
    """The isolation forest of `anomaly/isolation_forest`, made for bad data instead of strange behaviour.

    It sees residuals alone: each reading against what is usual, its neighbours, the same hour of the week before and
    the rolling mean, its sign, runs of one value, and whether the last days have the shape of the meter's days. How
    much a day or a week brought, by which a home that is empty or full of guests is strange, it does not see.

    Bad data is often wrong in one way alone, which a forest of many features takes lightly: a reading is as strange as
    the forest says, or as the strangest of its features, each counted as one of many (Bonferroni's bound).
    """

    contamination: float = 0.001
    """the share of training rows that is flagged where the settings name no alert budget: of hourly readings the 24
    per 1,000 meters and day that are the default budget"""

    family: ClassVar[str] = "quality/outlier"
    needs: ClassVar[Needs] = Needs(
        "reading",
        ("value", "usual", "spread", "known_28d", "day_zscore", *_GIVEN, *_JUMPS.values()),
        lookback_days=LOOKBACK_DAYS,
    )
    split: ClassVar[tuple[str, ...]] = (*_GIVEN, *_JUMPS, "opposite")
    alike: ClassVar[frozenset[str]] = frozenset({"shape_fit", "shift_gain"})

    _joint: Surprise = field(init=False, repr=False, compare=False)

    def _calibrate(self, matrix: NDArray[np.float32], raw: NDArray[np.float64]) -> None:
        super()._calibrate(matrix, raw)
        self._joint = Surprise.fit(self._strangest(matrix, raw))

    def _score(self, matrix: NDArray[np.float32], raw: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._joint(self._strangest(matrix, raw))

    def _strangest(self, matrix: NDArray[np.float32], raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the forest or a single feature says of rows [N, F], whichever is more, [N]."""
        alone = self._strange(matrix).max(axis=0) - np.log10(matrix.shape[1])
        return np.maximum(super()._score(matrix, raw), alone)

    def columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The features of `split`.

        A jump is as far as a reading is both from what is usual and from another reading: the first good one after a
        spike is far from the spike alone.
        """
        z = rows["zscore"].to_numpy(np.float32)
        found = rows[list(_GIVEN)].copy()
        for name, change in _JUMPS.items():
            other = rows[change].to_numpy(np.float32)
            nearer = np.where(np.abs(z) < np.abs(other), z, other)
            found[name] = np.where(np.isnan(z * other), np.nan, np.where(z * other > 0, nearer, 0))
        value, usual = rows["value"].to_numpy(np.float32), rows["usual"].to_numpy(np.float32)
        size = np.abs(value) / rows["spread"].to_numpy(np.float32)
        found["opposite"] = np.where(value * usual < 0, size, 0 * size)
        return found[list(self.split)]

    def phrase(self, feature: str, row: dict[str, float]) -> str:
        """What a feature of `split` says of a row, in words."""
        return _PHRASES[feature].format_map(row)

    def save_state(self, folder: Path) -> None:
        super().save_state(folder)
        (folder / "joint.json").write_text(json.dumps(self._joint.state()))

    def load_state(self, folder: Path) -> None:
        super().load_state(folder)
        self._joint = Surprise.from_state(json.loads((folder / "joint.json").read_text()))
