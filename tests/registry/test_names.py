from __future__ import annotations

import pytest

from metrify.errors import BadValue
from metrify.registry import names


def test_there_and_back():
    assert names.to_mlflow("forecasting/lightgbm") == "forecasting.lightgbm"
    assert names.from_mlflow("forecasting.lightgbm") == "forecasting/lightgbm"
    assert names.task_of("forecasting/lightgbm") == "forecasting"


@pytest.mark.parametrize("name", ["forecasting", "forecasting.lightgbm", "a/b/c", "a/b:1", "Forecasting/X", "a/b'"])
def test_other_names_are_refused(name: str):
    with pytest.raises(BadValue, match="task/name"):
        names.to_mlflow(name)


@pytest.mark.parametrize("registered", ["iris", "my model", "a.b.c", "forecasting/x"])
def test_models_of_other_projects_have_no_family(registered: str):
    assert registered == "forecasting/x" or names.from_mlflow(registered) is None
