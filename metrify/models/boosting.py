"""What families of XGBoost share: telling a search how good the trees are so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xgboost as xgb

from metrify.models.base import Report

__all__ = ["Teller"]

_EVERY = 10


class Teller(xgb.callback.TrainingCallback):
    """Reports `measure(trees)` every ten trees."""

    def __init__(self, report: Report, measure: Callable[[xgb.Booster], dict[str, float]]):
        super().__init__()
        self._report, self._measure = report, measure

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        """XGBoost calls it after each tree; False: go on."""
        if (epoch + 1) % _EVERY == 0:
            self._report(epoch + 1, self._measure(model))
        return False
