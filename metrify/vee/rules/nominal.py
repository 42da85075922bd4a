"""The voltage that a meter should see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrify.panel import Panel

__all__ = ["nominal_voltage"]

_LEVELS_V = (120.0, 127.0, 208.0, 230.0, 240.0, 277.0, 400.0, 480.0)
"""Standard levels of low voltage [V]."""
_NEAR = 0.1
"""A median so near to a standard level means that level."""
_SAMPLE = 512
"""Readings of a meter that its median is taken over, spread over all of them."""


def nominal_voltage(voltage: Panel, first: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Nominal voltage of each meter [V] and the first interval after those that tell it, both [M].

    The standard level nearest to the median of the readings above zero, or of those in the `first` intervals from the
    meter's first one on; that median itself where no level is near. NaN for a meter without any.
    """
    values = voltage.values
    medians, since = _spread(values) if first is None else _begun(values, first)
    levels = np.array(_LEVELS_V)
    nearest = levels[np.abs(np.log(medians[:, None] / levels)).argmin(axis=1)]
    return np.where(np.abs(medians / nearest - 1) <= _NEAR, nearest, medians), since


def _spread(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    medians = _median(values[:, :: max(values.shape[1] // _SAMPLE, 1)])
    rest = np.flatnonzero(np.isnan(medians))  # few readings, all of them beside the sample
    medians[rest] = _median(values[rest])
    return medians, np.full(len(values), values.shape[1])


def _begun(values: NDArray[np.float32], first: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if not values.size:
        return np.full(len(values), np.nan), np.zeros(len(values), np.int64)
    begin = (values > 0).argmax(axis=1)
    places = begin[:, None] + np.arange(first)
    sample = np.take_along_axis(values, np.minimum(places, values.shape[1] - 1), axis=1)
    return _median(np.where(places < values.shape[1], sample, np.nan)), begin + first


def _median(sample: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median of the values above zero of each row, of two the upper one; NaN without any."""
    ordered = np.sort(np.where(sample > 0, sample, np.nan), axis=1)  # NaN comes last
    middle = np.count_nonzero(np.isfinite(ordered), axis=1) // 2
    if not ordered.shape[1]:
        return np.full(len(sample), np.nan)
    return ordered[np.arange(len(ordered)), np.minimum(middle, ordered.shape[1] - 1)].astype(np.float64)
