"""Anomaly detection as a task: usual readings teach, and faults that were put into unseen meters judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable
from metrify.features.reading import LOOKBACK_DAYS, reading_frame
from metrify.features.sources import Surroundings, Validated, validated
from metrify.lake.tables import Lake
from metrify.metrics.classes import score_verdicts
from metrify.metrics.events import score_events
from metrify.models.anomaly.surprise import Surprise
from metrify.panel import Panel
from metrify.registry import Lineage
from metrify.sample.faults import FaultPlan, inject
from metrify.schema import HOLIDAY, METER, READING
from metrify.scoring.budget import verdicts
from metrify.settings import Workspace
from metrify.training.lineage import lineage_of
from metrify.training.meters import Split, panel_rows, sampled, split_meters
from metrify.training.task import Task
from metrify.training.trial import Objective

__all__ = ["PLAN", "AnomalyTask", "MeteringTask", "judge", "with_verdicts"]

PLAN = FaultPlan(kinds=("spike", "stuck", "drop"), events_per_meter=3.0)
"""The faults of an exam."""
METERING = FaultPlan(kinds=("negative", "stuck", "spike", "clock_shift"), events_per_meter=3.0)
"""Those that the metering itself makes; a gap leaves no reading to judge."""
LEARN_DAYS = 120
"""Days before a moment that teach: enough for the rare and the usual, and the same cost whatever the lake holds."""
_EXAM_SHARE, _MOST_LEARN, _MOST_EXAM = 0.3, 300, 100
_DAY = np.timedelta64(1, "D")


def with_verdicts(answers: pd.DataFrame, rows: pd.DataFrame, alert_budget: float) -> pd.DataFrame:
    """Answers with the verdict of the alert budget [readings per 1,000 meters and day]; 0 leaves the family's own."""
    verdict = verdicts(answers["score"], rows["step_minutes"], alert_budget, answers["verdict"])
    return answers.assign(verdict=verdict)


def judge(answers: pd.DataFrame, rows: pd.DataFrame, *, alert_budget: float) -> Mapping[str, float]:
    """By reading and by event, against the faults that were put in. A reading without a score counts as ordinary."""
    told = with_verdicts(answers, rows, alert_budget)
    verdict = told["verdict"].to_numpy(bool)
    by_reading = score_verdicts(rows["target"].to_numpy(), told["score"].fillna(0.0).to_numpy(), verdict)
    return by_reading | score_events(rows.assign(verdict=verdict))


@dataclass(frozen=True)
class AnomalyTask(Task):
    """Readings of two samples of the fleet; a moment is a day [UTC]."""

    workspace: Workspace
    learn: tuple[Validated, ...]
    examined: tuple[Validated, ...]
    """meters that teach nothing, unless the fleet is too small"""
    surroundings: Surroundings
    seed: int = 0
    plan: FaultPlan = PLAN

    name: ClassVar[str] = "anomaly"
    metric: ClassVar[str] = "average_precision"
    mode: ClassVar[Literal["min", "max"]] = "max"
    measured: ClassVar[tuple[str, ...]] = (
        "average_precision", "auc_roc", "precision", "recall", "f1",
        "event_recall", "event_precision", "event_f1", "false_incidents",
    )  # fmt: skip
    shown: ClassVar[tuple[str, ...]] = measured
    residual: ClassVar[bool] = False
    """whether rows have the features of metrify.features.residual"""

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        meters = Lake(workspace).meters()["meter_id"].tolist()
        split = split_meters(meters, exam_share=_EXAM_SHARE, most_learn=_MOST_LEARN, most_exam=_MOST_EXAM)
        return cls._of_split(workspace, split)

    @classmethod
    def examined_on(cls, workspace: Workspace, meter_ids: list[str]) -> Self:
        """Examined on these meters, taught by all others. Raises EmptyTable."""
        others = set(Lake(workspace).meters()["meter_id"]).difference(meter_ids)
        split = split_meters(others, exam_share=0.0, most_learn=_MOST_LEARN, most_exam=0)
        return cls._of_split(workspace, Split(split.learn, meter_ids))

    @classmethod
    def _of_split(cls, workspace: Workspace, split: Split) -> Self:
        learn, examined = tuple(sampled(workspace, split.learn)), tuple(sampled(workspace, split.exam))
        if not learn:
            raise EmptyTable("READING", "Ingest some with `metrify ingest readings FILE --mapping MAPPING`.")
        return cls(workspace, learn, examined or learn, Surroundings.read(Lake(workspace)))

    @cached_property
    def moments(self) -> NDArray[np.datetime64]:
        """Days of which the first readings have a past to be compared with."""
        first = min(group.raw.start for group in self.examined) + np.timedelta64(LOOKBACK_DAYS, "D")
        days = np.arange(first.astype("datetime64[D]") + 1, self._last.astype("datetime64[D]"))
        return days.astype("datetime64[s]")

    @property
    def end(self) -> np.datetime64:
        return self._last

    @property
    def _last(self) -> np.datetime64:
        return max(group.raw.end for group in self.examined + self.learn)

    def known_at(self, moment: np.datetime64) -> pd.DataFrame:
        since = moment - LEARN_DAYS * _DAY
        parts = [reading_frame(group, since=since, until=moment, residual=self.residual) for group in self.learn]
        return pd.concat(parts, ignore_index=True)

    def exam(
        self, first: np.datetime64, until: np.datetime64, *, known_at: np.datetime64 | None = None
    ) -> pd.DataFrame:
        until = until if known_at is None else min(until, known_at)
        parts = [part for group in self.examined for part in self._examined(group, first, until)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"target": []})

    def judged_by(self, moment: np.datetime64) -> NDArray[np.datetime64]:
        return self.moments[self.moments + _DAY <= moment]

    @property
    def objective(self) -> Objective:
        return partial(judge, alert_budget=self.workspace.settings.anomaly.alert_budget)

    def baselines(self, train: pd.DataFrame, exam: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """The size of the reading itself, and of the step from the one before."""
        answers = {}
        for name, column in (("size of the reading", "peak_ratio"), ("step from the one before", "change")):
            score = Surprise.fit(np.abs(train[column]))(np.abs(exam[column]))
            answers[name] = exam[["meter_id", "timestamp"]].assign(score=score, verdict=score >= 3.0, reason="")
        return answers

    def asked(self, exam: pd.DataFrame) -> str:
        events = exam["event"].nunique() - 1
        return f"{exam['meter_id'].nunique()} meters with {events} injected faults"

    def lineage(self, workspace: Workspace, settings: dict[str, Any], rows: pd.DataFrame) -> Lineage:
        return lineage_of(workspace, (READING, METER, HOLIDAY), settings, rows, "timestamp", "meter_id")

    def _examined(self, group: Validated, first: np.datetime64, until: np.datetime64) -> Iterator[pd.DataFrame]:
        """The meters of a group with faults from `first` on, by the whole way from readings to features."""
        past = group.raw.between(first - np.timedelta64(LOOKBACK_DAYS, "D"), until)
        window = past.between(first, until)
        if not window.mask.any():
            return
        injected = inject(window, self.plan, seed=self.seed, zone=group.calendar.zone)
        values = past.values.copy()
        values[:, values.shape[1] - window.values.shape[1] :] = injected.panel.values
        rows, settings = panel_rows(past.replace(values), self.workspace.settings), self.workspace.settings
        for found in validated(rows, self.surroundings, settings, step_minutes=past.step_minutes):
            frame = reading_frame(found, since=first, until=until, residual=self.residual)
            number = injected.labels()[_cells(frame, window)]
            faults = injected.faults
            kinds = np.append(faults["kind"].to_numpy(object), "")
            names = (faults["meter_id"] + " " + faults["timestamp"].astype(str)).to_numpy(object)
            yield frame.assign(
                target=(number >= 0).astype(np.float32),
                kind=kinds[number],
                event=np.append(names, "")[number],
                step_minutes=np.int32(window.step_minutes),
            )


@dataclass(frozen=True)
class MeteringTask(AnomalyTask):
    """The same of data quality: readings that the metering made wrong, not homes that live otherwise."""

    plan: FaultPlan = METERING

    name: ClassVar[str] = "quality"
    metric: ClassVar[str] = "event_f1"
    """a wrong clock is wrong for weeks: reading by reading, little else would count"""
    residual: ClassVar[bool] = True


def _cells(frame: pd.DataFrame, panel: Panel) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where in a panel each row of a frame is."""
    row = {meter: place for place, meter in enumerate(panel.meter_ids)}
    meters = frame["meter_id"].astype(object).map(row).to_numpy(np.int64)
    step = np.timedelta64(panel.step_minutes * 60, "s")
    return meters, ((frame["timestamp"].to_numpy() - panel.start) // step).astype(np.int64)
