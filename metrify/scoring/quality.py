"""How good meter-days are: the one path that requests, batches and the stream share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.features.day import day_frame
from metrify.features.sources import Validated
from metrify.localtime import day_start, local_times
from metrify.models.base import Batch, Model
from metrify.schema import QUALITY
from metrify.scoring.answers import joined
from metrify.scoring.layout import days
from metrify.scoring.recent import Recent
from metrify.scoring.request import RequestHistory
from metrify.settings import Workspace

__all__ = ["QualityScorer", "complete_day", "judge_days"]

_DAY = np.timedelta64(1, "D")
_ZONES = np.timedelta64(14 * 3600, "s")
"""No clock is further from UTC."""


def complete_day(until: np.datetime64, zone: str) -> np.datetime64:
    """The last local date that was over at `until` [UTC]."""
    today = local_times(np.array([until]), zone).day[0]
    return today.astype("datetime64[D]") - _DAY


def judge_days(
    model: Model, found: Validated, first: np.datetime64, last: np.datetime64, grace_hours: float
) -> pd.DataFrame:
    """QUALITY columns but for `model`, of these meters' local days from `first` to `last`, both included.

    Readings count that came within the grace of their day; a day whose grace is not over counts as far as is known.
    """
    bounds = np.array([first, last + _DAY], "datetime64[D]").astype(np.int32)
    since, until = day_start(bounds, found.calendar.zone)
    rows = day_frame(found, grace_hours, since=since, until=until).drop(columns="target")
    return model.predict(Batch(rows, meters=found.meters))


class QualityScorer(Recent[Validated]):
    """Scores meter-days by a model and the last weeks of the lake, kept in memory. Safe to call from threads."""

    def __init__(self, workspace: Workspace, model: Model, name: str):
        """`name` is what QUALITY rows say of the model, such as quality/score:3."""
        super().__init__(workspace, days(workspace.settings), model.needs.lookback_days)
        self._grace_hours = workspace.settings.quality.grace_hours
        self._model = model
        self._name = name

    def answer(
        self,
        meter_ids: list[str],
        first: np.datetime64 | None = None,
        last: np.datetime64 | None = None,
        *,
        history: dict[str, RequestHistory] | None = None,
    ) -> pd.DataFrame:
        """QUALITY rows of the local days from `first` to `last`, both included, sorted by meter_id and local_date.

        `last` defaults to the last day that was over at the end of the latest reading in the lake (of a history in the
        request: at its end), `first` to `last`. A meter without a day of readings to judge by has no row; why is in
        `answer.attrs["silent"]`, by meter_id. Raises UnknownMeter.
        """
        history, memory = history or {}, self.memory
        memory.refuse_unknown(meter_ids, history)
        groups = [(memory.of_request(meter, given), given.until) for meter, given in history.items()]
        from_lake = [meter for meter in meter_ids if meter not in history]
        if from_lake:
            latest = memory.until
            assert latest is not None  # of an empty lake every meter was refused
            groups += [(group, latest) for group in memory.known(from_lake, *_span(first, last, latest))]
        frames = [self._judge(group, first, last, latest) for group, latest in groups]
        return joined(QUALITY, frames, self._name, dict.fromkeys([*history, *from_lake], "no readings to judge by"))

    def _judge(
        self, found: Validated, first: np.datetime64 | None, last: np.datetime64 | None, latest: np.datetime64
    ) -> pd.DataFrame:
        end = complete_day(latest, found.calendar.zone) if last is None else last
        return judge_days(self._model, found, end if first is None else first, end, self._grace_hours)


def _span(
    first: np.datetime64 | None, last: np.datetime64 | None, latest: np.datetime64
) -> tuple[np.datetime64, np.datetime64]:
    """From when to when [UTC] the days lie, wherever the meters are."""
    end = latest if last is None else (last + _DAY).astype("datetime64[s]") + _ZONES
    begin = end - 2 * _DAY if first is None else first.astype("datetime64[s]")
    return begin - _ZONES, end
