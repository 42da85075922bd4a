"""Predictive maintenance as a task: equipment as it was known on past days, judged by the failures that followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable
from metrify.features.asset import Equipment, as_of_grid, asset_frame
from metrify.lake.tables import Lake
from metrify.metrics.classes import score_probabilities
from metrify.registry import Lineage
from metrify.schema import ASSET, EVENT, WEATHER
from metrify.settings import MaintenanceSettings, Workspace
from metrify.training.lineage import lineage_of
from metrify.training.task import Task
from metrify.training.trial import Objective

__all__ = ["MaintenanceTask", "judge"]

_DAY = np.timedelta64(1, "D")


def judge(answers: pd.DataFrame, rows: pd.DataFrame) -> Mapping[str, float]:
    """The chance of a failure within the horizon, against what happened."""
    return score_probabilities(rows["target"].to_numpy(), answers["probability"].to_numpy())


@dataclass(frozen=True)
class MaintenanceTask(Task):
    """`asset_frame` rows of every so many days of the history; a moment is such a day.

    A row teaches once its whole horizon was over, what failed early no sooner than what survived, and with the failures
    that had been told of by then.
    """

    equipment: Equipment
    rows: pd.DataFrame
    """of all those days, with the targets as they are known now"""
    settings: MaintenanceSettings

    name: ClassVar[str] = "maintenance"
    metric: ClassVar[str] = "brier"
    mode: ClassVar[Literal["min", "max"]] = "min"
    measured: ClassVar[tuple[str, ...]] = (
        "brier", "brier_skill", "auc_roc", "average_precision", "calibration_error", "recall_worst",
        "precision", "recall", "f1", "accuracy",
    )  # fmt: skip
    shown: ClassVar[tuple[str, ...]] = measured

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        equipment, settings = Equipment.read(Lake(workspace)), workspace.settings.maintenance
        days = as_of_grid(equipment, settings.every_days, horizon_days=settings.horizon_days)
        rows = asset_frame(equipment, days, horizon_days=settings.horizon_days)
        known = rows[rows["target"].notna()]
        if known.empty:
            raise EmptyTable(
                "EVENT",
                f"No asset was watched for the {settings.horizon_days} days of maintenance.horizon_days. Ingest a "
                "longer history with `metrify ingest assets|events FILE --mapping MAPPING`, or shorten the horizon.",
            )
        return cls(equipment, known.sort_values(["as_of", "asset_id"], ignore_index=True), settings)

    @property
    def valid_days(self) -> int:  # type: ignore[override]
        """Two horizons: the first must be over before the second begins to judge."""
        return 2 * self.settings.horizon_days

    @property
    def holdout_days(self) -> int:  # type: ignore[override]
        return self.settings.horizon_days

    @cached_property
    def moments(self) -> NDArray[np.datetime64]:
        return np.unique(self._days)

    @property
    def end(self) -> np.datetime64:
        return self._days.max() + self._horizon

    @cached_property
    def _days(self) -> NDArray[np.datetime64]:
        return self.rows["as_of"].to_numpy().astype("datetime64[s]")

    @property
    def _horizon(self) -> np.timedelta64:
        return self.settings.horizon_days * _DAY

    def known_at(self, moment: np.datetime64) -> pd.DataFrame:
        days, horizon = self.moments, self.settings.horizon_days
        over = days[days + self._horizon <= moment]
        rows = asset_frame(self.equipment, over, horizon_days=horizon, labels_until=moment)
        return rows[rows["target"].notna()].reset_index(drop=True)

    def exam(
        self, first: np.datetime64, until: np.datetime64, *, known_at: np.datetime64 | None = None
    ) -> pd.DataFrame:
        known = True if known_at is None else self._days + self._horizon <= known_at
        return self.rows[(self._days >= first) & (self._days < until) & known]

    def judged_by(self, moment: np.datetime64) -> NDArray[np.datetime64]:
        return self.moments[self.moments + self._horizon <= moment]

    @property
    def objective(self) -> Objective:
        return judge

    def baselines(self, train: pd.DataFrame, exam: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """The fleet's rate, and the rate of equipment of the same age."""
        rate = train["target"].mean()
        ages = train.groupby(np.floor(train["age_years"]))["target"].mean()
        by_age = np.floor(exam["age_years"]).map(ages).fillna(rate)
        keys = exam[["asset_id", "as_of", "horizon_days"]]
        return {
            "the fleet's rate": keys.assign(probability=rate, reason=""),
            "the rate of its age": keys.assign(probability=by_age.to_numpy(float), reason=""),
        }

    def asked(self, exam: pd.DataFrame) -> str:
        failures = int(exam["target"].sum())
        return f"{exam['asset_id'].nunique():,} assets on {exam['as_of'].nunique()} days, {failures:,} failures"

    def lineage(self, workspace: Workspace, settings: dict[str, Any], rows: pd.DataFrame) -> Lineage:
        return lineage_of(workspace, (ASSET, EVENT, WEATHER), settings, rows, "as_of", "asset_id")
