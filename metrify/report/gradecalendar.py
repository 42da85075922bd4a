"""The calendar of one meter's grades: a square a day, weeks from the left, Monday on top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from metrify.report.grades import level, monday
from metrify.report.heatmap import Tick
from metrify.report.words import count, percent
from metrify.vee.grades.points import GRADES

__all__ = ["Square", "Year", "years"]


@dataclass(frozen=True)
class Square:
    """One day."""

    grade: str
    """A to F, empty where there is none"""
    row: int
    """1 is Monday"""
    column: int
    """week, counted from 1"""
    title: str


@dataclass(frozen=True)
class Year:
    name: int
    weeks: int
    squares: list[Square]
    months: list[Tick]
    """`at` as a share of the weeks"""
    caption: str


def years(grades: pd.DataFrame) -> list[Year]:
    """The years of one meter's GRADE rows, the latest first."""
    rows = grades.assign(level=level(grades["grade"])).sort_values("local_date")
    return [_year(int(str(name)), mine) for name, mine in rows.groupby(rows["local_date"].dt.year)][::-1]


def _year(name: int, rows: pd.DataFrame) -> Year:
    dates = rows["local_date"].to_numpy().astype("datetime64[D]")
    first = monday(dates[0])
    columns = ((dates - first).astype(int) // 7 + 1).tolist()
    weekdays = ((dates - first).astype(int) % 7 + 1).tolist()
    squares = [
        Square(GRADES[row.level - 1] if row.level else "", weekday, column, _title(row))
        for row, weekday, column in zip(rows.itertuples(), weekdays, columns, strict=True)
    ]
    weeks = columns[-1]
    starts = pd.date_range(first, periods=weeks, freq="7D")
    named = [(week, f"{day:%b}") for week, day in enumerate(starts) if day.day <= 7]
    months = [Tick(week / weeks, text, minor=number % 2 > 0) for number, (week, text) in enumerate(named)]
    counts = np.bincount(rows["level"], minlength=len(GRADES) + 1)[1:]
    told = ", ".join(f"{count(days)} of {grade}" for grade, days in zip(GRADES, counts, strict=True) if days)
    return Year(name, weeks, squares, months, f"{name}: days by grade, {told or 'none'}.")


def _title(row) -> str:
    """What a pointer over the day shows."""
    grade = GRADES[row.level - 1] if row.level else "no grade"
    parts = [f"{percent(row.measured)} measured", f"{percent(row.estimated)} estimated"]
    reason = row.reason if isinstance(row.reason, str) and row.reason else ""
    return ", ".join([f"{row.local_date:%a %Y-%m-%d}: {grade}", *parts, *([reason] if reason else [])])
