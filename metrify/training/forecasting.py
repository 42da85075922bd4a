"""Forecasting as a task: FEATURE rows, judged by WAPE beside naive forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.origin import Origin
from metrify.lake.tables import Lake
from metrify.metrics import forecasts
from metrify.registry import Lineage
from metrify.schema import FEATURE
from metrify.settings import Workspace
from metrify.training.rows import feature_rows
from metrify.training.rows import known_at as rows_known_at
from metrify.training.split import within
from metrify.training.task import Task
from metrify.training.trial import Objective

__all__ = ["ForecastingTask", "judge"]

BASELINES = {
    "naive last day": "lag_1d",
    "mean of 7 days": "slot_mean_7d",
    "median of 7 days": "slot_median_7d",
}
"""What anybody can do without a model: the column of FEATURE that is the forecast."""
_KEYS = ["meter_id", "issue_time", "timestamp", "lead_minutes"]


def judge(answers: pd.DataFrame, rows: pd.DataFrame) -> Mapping[str, float]:
    """Metrics of forecasts against the targets of their rows."""
    return forecasts.score(answers.assign(actual=rows["target"].to_numpy(np.float64)))


@dataclass(frozen=True)
class ForecastingTask(Task):
    """FEATURE rows; a moment is an issue time."""

    rows: pd.DataFrame
    """`feature_rows`"""

    name: ClassVar[str] = "forecasting"
    metric: ClassVar[str] = "wape"
    mode: ClassVar[Literal["min", "max"]] = "min"
    measured: ClassVar[tuple[str, ...]] = ("wape", "mae", "rmse", "mase", "pinball", "coverage_80")
    shown: ClassVar[tuple[str, ...]] = (
        "wape", "mae", "rmse", "rmse_mean", "mape", "r2", "mase", "pinball", "coverage_80",
    )  # fmt: skip

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """Raises EmptyTable where features were not built; BadValue where they were built for other settings."""
        Origin.of_features(workspace)
        return cls(feature_rows(workspace))

    @cached_property
    def moments(self) -> NDArray[np.datetime64]:
        return np.unique(self.rows["issue_time"].to_numpy())

    @property
    def end(self) -> np.datetime64:
        """A day after the last interval."""
        return self.rows["timestamp"].to_numpy().max() + np.timedelta64(1, "D")

    def known_at(self, moment: np.datetime64) -> pd.DataFrame:
        return rows_known_at(self.rows, moment)

    def exam(
        self, first: np.datetime64, until: np.datetime64, *, known_at: np.datetime64 | None = None
    ) -> pd.DataFrame:
        rows = within(self.rows, first, until)
        return rows if known_at is None else rows_known_at(rows, known_at)

    def judged_by(self, moment: np.datetime64) -> NDArray[np.datetime64]:
        return np.unique(rows_known_at(self.rows, moment)["issue_time"].to_numpy())

    @property
    def objective(self) -> Objective:
        return judge

    def baselines(self, train: pd.DataFrame, exam: pd.DataFrame) -> dict[str, pd.DataFrame]:  # noqa: ARG002
        return {name: _point(exam, column) for name, column in BASELINES.items()}

    def league_scores(self, answers: pd.DataFrame, exam: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
        """With MASE: the error of the last known day's value in training, per meter, is its unit."""
        error = (train["target"] - train["lag_1d"]).abs()
        scale = error.groupby(train["meter_id"], observed=True).mean()
        return forecasts.score(answers.assign(actual=exam["target"].to_numpy(np.float64)), scale=scale)

    def asked(self, exam: pd.DataFrame) -> str:
        return f"{exam['meter_id'].nunique()} meters"

    def lineage(self, workspace: Workspace, settings: dict[str, Any], rows: pd.DataFrame) -> Lineage:
        """The lake as the build of FEATURE read it: it may hold more by now. Raises BadValue as `of` does."""
        origin = Origin.of_features(workspace)
        return Lineage(
            lake={**origin.lake, FEATURE.name: Lake(workspace).version(FEATURE)},
            settings={"workspace": workspace.settings.model_dump(), "features": origin.settings, "family": settings},
            first=rows["timestamp"].min().tz_localize("UTC").to_pydatetime(),
            last=rows["timestamp"].max().tz_localize("UTC").to_pydatetime(),
            meters=int(rows["meter_id"].nunique()),
            rows=len(rows),
        )


def _point(exam: pd.DataFrame, column: str) -> pd.DataFrame:
    """A point forecast without quantiles; where the column knows nothing, the meter's level stands in."""
    point = exam[column].fillna(exam["level_14d"]).to_numpy(np.float64)
    nothing = dict.fromkeys(("q05", "q10", "q25", "q75", "q90", "q95"), np.nan)
    return exam[_KEYS].assign(mean=point, q50=point, reason="", **nothing)
