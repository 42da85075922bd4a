"""The grades of meter-days in their order, and what each costs: points, and whether the day is bad."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["GRADES", "bad", "points"]

GRADES = "ABCDEF"
"""The best first."""


def points(grades: pd.Series) -> NDArray[np.int64]:
    """0 for a day of A, 5 for one of F, -1 for what is no grade; [N]."""
    return pd.Categorical(grades.astype(object), categories=list(GRADES)).codes.astype(np.int64)


def bad(points: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which days are bad by their points: those of D to F."""
    return points > GRADES.index("C")
