"""Rules about what happened to the meter: outages, exchanges."""

from __future__ import annotations

from metrify.vee.rule import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
