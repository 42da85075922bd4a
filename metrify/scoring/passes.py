"""What an actor does with one bucket: read it piece by piece, let the model answer, write what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from metrify.features.frame import Sources
from metrify.features.rows import issue_times
from metrify.features.sources import Surroundings, Validated
from metrify.lake.bucketpass import BucketFiles
from metrify.lake.tables import Lake, Written
from metrify.localtime import day_start, local_times
from metrify.models import catalog
from metrify.models.base import Model
from metrify.schema import ANOMALY, FORECAST, QUALITY, READING, TABLES
from metrify.scoring.anomalies import judge_readings
from metrify.scoring.answers import as_rows, flagged
from metrify.scoring.forecast import forecast
from metrify.scoring.layout import Layout, days, forecasts, readings
from metrify.scoring.quality import complete_day, judge_days
from metrify.scoring.recent import look_back, round_down
from metrify.settings import Settings, Workspace

__all__ = ["MeterWorker", "Period", "Scoring", "Tally", "pieces"]

ROWS_AT_ONCE = 500_000
"""Readings that an actor answers about at once, more only if a month of a bucket holds more."""
_DAY = np.timedelta64(24 * 3600, "s")
_LATEST = 3 * _DAY
"""What is answered about lies no further back from the end where no beginning is named."""


@dataclass(frozen=True)
class Period:
    """What is answered about: what begins from `since` on (None: the latest) and before `until`, known by `end`."""

    since: np.datetime64 | None
    until: np.datetime64
    end: np.datetime64


@dataclass(frozen=True)
class Scoring:
    """One scoring of the lake, as its actors are told."""

    table: str
    """name of the table that the model answers with"""
    model: Path
    """folder that `Model.save` wrote"""
    name: str
    """what the answers say of the model"""
    since: np.datetime64 | None
    """None: the latest alone"""
    until: np.datetime64
    """the end, or as of when equipment is judged"""


@dataclass(frozen=True)
class Tally:
    """What came of it."""

    rows: int = 0
    subjects: int = 0
    flagged: int = 0
    written: Written = field(default_factory=Written)

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


class MeterWorker:
    """Answers about the meters of one bucket after the other; model and surroundings are loaded once."""

    def __init__(self, workspace: Workspace, scoring: Scoring):
        self._lake = Lake(workspace)
        self._scoring = scoring
        self._table = TABLES[scoring.table]
        self._model = catalog.load(scoring.model)
        self._lookback = look_back(self._model.needs.lookback_days)
        self._around = Surroundings.read(self._lake, self._first(scoring.since))
        self._layout, self._judge = _ways(workspace.settings)[scoring.table]

    def __call__(self, bucket: BucketFiles) -> Tally:
        meters: set[str] = set()
        tally = Tally()
        for period in pieces(self._scoring.since, self._scoring.until, _rows_a_month(bucket.files[READING.name])):
            rows = self._answer(period, bucket.bucket)
            meters |= set(pc.unique(rows["meter_id"]).to_pylist())
            tally += Tally(rows.num_rows, 0, flagged(rows), self._lake.upsert(self._table, rows))
        return tally + Tally(subjects=len(meters))

    def _answer(self, period: Period, bucket: int) -> pa.Table:
        first = self._first(period.since)
        groups = self._layout.read(self._lake, self._around, first, period.end, buckets=[bucket])
        frames = [
            as_rows(self._table, frame, self._scoring.name)
            for group in groups
            for some in _chunks(self._layout, group)
            for frame in self._judge(self._model, some, period)
            if len(frame)
        ]
        return pa.concat_tables(frames) if frames else self._table.conform(self._table.schema.empty_table())

    def _first(self, since: np.datetime64 | None) -> np.datetime64:
        return (self._scoring.until - _LATEST if since is None else since) - self._lookback


def pieces(since: np.datetime64 | None, until: np.datetime64, rows_a_month: float) -> Iterator[Period]:
    """The period cut at UTC months into pieces of at most ROWS_AT_ONCE rows, or of a month: those are the partitions.

    A day that begins in one piece may end in the next, so that each piece may know two days more than its own.
    """
    if since is None:
        yield Period(None, until, until)
        return
    months = max(int(ROWS_AT_ONCE / max(rows_a_month, 1)), 1)
    begin = since
    while begin < until:
        following = (begin.astype("datetime64[M]") + months).astype("datetime64[s]")
        yield Period(begin, min(following, until), min(following + 2 * _DAY, until))
        begin = following


Judge = Callable[[Model, Any, Period], Iterator[pd.DataFrame]]


def _ways(settings: Settings) -> dict[str, tuple[Layout[Any], Judge]]:
    """How readings are laid out for each table of answers, and what the model is then asked."""
    budget, forecasting = settings.anomaly.alert_budget, settings.forecasting
    grace_hours = settings.quality.grace_hours

    def strange(model: Model, found: Validated, period: Period) -> Iterator[pd.DataFrame]:
        since = period.until - _DAY if period.since is None else period.since
        yield judge_readings(model, found, since, period.until, budget)

    def good(model: Model, found: Validated, period: Period) -> Iterator[pd.DataFrame]:
        zone = found.calendar.zone
        last = complete_day(period.end, zone)
        first = last if period.since is None else _first_day(period.since, zone)
        last = last if period.since is None else min(last, _first_day(period.until, zone) - np.timedelta64(1, "D"))
        if first <= last:
            yield judge_days(model, found, first, last, grace_hours)

    def ahead(model: Model, sources: Sources, period: Period) -> Iterator[pd.DataFrame]:
        if period.since is None:
            issues = np.array([round_down(period.until, sources.history)])
        else:
            zone = sources.calendar.zone
            issues = issue_times(period.since, period.until, forecasting.issue_at, zone)
            issues = sources.history.next_start(issues)
        for issue in issues:  # one at a time, so that a family that looks at sequences sees none of what came after
            yield forecast(model, sources, issue[None], forecasting.horizon)

    return {
        FORECAST.name: (forecasts(), ahead),
        ANOMALY.name: (readings(), strange),
        QUALITY.name: (days(settings), good),
    }


def _first_day(moment: np.datetime64, zone: str) -> np.datetime64:
    """The first local date that begins at or after `moment` [UTC]."""
    today = local_times(np.array([moment]), zone).day
    begins = day_start(today, zone)[0]
    return today[0].astype("datetime64[D]") + np.timedelta64(int(begins < moment), "D")


def _chunks(layout: Layout[Any], group: Any) -> Iterator[Any]:
    meters, intervals = layout.panel(group).values.shape
    at_once = max(ROWS_AT_ONCE // max(intervals, 1), 1)
    for first in range(0, meters, at_once):
        yield layout.select(group, np.arange(first, min(first + at_once, meters)))


def _rows_a_month(files: list[str]) -> float:
    """Readings of a bucket per month, from what its files say of themselves."""
    months = {Path(file).parent.name for file in files}
    return sum(pq.read_metadata(file).num_rows for file in files) / max(len(months), 1)
