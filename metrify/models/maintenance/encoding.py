"""Categories as numbers: each value becomes the failure rate that training saw, drawn towards that of the fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Encoding"]

_PRIOR_ROWS = 200.0
"""rows at the fleet's rate that each value starts with: a rare value cannot give away its own targets"""


@dataclass(frozen=True)
class Encoding:
    """Numeric columns as they are, text columns as rates.

    Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes in classification and
    prediction problems", ACM SIGKDD Explorations 3, doi:10.1145/507533.507538.
    """

    numbers: tuple[str, ...]
    rates: dict[str, dict[str, float]]
    """by text column and value"""
    fleet: float
    """the rate of all rows, which a value that training never saw gets"""

    @classmethod
    def fit(cls, rows: pd.DataFrame, numbers: Sequence[str], texts: Sequence[str]) -> Self:
        """From rows with `target` 0 or 1."""
        fleet = float(rows["target"].mean())
        rates = {}
        for name in texts:
            seen = rows["target"].astype(np.float64).groupby(_text(rows[name])).agg(["sum", "size"])
            rates[name] = ((seen["sum"] + _PRIOR_ROWS * fleet) / (seen["size"] + _PRIOR_ROWS)).to_dict()
        return cls(tuple(numbers), rates, fleet)

    @property
    def names(self) -> list[str]:
        """What the columns of the matrix are, in order."""
        return [*self.numbers, *self.rates]

    def matrix(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Shape [N, F]; NaN where a number is missing."""
        texts = [_text(rows[name]).map(rates).fillna(self.fleet) for name, rates in self.rates.items()]
        numbers = rows[list(self.numbers)].to_numpy(np.float32, na_value=np.nan)
        return np.column_stack([numbers, *texts]).astype(np.float32)

    def state(self) -> dict[str, Any]:
        return {"numbers": self.numbers, "rates": self.rates, "fleet": self.fleet}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        return cls(tuple(state["numbers"]), state["rates"], state["fleet"])


def _text(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "").astype(str)
