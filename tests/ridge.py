"""A small real family for tests: least squares by gradient descent. A module of its own, so that workers find it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd

from metrify.models.base import Batch, Choice, Model, Needs, Report, Span
from metrify.schema import FORECAST, LEVELS, Table, level_column

FEATURES = ("x1", "x2", "x3")


@dataclass
class RidgeForecaster(Model):
    """y is a weighted sum of the features; `rate` is how far each of `steps` goes."""

    rate: Annotated[float, Span(0.0001, 0.5, log=True)] = 0.05
    penalty: Annotated[float, Span(0.0, 1.0)] = 0.0
    steps: Annotated[int, Span(10, 40)] = 40
    shape: Annotated[str, Choice(("line", "curve"))] = "line"

    family: ClassVar[str] = "forecasting/ridge"
    produces: ClassVar[Table] = FORECAST
    needs: ClassVar[Needs] = Needs("forecast", FEATURES)

    _weights: list[float] = field(init=False, repr=False, compare=False, default_factory=list)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        x, y = self._matrix(train.rows), train.rows["target"].to_numpy(float)
        weights = np.zeros(x.shape[1])
        for step in range(1, self.steps + 1):
            weights -= self.rate * (x.T @ (x @ weights - y) / len(y) + self.penalty * weights)
            self._weights = weights.tolist()
            if report and valid:
                error = self._matrix(valid.rows) @ weights - valid.rows["target"].to_numpy(float)
                report(step, {"mae": float(np.abs(error).mean())})
        return self

    def predict(self, batch: Batch) -> pd.DataFrame:
        found = self._matrix(batch.rows) @ np.asarray(self._weights)
        names = ["mean", *map(level_column, LEVELS)]
        return pd.DataFrame({**dict.fromkeys(names, found), "reason": ""}, index=batch.rows.index)

    def _matrix(self, rows: pd.DataFrame) -> np.ndarray:
        x = rows[list(FEATURES)].to_numpy(float)
        return x if self.shape == "line" else np.hstack([x, x**2])

    def save_state(self, folder: Path) -> None:
        (folder / "weights.json").write_text(json.dumps(self._weights))

    def load_state(self, folder: Path) -> None:
        self._weights = json.loads((folder / "weights.json").read_text())


class SteadyForecaster(RidgeForecaster):
    """Takes a second or two."""

    family: ClassVar[str] = "forecasting/steady"

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        time.sleep(1)
        return super().fit(train, valid, report=report, resume=resume)


class SlowForecaster(RidgeForecaster):
    """Reports nothing for an hour."""

    family: ClassVar[str] = "forecasting/slow"

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        time.sleep(3600)
        return self


class BrittleForecaster(RidgeForecaster):
    """Fails at large rates."""

    family: ClassVar[str] = "forecasting/brittle"
    limit: ClassVar[float] = 0.01

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        if self.rate > self.limit:
            raise ValueError(f"the rate {self.rate:g} is above {self.limit:g}")
        return super().fit(train, valid, report=report, resume=resume)


class BrokenForecaster(BrittleForecaster):
    """Always fails."""

    family: ClassVar[str] = "forecasting/broken"
    limit: ClassVar[float] = 0.0


@dataclass
class PlainForecaster(RidgeForecaster):
    """Has nothing to search."""

    rate: float = 0.05
    penalty: float = 0.0
    steps: int = 5
    shape: str = "line"

    family: ClassVar[str] = "forecasting/plain"


def batches(seed: int = 0, rows: int = 200) -> tuple[Batch, Batch]:
    """Training and validation data of a linear law with noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(2 * rows, 3))
    frame = pd.DataFrame(x, columns=list(FEATURES))
    frame["target"] = x @ [3.0, -2.0, 1.0] + random.normal(size=2 * rows) / 10
    frame["meter_id"] = [f"M-{number % 7}" for number in range(len(frame))]
    return Batch(frame.iloc[:rows]), Batch(frame.iloc[rows:])


def judge(answers: pd.DataFrame, rows: pd.DataFrame) -> dict[str, float]:
    """The objective of the tests."""
    error = answers["q50"] - rows["target"]
    return {"mae": float(error.abs().mean()), "rmse": float((error**2).mean() ** 0.5)}
