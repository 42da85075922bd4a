"""The promotions of an alias, oldest first: who held it when, and so whom a rollback restores."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

__all__ = ["Promotion", "previous", "read", "write"]

KEPT = 50


@dataclass(frozen=True)
class Promotion:
    """One version was given the alias."""

    version: int
    at: str
    """UTC, ISO 8601"""
    by: str
    before: int | None
    """the version that held the alias until then"""


def read(text: str | None) -> list[Promotion]:
    """From the tag of a registered model; none where it was never set."""
    return [Promotion(**entry) for entry in json.loads(text or "[]")]


def write(promotions: list[Promotion]) -> str:
    """As a tag: the latest of them, which is what a rollback may reach."""
    return json.dumps([asdict(entry) for entry in promotions[-KEPT:]])


def previous(promotions: list[Promotion], current: int, exists: Callable[[int], bool]) -> list[Promotion]:
    """The promotions up to the latest one of another version that still exists; empty where there is none."""
    for end in range(len(promotions), 0, -1):
        version = promotions[end - 1].version
        if version != current and exists(version):
            return promotions[:end]
    return []
