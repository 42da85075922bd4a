"""Rules about how much was used, against the meter's own like periods."""

from __future__ import annotations

from metrify.vee.rule import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
