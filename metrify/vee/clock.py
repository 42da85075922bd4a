"""Rules about time: stamps off the grid, clocks that run wrong."""

from __future__ import annotations

from metrify.vee.rule import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
