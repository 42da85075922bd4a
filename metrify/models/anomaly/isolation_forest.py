"""Isolation forest over scale-free features: finds readings that are strange in several ways at once."""

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
from metrify.models.anomaly.forest import Forest
from metrify.models.anomaly.surprise import Surprise
from metrify.models.base import Batch, Choice, Model, Needs, Report, Span
from metrify.schema import ANOMALY, Table

__all__ = ["IsolationForestDetector"]

_SPLIT = ("zscore", "change", "day_ratio", "week_ratio", "day_zscore", "peak_ratio", "same_hours", "zero_hours")
_SECOND = 2.0
"""From which surprise on a second feature is named: one ordinary row in a hundred."""


@dataclass
class IsolationForestDetector(Model):
    """scikit-learn's isolation forest, one for the fleet, on the logarithms of its features.

    Liu, Ting and Zhou 2008, "Isolation forest", doi:10.1109/ICDM.2008.17.
    """

    n_estimators: Annotated[int, Span(50, 300, log=True)] = 100
    max_samples: Annotated[int, Choice((256, 1024, 4096))] = 4096
    """rows that a tree is grown from: the paper's 256 cannot tell what is rarer than one in 256, and alerts are"""
    contamination: float = 0.1
    """the textbook verdict: the share of training rows that are flagged; an alert budget takes the score instead"""
    random_state: int = 42
    most_rows: int = 200_000
    """training rows that are looked at, drawn at random"""

    family: ClassVar[str] = "anomaly/isolation_forest"
    produces: ClassVar[Table] = ANOMALY
    needs: ClassVar[Needs] = Needs("reading", ("value", "usual", "known_28d", *_SPLIT), lookback_days=LOOKBACK_DAYS)
    split: ClassVar[tuple[str, ...]] = _SPLIT
    """features that trees split"""
    alike: ClassVar[frozenset[str]] = frozenset({"day_ratio", "day_zscore"})
    """features that say one thing in two words"""

    _forest: Forest = field(init=False, repr=False, compare=False)
    _neutral: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    _surprise: Surprise = field(init=False, repr=False, compare=False)
    _tails: list[tuple[Surprise, Surprise]] = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Without labels, on a seeded sample of the rows: one pass, no resuming. Raises EmptyTable."""
        rows = learnable(train.rows)
        if len(rows) > self.most_rows:
            chosen = np.random.default_rng(self.random_state).choice(len(rows), self.most_rows, replace=False)
            rows = rows.iloc[np.sort(chosen)]
        compressed = self._compressed(rows)
        known = [column[np.isfinite(column)] for column in compressed.T]
        self._neutral = np.array([np.median(column) if len(column) else 0 for column in known], np.float32)
        self._tails = [(_tail(-column), _tail(column)) for column in known]
        matrix = self._filled(compressed)
        self._forest = Forest.fit(matrix, self.n_estimators, self.max_samples, self.random_state)
        self._calibrate(matrix, self._forest.score(matrix))
        return self

    def _calibrate(self, matrix: NDArray[np.float32], raw: NDArray[np.float64]) -> None:
        """Learn from ordinary rows, their features [N, F] without NaN and the forest's scores of them [N]."""
        self._surprise = Surprise.fit(raw)

    def _score(self, matrix: NDArray[np.float32], raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """How strange rows are, of which likewise."""
        return self._surprise(raw)

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        here = judged(rows)
        score = np.full(len(rows), np.nan)
        matrix = self._filled(self._compressed(rows[here]))
        score[here] = self._score(matrix, self._forest.score(matrix))
        verdict = score > -np.log10(self.contamination)
        return answer(rows, score, verdict, self.reasons(rows[verdict]))

    def reasons(self, rows: pd.DataFrame) -> list[str]:
        """The one or two features of each of these rows that lie farthest out among the training rows, in words."""
        strange = self._strange(self._compressed(rows))
        first, second = np.argsort(-np.nan_to_num(strange, nan=-1.0), axis=0, kind="stable")[:2]
        alike = np.array([name in self.alike for name in self.split])
        both = (strange[second, np.arange(len(rows))] >= _SECOND) & ~(alike[first] & alike[second])
        told = zip(first, second, both, rows[list(self.needs.features)].to_dict("records"), strict=True)
        return ["; ".join(self.phrase(self.split[k], of) for k in ((a, b) if two else (a,))) for a, b, two, of in told]

    def _strange(self, compressed: NDArray[np.float32]) -> NDArray[np.float64]:
        """How far out each feature of rows [N, F] lies among the training rows, on whichever side, [F, N]."""
        pairs = zip(compressed.T, self._tails, strict=True)
        return np.array([np.maximum(low(-column), high(column)) for column, (low, high) in pairs])

    def phrase(self, feature: str, row: dict[str, float]) -> str:
        """What a feature of `split` says of a row, in words."""
        return phrase(feature, row)

    def columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The features of `split`."""
        return rows[list(self.split)]

    def _compressed(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Features [N, F] by their signed logarithm: a forest splits between extremes, which would hide the rest."""
        matrix = self.columns(rows).to_numpy(np.float32)
        return np.copysign(np.log1p(np.abs(matrix)), matrix)

    def _filled(self, compressed: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is unknown counts as ordinary."""
        return np.where(np.isfinite(compressed), compressed, self._neutral)

    def save_state(self, folder: Path) -> None:
        self._forest.save(folder / "forest.npz")
        state = {
            "features": self.split,
            "neutral": self._neutral.tolist(),
            "surprise": self._surprise.state(),
            "tails": [[tail.state() for tail in pair] for pair in self._tails],
        }
        (folder / "state.json").write_text(json.dumps(state))

    def load_state(self, folder: Path) -> None:
        self._forest = Forest.load(folder / "forest.npz")
        state = json.loads((folder / "state.json").read_text())
        self._neutral = np.asarray(state["neutral"], np.float32)
        self._surprise = Surprise.from_state(state["surprise"])
        self._tails = [(Surprise.from_state(low), Surprise.from_state(high)) for low, high in state["tails"]]


def _tail(column: NDArray[np.float32]) -> Surprise:
    return Surprise.fit(column if len(column) else np.zeros(1))
