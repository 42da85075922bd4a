"""Values as ESPI writes them: whole numbers of 48 bits, and one power of ten for all of a channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Scaled", "scaled"]

MOST = 2**47 - 1
_EXPONENTS = (0, -1, -2, -3, -6, -9, -12, 1, 2, 3, 6, 9, 12)
"""The powers that ESPI has names for (UnitMultiplierKind), the usual ones first."""


@dataclass(frozen=True)
class Scaled:
    """value = number * 10**exponent, in the unit of ESPI."""

    numbers: NDArray[np.int64]
    exponent: int
    inexact: NDArray[np.bool_]
    """where the number is the nearest, not the value itself; shape [N]"""


def scaled(values: NDArray[np.float64], shift: int) -> Scaled:
    """Finite values as whole numbers of the first power of ten that loses nothing, or else the finest that holds all.

    `shift` is the power of ten from the unit of the values to that of ESPI: 3 for kWh to Wh. Read as text with their
    power of ten, whole numbers give back the very same floats; only values of more digits than 48 bits hold cannot.
    """
    best: Scaled | None = None
    for exponent in _EXPONENTS:
        with np.errstate(over="ignore"):
            grown = np.rint(values * 10.0 ** (shift - exponent))
        if len(values) and float(np.abs(grown).max()) > MOST:
            continue
        numbers = grown.astype(np.int64)
        found = Scaled(numbers, exponent, _read_back(numbers, exponent - shift) != values)
        if not found.inexact.any():
            return found
        if best is None or exponent < best.exponent:
            best = found
    if best is None:  # larger than any power holds: the largest number stands for them
        limit = np.clip(values * 10.0 ** (shift - 12), -MOST, MOST)
        numbers = np.rint(limit).astype(np.int64)
        best = Scaled(numbers, 12, _read_back(numbers, 12 - shift) != values)
    return best


def _read_back(numbers: NDArray[np.int64], exponent: int) -> NDArray[np.float64]:
    text = pc.binary_join_element_wise(pa.array(numbers).cast(pa.string()), f"e{exponent}", "")
    return text.cast(pa.float64()).to_numpy()
