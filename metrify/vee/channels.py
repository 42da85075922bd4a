"""Rules about the other channels: voltage, reactive energy, energy given back."""

from __future__ import annotations

from metrify.vee.rule import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
