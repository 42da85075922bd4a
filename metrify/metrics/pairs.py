"""What metrics are made of: pairs of what was said and what came true, and their means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from metrify.errors import BadValue

__all__ = ["Floats", "floats", "mean", "pairs", "ratio"]

Floats = NDArray[np.float64]


def pairs(*sides: ArrayLike) -> tuple[Floats, ...]:
    """The sides as float64 without the places where one of them is missing. Raises BadValue for unequal lengths."""
    arrays = [floats(side) for side in sides]
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) > 1:
        raise BadValue("forecast", f"as many values as there are actuals {shapes[0]}", shapes[1:])
    known = ~np.any([np.isnan(array) for array in arrays], axis=0)
    return tuple(array[known] for array in arrays)


def floats(values: Any) -> Floats:
    """As float64, NaN where pandas has no value."""
    if isinstance(values, (pd.Series, pd.Index)):
        return values.to_numpy(np.float64, na_value=np.nan)
    return np.asarray(values, np.float64)


def mean(values: NDArray) -> float:
    """NaN of nothing."""
    return float(values.mean()) if values.size else np.nan


def ratio(part: float, whole: float) -> float:
    """NaN where the whole is nothing."""
    return float(part / whole) if whole else np.nan
