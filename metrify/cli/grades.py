"""Grades as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metrify.cli.console import table

__all__ = ["grades_table"]


def grades_table(days: Mapping[str, int], title: str = "Grades") -> Any:
    """A Rich table of the meter-days of each grade, and their share in percent."""
    number = max(sum(days.values()), 1)
    rows = [[grade, count, f"{count / number:.2%}"] for grade, count in days.items()]
    return table(title, ["grade", "meter-days", "share"], rows)
