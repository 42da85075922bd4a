"""What a feature is: declared once, with its unit and its meaning."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TARGET_UNIT", "Feature"]

TARGET_UNIT = "as the target"
"""Unit of features that scale with the meter: models divide them by the meter's level."""


@dataclass(frozen=True)
class Feature:
    """One column that models may read: float32, empty (NaN) where nothing was known at the issue time."""

    name: str
    unit: str
    meaning: str
