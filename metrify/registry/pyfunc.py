"""MLflow's way into a saved model: `pyfunc.load_model("models:/forecasting.lightgbm@champion").predict(rows)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from metrify.models import catalog
from metrify.models.base import Batch, Model

__all__ = ["Predictor"]


class Predictor:
    """What MLflow calls: feature rows in, the columns that the family produces out."""

    def __init__(self, model: Model):
        self.model = model

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """One answer per row of features, in order. `params` is MLflow's; no family takes any."""
        return self.model.predict(Batch(rows))


def _load_pyfunc(path: str) -> Predictor:
    """The name that MLflow looks for in a loader module."""
    return Predictor(catalog.load(Path(path)))
