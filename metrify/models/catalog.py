"""Every model family by name. Strings, so that listing families loads nothing heavy."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from metrify.errors import UnknownName, UnreadableFile
from metrify.models.base import Model
from metrify.schema import ANOMALY, FORECAST, QUALITY, RISK, Table

__all__ = ["ANSWERS", "FAMILIES", "families", "family", "league", "leagues", "load"]

FAMILIES: dict[str, str] = {
    "forecasting/seasonal": "metrify.models.forecasting.seasonal:SeasonalForecaster",
    "forecasting/lightgbm": "metrify.models.forecasting.lightgbm:LightGBMForecaster",
    "anomaly/zscore": "metrify.models.anomaly.zscore:ZScoreDetector",
    "anomaly/isolation_forest": "metrify.models.anomaly.isolation_forest:IsolationForestDetector",
    "maintenance/failure": "metrify.models.maintenance.failure:FailureClassifier",
    "quality/score": "metrify.models.quality.score:QualityModel",
    "quality/imputer": "metrify.models.quality.imputer:Imputer",
    "quality/denoiser": "metrify.models.quality.denoiser:Denoiser",
    "quality/validator": "metrify.models.quality.validator:ExpectationsValidator",
    "quality/outlier": "metrify.models.quality.outlier:OutlierDetector",
}


ANSWERS: dict[str, Table] = {"forecasting": FORECAST, "anomaly": ANOMALY, "quality": QUALITY, "maintenance": RISK}
"""What each task answers with, as long as nobody asks for something else that its families know."""


def families(task: str) -> list[str]:
    """Names of the families of a task. Raises UnknownName for a task without families."""
    found = [name for name in FAMILIES if name.split("/")[0] == task]
    if not found:
        raise UnknownName("task", task, {name.split("/")[0] for name in FAMILIES})
    return found


def leagues(task: str) -> dict[str, list[str]]:
    """Families of a task by the name of the table that they answer with: only those can be compared.

    The table of ANSWERS is the first. Raises UnknownName.
    """
    found: dict[str, list[str]] = {ANSWERS[task].name: []} if task in ANSWERS else {}
    for name in families(task):
        found.setdefault(family(name).produces.name, []).append(name)
    return found


def league(name: str) -> list[str]:
    """The families that answer what a task is for, or, of a family, that answer the same. Raises UnknownName."""
    task = name.partition("/")[0]
    found = leagues(task)
    return found[family(name).produces.name if "/" in name else ANSWERS[task].name]


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
