"""Why a probability of failure is what it is, in words."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.equipment import CATEGORIES

__all__ = ["reasons"]

MOST = 3
_LEAST = 0.05
"""what speaks for less than 5 % more odds is no driver"""
_WORDS = {
    "age_years": "age {:.1f} years",
    "rating_kva": "rating {:g} kVA",
    "daily_maximum_1y": "mean daily maximum {:.1f} degC",
    "hot_days_1y": "{:.0f} days above 30 degC in a year",
    "temperature_life": "mean temperature {:.1f} degC since installation",
    "failure_rate": "its make and model fail {:.3f} times a year",
}
_COUNT = re.compile(r"(\w+)_(\d+d|life)")
_UNKNOWN = "{} unknown"


def reasons(rows: pd.DataFrame, names: list[str], contributions: NDArray[np.float32]) -> NDArray[np.object_]:
    """The strongest drivers towards failure of each row, else the strongest towards survival; [N].

    `contributions` [N, F] are additive on the log odds, in the order of `names`, which are columns of `rows`.
    """
    ups = _strongest(rows, names, contributions)
    downs = _strongest(rows, names, -contributions)
    return np.array(
        [up or (f"less likely: {down}" if down else "like the fleet") for up, down in zip(ups, downs, strict=True)],
        object,
    )


def _strongest(rows: pd.DataFrame, names: list[str], weight: NDArray[np.float32]) -> list[str]:
    order = np.argsort(-weight, axis=1, kind="stable")[:, :MOST]
    columns = {name: rows[name].to_numpy() for name in names}
    return [
        "; ".join(_words(names[k], columns[names[k]][row]) for k in best if weight[row, k] >= _LEAST)
        for row, best in enumerate(order)
    ]


def _words(name: str, value: object) -> str:
    if name in CATEGORIES:
        return f"{name} {value}" if isinstance(value, str) and value else _UNKNOWN.format(name)
    number = float("nan") if value is None or value is pd.NA else float(value)  # type: ignore[arg-type]
    if name.startswith("days_since_"):
        kind = name.removeprefix("days_since_")
        return f"no {kind} so far" if np.isnan(number) else f"{number:.0f} days since the last {kind}"
    if np.isnan(number):
        return _UNKNOWN.format(name.replace("_", " "))
    if name in _WORDS:
        return _WORDS[name].format(number)
    return _count(name, number)


def _count(name: str, number: float) -> str:
    found = _COUNT.fullmatch(name)
    if not found:
        return f"{name.replace('_', ' ')} {number:g}"
    kind, span = found.groups()
    events = f"{number:.0f} {kind} event{'' if number == 1 else 's'}"
    return f"{events} so far" if span == "life" else f"{events} in {span[:-1]} days"
