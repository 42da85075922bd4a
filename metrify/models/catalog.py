"""Every model family by name. Strings, so that listing families loads nothing heavy."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from metrify.errors import UnknownName, UnreadableFile
from metrify.models.base import Model

__all__ = ["FAMILIES", "families", "family", "load"]

FAMILIES: dict[str, str] = {
    "forecasting/seasonal": "metrify.models.forecasting.seasonal:SeasonalForecaster",
    "forecasting/lightgbm": "metrify.models.forecasting.lightgbm:LightGBMForecaster",
    "anomaly/zscore": "metrify.models.anomaly.zscore:ZScoreDetector",
    "anomaly/isolation_forest": "metrify.models.anomaly.isolation_forest:IsolationForestDetector",
    "maintenance/failure": "metrify.models.maintenance.failure:FailureClassifier",
    "quality/score": "metrify.models.quality.score:QualityModel",
}


def families(task: str) -> list[str]:
    """Names of the families of a task. Raises UnknownName for a task without families."""
    found = [name for name in FAMILIES if name.split("/")[0] == task]
    if not found:
        raise UnknownName("task", task, {name.split("/")[0] for name in FAMILIES})
    return found


def family(name: str) -> type[Model]:
    """The class of a family, loaded now. Raises UnknownName."""
    if name not in FAMILIES:
        raise UnknownName("model family", name, FAMILIES)
    module, attribute = FAMILIES[name].split(":")
    return getattr(import_module(module), attribute)


def load(folder: Path) -> Model:
    """The model that `Model.save` wrote to `folder`, whatever its family. Raises UnreadableFile."""
    try:
        name = json.loads((folder / "family.json").read_text())["family"]
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise UnreadableFile(folder, "a saved model", error) from error
    return family(name).load(folder)
