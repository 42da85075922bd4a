"""Data quality as a task: days of meters, judged by whether the next day needed estimation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable
from metrify.features.day import day_frame
from metrify.lake.tables import Lake
from metrify.metrics.classes import score_probabilities
from metrify.registry import Lineage
from metrify.schema import METER, READING, READING_HISTORY
from metrify.settings import Workspace
from metrify.training.lineage import lineage_of
from metrify.training.meters import sampled, split_meters
from metrify.training.task import Task
from metrify.training.trial import Objective

__all__ = ["QualityTask", "judge"]

_MOST = 2_000
"""Meters that teach and judge; of a larger fleet a sample is enough."""
_TWO_DAYS = np.timedelta64(60 * 3600, "s")
"""From the begin of a day to the end of the next, wherever on earth."""


def judge(answers: pd.DataFrame, rows: pd.DataFrame) -> Mapping[str, float]:
    """The chance that the next day needs estimation, against whether it did."""
    return score_probabilities(rows["target"].to_numpy(), answers["estimation_risk"].to_numpy())


@dataclass(frozen=True)
class QualityTask(Task):
    """`day_frame` rows; a moment is a local day, whose truth is known when the grace of the next is over."""

    rows: pd.DataFrame
    grace: np.timedelta64

    name: ClassVar[str] = "quality"
    metric: ClassVar[str] = "brier"
    mode: ClassVar[Literal["min", "max"]] = "min"
    measured: ClassVar[tuple[str, ...]] = (
        "brier", "brier_skill", "auc_roc", "average_precision", "calibration_error", "precision", "recall", "f1",
    )  # fmt: skip
    shown: ClassVar[tuple[str, ...]] = measured

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        meters = Lake(workspace).meters()["meter_id"].tolist()
        chosen = split_meters(meters, exam_share=0.0, most_learn=_MOST, most_exam=0).learn
        grace_hours = workspace.settings.quality.grace_hours
        frames = [day_frame(group, grace_hours) for group in sampled(workspace, chosen, whole_days=True)]
        if not frames:
            raise EmptyTable("READING", "Ingest some with `metrify ingest readings FILE --mapping MAPPING`.")
        rows = pd.concat(frames, ignore_index=True)
        grace = np.timedelta64(round(grace_hours * 3600), "s")
        return cls(rows.sort_values(["local_date", "meter_id"], ignore_index=True), grace)

    @cached_property
    def moments(self) -> NDArray[np.datetime64]:
        return np.unique(self._dates[self.rows["target"].notna().to_numpy()])

    @property
    def end(self) -> np.datetime64:
        return self._dates.max() + self._until_known

    @property
    def _until_known(self) -> np.timedelta64:
        """From the begin of a day to the end of the next one's grace."""
        return _TWO_DAYS + self.grace

    @cached_property
    def _dates(self) -> NDArray[np.datetime64]:
        return self.rows["local_date"].to_numpy().astype("datetime64[s]")

    def known_at(self, moment: np.datetime64) -> pd.DataFrame:
        return self.rows[(self._dates + self._until_known <= moment) & self.rows["target"].notna().to_numpy()]

    def exam(
        self, first: np.datetime64, until: np.datetime64, *, known_at: np.datetime64 | None = None
    ) -> pd.DataFrame:
        asked = (self._dates >= first) & (self._dates < until)
        rows = self.rows[asked & self.rows["target"].notna().to_numpy()]
        return rows if known_at is None else rows[rows.index.isin(self.known_at(known_at).index)]

    def judged_by(self, moment: np.datetime64) -> NDArray[np.datetime64]:
        return self.moments[self.moments + self._until_known <= moment]

    @property
    def objective(self) -> Objective:
        return judge

    def baselines(self, train: pd.DataFrame, exam: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """As today, and as often as in the last four weeks."""
        keys = exam[["meter_id", "local_date"]]
        rates = train.groupby(train["valid_share"] < 1)["target"].mean()
        today = (exam["valid_share"] < 1).map(rates).fillna(train["target"].mean())
        by_meter = train.groupby("meter_id", observed=True)["target"].mean()
        usual = exam["meter_id"].astype(object).map(by_meter).astype(float).fillna(train["target"].mean())
        return {
            "as today": keys.assign(estimation_risk=today.to_numpy(float), reason=""),
            "usual rate of the meter": keys.assign(estimation_risk=usual.to_numpy(float), reason=""),
        }

    def asked(self, exam: pd.DataFrame) -> str:
        return f"{len(exam):,} days of {exam['meter_id'].nunique()} meters"

    def lineage(self, workspace: Workspace, settings: dict[str, Any], rows: pd.DataFrame) -> Lineage:
        return lineage_of(workspace, (READING, READING_HISTORY, METER), settings, rows, "local_date", "meter_id")
