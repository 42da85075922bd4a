"""Colours by what they stand for: the same thing has the same colour in every figure, on light and on dark ground."""

from __future__ import annotations

__all__ = ["PALETTE", "light", "variables"]

PALETTE: dict[str, tuple[str, str]] = {
    "ground": ("#f4f6f8", "#0e151b"),
    "card": ("#ffffff", "#151f27"),
    "ink": ("#16222d", "#e9eff3"),  # text; what came true, load
    "muted": ("#566571", "#a0b1bd"),  # axes, remarks, what is nominal
    "rule": ("#dbe2e7", "#2b3843"),  # lines of grids and tables
    "forecast": ("#1768ac", "#68b6f2"),  # whatever a model said
    "solar": ("#985800", "#f4b64c"),  # production
    "error": ("#8f4f7d", "#d9a0c8"),  # how far off
    "grade-a": ("#e3edf2", "#22343f"),  # grades of meter-days: the worse, the further from the ground in lightness,
    "grade-b": ("#bcdbea", "#35607b"),  # so that they can be told apart whatever colours a person sees
    "grade-c": ("#dcb12f", "#8c7a2e"),
    "grade-d": ("#dd8430", "#d08a33"),
    "grade-e": ("#bb4322", "#fb9c78"),
    "grade-f": ("#5f0f1f", "#ffe3d8"),
}
"""Role: colour on light ground, colour on dark ground."""


def light(role: str) -> str:
    """The colour that figures are drawn in; `canvas.svg` turns it into the CSS variable of its role."""
    return PALETTE[role][0]


def variables(ground: int) -> str:
    """CSS variables of the palette for light (0) or dark (1) ground."""
    return " ".join(f"--{role}: {colours[ground]};" for role, colours in PALETTE.items())
