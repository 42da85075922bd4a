"""Rules about the counter: it must agree with the intervals and never run backwards."""

from __future__ import annotations

from metrify.vee.rule import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
