"""How strange readings are: the one path that requests, batches and the stream share."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from metrify.features.reading import reading_frame
from metrify.features.residual import FEATURES as RESIDUAL
from metrify.features.sources import Validated
from metrify.models.base import Batch, Model
from metrify.schema import ANOMALY
from metrify.scoring.answers import joined
from metrify.scoring.budget import thresholds, verdicts
from metrify.scoring.layout import readings
from metrify.scoring.recent import Recent
from metrify.scoring.request import RequestHistory
from metrify.settings import Workspace

__all__ = ["AnomalyScorer", "Explaining", "judge_readings"]

_DAY = np.timedelta64(24 * 3600, "s")


@runtime_checkable
class Explaining(Protocol):
    """A detector that can say why any reading is strange, whether its own verdict flags it or not."""

    def reasons(self, rows: pd.DataFrame) -> list[str]:
        """Why each of these rows is strange, in words."""
        ...


def judge_readings(
    model: Model, found: Validated, since: np.datetime64, until: np.datetime64, alert_budget: float
) -> pd.DataFrame:
    """Each reading of these meters from `since` on and before `until`: ANOMALY columns but for `model`, and two more.

    `value` is the reading, `threshold` what a score must reach to be an anomaly: the one that keeps to the alert
    budget [ordinary readings per 1,000 meters and day]. With a budget of 0 the verdict is the family's own, and
    `threshold` is NaN.
    """
    residual = not {feature.name for feature in RESIDUAL}.isdisjoint(model.needs.features)
    rows = reading_frame(found, since=since, until=until, residual=residual)
    answer, step = model.predict(Batch(rows, meters=found.meters)), found.raw.step_minutes
    verdict = pd.Series(verdicts(answer["score"], step, alert_budget, answer["verdict"]), answer.index)
    reason = _reasons(model, rows, answer, verdict)
    threshold = float(thresholds(step, alert_budget))
    return answer.assign(value=rows["value"], threshold=threshold, verdict=verdict, reason=reason)


def _reasons(model: Model, rows: pd.DataFrame, answer: pd.DataFrame, verdict: pd.Series) -> pd.Series:
    """Why each reading is an anomaly by this verdict, where the model can say it, or why it has no score."""
    told = answer["reason"].fillna("").where(verdict | answer["score"].isna(), "")
    untold = verdict & (told == "")
    if isinstance(model, Explaining) and untold.any():
        told[untold] = model.reasons(rows[untold])
    return told


class AnomalyScorer(Recent[Validated]):
    """Scores readings by a model and the last weeks of the lake, kept in memory. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, model: Model, name: str):
        """`name` is what ANOMALY rows say of the model, such as anomaly/zscore:3."""
        super().__init__(workspace, readings(), model.needs.lookback_days)
        self._budget = workspace.settings.anomaly.alert_budget
        self._model = model
        self._name = name

    def answer(
        self,
        meter_ids: list[str],
        since: np.datetime64 | None = None,
        until: np.datetime64 | None = None,
        *,
        history: dict[str, RequestHistory] | None = None,
    ) -> pd.DataFrame:
        """ANOMALY columns, `value` and `threshold` of each reading from `since` on and before `until` [UTC].

        Sorted by meter_id and timestamp. `until` defaults to the end of the latest reading in the lake (of a history
        in the request: to its end), `since` to 24 hours before `until`. A meter without a reading in the period has no
        row; why is in `answer.attrs["silent"]`, by meter_id. Raises UnknownMeter.
        """
        history, memory = history or {}, self.memory
        memory.refuse_unknown(meter_ids, history)
        periods = {meter: _period(since, until, given.until) for meter, given in history.items()}
        groups = [(memory.of_request(meter, given), periods[meter]) for meter, given in history.items()]
        from_lake = [meter for meter in meter_ids if meter not in history]
        if from_lake:
            period = _period(since, until, memory.until)
            periods |= dict.fromkeys(from_lake, period)
            groups += [(group, period) for group in memory.known(from_lake, *period)]
        frames = [judge_readings(self._model, group, *period, self._budget) for group, period in groups]
        reasons = {meter: f"no reading from {first}Z to {end}Z" for meter, (first, end) in periods.items()}
        return joined(ANOMALY, frames, self._name, reasons, ["value", "threshold"])


def _period(
    since: np.datetime64 | None, until: np.datetime64 | None, latest: np.datetime64 | None
) -> tuple[np.datetime64, np.datetime64]:
    end = latest if until is None else until
    assert end is not None  # of an empty lake every meter was refused
    return (end - _DAY if since is None else since).astype("datetime64[s]"), end.astype("datetime64[s]")
