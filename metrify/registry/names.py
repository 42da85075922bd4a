"""`task/name` in Metrify is `task.name` in MLflow, which refuses a slash; only here the one becomes the other."""

from __future__ import annotations

import re

from metrify.errors import BadValue

__all__ = ["from_mlflow", "task_of", "to_mlflow"]

FAMILY = re.compile(r"[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*")


def to_mlflow(name: str) -> str:
    """The registered name of a family: `forecasting/lightgbm` is `forecasting.lightgbm`. Raises BadValue."""
    if not FAMILY.fullmatch(name):
        raise BadValue("model name", "task/name in small letters, such as forecasting/lightgbm", name)
    return name.replace("/", ".")


def from_mlflow(registered: str) -> str | None:
    """The family of a registered name, or None for a model that is not of this project."""
    name = registered.replace(".", "/")
    return name if FAMILY.fullmatch(name) else None


def task_of(name: str) -> str:
    """`forecasting` of `forecasting/lightgbm`."""
    return name.partition("/")[0]
