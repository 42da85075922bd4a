"""Forecasts from the lake's latest readings: the one path that requests, batches and the stream share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.errors import BadValue, NotEnoughHistory
from metrify.features.frame import Sources, forecast_frame
from metrify.models.base import Batch, Model
from metrify.models.forecasting.profile import FALLBACK
from metrify.schema import FORECAST
from metrify.scoring.layout import forecasts
from metrify.scoring.recent import Memory, Recent, round_down
from metrify.scoring.request import RequestHistory
from metrify.settings import Workspace

__all__ = ["Forecaster", "RequestHistory", "forecast"]


def forecast(model: Model, sources: Sources, issues: np.ndarray, horizon: str) -> pd.DataFrame:
    """FORECAST rows but for `model`, of these meters at these issue times [UTC]; nothing known later is used.

    Raises BadValue for an issue time or a horizon that cannot be answered.
    """
    for issue in issues:
        if issue != round_down(issue, sources.history):
            wanted = f"the start of an interval of {sources.history.step_minutes} minutes"
            raise BadValue("issue_time", wanted, str(issue))
    rows = forecast_frame(sources, issues.astype("datetime64[s]"), horizon).table().drop_columns(["target"]).to_pandas()
    rows["meter_id"] = rows["meter_id"].astype(str)
    return model.predict(Batch(rows, sources.history.between(sources.history.start, issues.max()), sources.meters))


class Forecaster(Recent[Sources]):
    """Answers for a model from the last weeks of the lake, kept in memory. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, model: Model, name: str):
        """`name` is what FORECAST rows say of the model, such as forecasting/lightgbm:3."""
        super().__init__(workspace, forecasts(), model.needs.lookback_days)
        self._horizon = workspace.settings.forecasting.horizon
        self._model = model
        self._name = name

    def answer(
        self,
        meter_ids: list[str],
        issue_time: np.datetime64 | None = None,
        horizon: str | None = None,
        *,
        history: dict[str, RequestHistory] | None = None,
        allow_fallback: bool = True,
    ) -> pd.DataFrame:
        """FORECAST rows of these meters, sorted by meter_id and timestamp.

        `issue_time` [UTC] defaults to the end of the latest reading in the lake, rounded down to the interval of the
        meter (of a history in the request: to its end), `horizon` to the settings' own. Nothing after the issue time
        is used. Raises UnknownMeter; NotEnoughHistory if a meter needs the fallback and that is not allowed; BadValue
        for an issue time or a horizon that cannot be answered.
        """
        history, memory = history or {}, self.memory
        memory.refuse_unknown(meter_ids, history)
        asked = [
            (memory.of_request(meter, given), given.until if issue_time is None else issue_time)
            for meter, given in history.items()
        ]
        from_lake = [meter for meter in meter_ids if meter not in history]
        asked += _issued(memory, from_lake, issue_time) if from_lake else []
        horizon = horizon or self._horizon
        frames = [forecast(self._model, sources, np.array([issue]), horizon) for sources, issue in asked]
        answer = pd.concat(frames, ignore_index=True).assign(model=self._name)[FORECAST.names]
        if not allow_fallback:
            _refuse_fallback(answer)
        return answer.sort_values(["meter_id", "timestamp"], ignore_index=True)


def _issued(
    memory: Memory[Sources], meter_ids: list[str], issue_time: np.datetime64 | None
) -> list[tuple[Sources, np.datetime64]]:
    """These meters with what the lake knew of them, and the issue time of each group."""
    moment = memory.until if issue_time is None else issue_time
    assert moment is not None  # of an empty lake every meter was refused
    groups = memory.known(meter_ids, moment, moment)
    step = groups[0].history.step_minutes if groups else 60
    before = RequestHistory(moment - np.timedelta64(step * 60, "s"), step, [None])
    groups += [memory.of_request(meter, before) for meter in memory.silent(groups, meter_ids)]
    return [(group, round_down(moment, group.history) if issue_time is None else moment) for group in groups]


def _refuse_fallback(answer: pd.DataFrame) -> None:
    fallen = answer[answer["reason"] != ""]
    if len(fallen):
        first = fallen.iloc[0]
        raise NotEnoughHistory(first["meter_id"], first["reason"], "at least two days of readings", FALLBACK)
