"""What a validation rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found

__all__ = ["Find", "Rule"]

Find = Callable[[Evidence, VeeSettings], Found]


@dataclass(frozen=True)
class Rule:
    """One rule: `find(evidence, settings)` gives True, [M, T], where it holds. It changes no reading."""

    name: str
    bit: int
    """its place in the mask, for good: masks are kept"""
    severity: Literal["error", "warning", "info"]
    """error: the reading is not used by models and bills; warning: it is used and looked at; info: it is told"""
    meaning: str
    """what holds, in words"""
    find: Find
    at_once: Find | None = None
    """What the rule can say as soon as an interval is over, where hindsight says more; None: the same"""
    teaches: bool = True
    """whether a model may learn from a reading of which it holds; never where the severity is error"""
    sees: tuple[str, ...] = ()
    """channels, or other fields of Evidence that may be None; without any of them it finds nothing"""
