"""The value of a rank without sorting all of them, compiled: for medians and quantiles inside of compiled loops."""

from __future__ import annotations

from numba import njit

__all__ = ["select"]


@njit(cache=True)
def select(values, count, place):  # pragma: no cover - compiled
    """Bring the value of that rank of the first `count` to `place`, lower ones before it, higher ones after it.

    The values are reordered in place; none is NaN. Hoare 1961, Algorithm 65: Find.
    """
    left, right = 0, count - 1
    while left < right:
        pivot, low, high = values[place], left, right
        while low <= high:
            while values[low] < pivot:
                low += 1
            while values[high] > pivot:
                high -= 1
            if low <= high:
                values[low], values[high] = values[high], values[low]
                low += 1
                high -= 1
        if high < place:
            left = low
        if place < low:
            right = high
