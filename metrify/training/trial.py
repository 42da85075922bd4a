"""One trial of a search, as it runs in a worker."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metrify.errors import BadValue
from metrify.models.base import Batch, Model
from metrify.training.space import settings_of

__all__ = ["ERROR", "FINISHED", "METRICS", "Objective", "Trial"]

Objective = Callable[[pd.DataFrame, pd.DataFrame], Mapping[str, float]]
"""objective(answers, rows of valid with their targets) -> metrics by name"""

FINISHED = "finished"
"""the key that marks the last report of a trial that was neither stopped nor failed"""
ERROR = "error"
"""the key of what went wrong"""
METRICS = "metrics"
"""the key of everything that was measured, beside the one metric that Tune looks at"""


@dataclass(frozen=True)
class Trial:
    """Fit and judge one point of the space; Tune calls it with the data from the object store."""

    family: type[Model]
    objective: Objective
    metric: str

    def __call__(self, point: dict[str, float], train: Batch, valid: Batch) -> None:
        from ray import tune

        def report(step: int, metrics: Mapping[str, float]) -> None:
            value = float(metrics.get(self.metric, math.nan))
            if math.isfinite(value):
                tune.report({self.metric: value, METRICS: {self.metric: value}, "step": step})

        try:
            model = self.family.configured(settings_of(self.family, point)).fit(train, valid, report=report)
            metrics = {name: float(value) for name, value in self._judge(model, valid).items()}
        except Exception as error:  # noqa: BLE001  a failed trial is a row with its reason, and its worker goes on
            tune.report({self.metric: math.nan, ERROR: f"{type(error).__name__}: {error}"})
        else:
            tune.report({self.metric: metrics[self.metric], METRICS: metrics, FINISHED: True})

    def _judge(self, model: Model, valid: Batch) -> Mapping[str, Any]:
        metrics = self.objective(model.predict(valid), valid.rows)
        if not math.isfinite(metrics.get(self.metric, math.nan)):
            raise BadValue(f"objective: {self.metric}", "a finite number", metrics.get(self.metric))
        return metrics
