"""Grades of meter-days as one matrix: which meters are worst, and how grades go over time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.report.words import count
from metrify.vee.grades.points import GRADES, bad, points

__all__ = ["GradeMatrix", "Weeks", "level", "monday", "stretches"]

_A_FEW_DAYS = 21
"""So many days are shown as days, more of them as weeks."""
_MONDAY = 4  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class GradeMatrix:
    """`levels[m, d]` is the grade of meter `meters[m]` on the d-th day from `first` on; the worst meter is on top."""

    meters: NDArray[np.object_]
    first: np.datetime64
    """a local date"""
    levels: NDArray[np.uint8]
    """1 to 6 for A to F, 0 where there is no grade, [M, D]"""

    @classmethod
    def of(cls, grades: pd.DataFrame) -> GradeMatrix:
        """From GRADE rows. Worst: the most points, of which a day of A gives none and one of F five."""
        if grades.empty:
            return cls(np.empty(0, object), np.datetime64("1970-01-01", "D"), np.zeros((0, 0), np.uint8))
        place, meters = pd.factorize(grades["meter_id"].astype(object), sort=True)
        days = grades["local_date"].to_numpy().astype("datetime64[D]")
        levels = np.zeros((len(meters), int((days.max() - days.min()).astype(int)) + 1), np.uint8)
        levels[place, (days - days.min()).astype(int)] = level(grades["grade"])
        worst = np.argsort(-_points(levels).sum(axis=1), kind="stable")
        return cls(np.asarray(meters, object)[worst], days.min(), levels[worst])

    @property
    def days(self) -> int:
        return self.levels.shape[1]

    @property
    def last(self) -> np.datetime64:
        """The last local date, included."""
        return self.first + np.timedelta64(max(self.days - 1, 0), "D")

    @property
    def dates(self) -> str:
        """In words."""
        return f"on {self.first}" if self.days == 1 else f"from {self.first} to {self.last}"

    @property
    def meter_days(self) -> str:
        """How many are graded, in words."""
        number = int(self.counts.sum())
        return f"{count(number)} meter-day{'s' * (number != 1)}"

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Meter-days of each grade, [6]."""
        return np.bincount(self.levels.ravel(), minlength=len(GRADES) + 1)[1:]

    @property
    def shares(self) -> NDArray[np.float64]:
        """The same as shares of all graded meter-days, [6]."""
        return self.counts / max(self.counts.sum(), 1)

    @property
    def bad_days(self) -> NDArray[np.int64]:
        """Days of each meter that are graded D, E or F, [M]."""
        return bad(_points(self.levels)).sum(axis=1)

    def weeks(self) -> Weeks:
        """Shares of the grades by week from Monday on, or by day where there are few."""
        edges = stretches(self.first, self.last)
        place = np.searchsorted(edges, self.first + np.arange(self.days), side="right") - 1
        counts = np.zeros((len(edges) - 1, len(GRADES)))
        for grade in range(len(GRADES)):
            np.add.at(counts[:, grade], place, (self.levels == grade + 1).sum(axis=0))
        with np.errstate(invalid="ignore"):
            return Weeks(edges, counts / counts.sum(axis=1, keepdims=True))

    def worst_week(self) -> np.datetime64:
        """The Monday of the week with the most points over all meters, the latest of several."""
        mondays = monday(self.first + np.arange(self.days))
        starts, place = np.unique(mondays, return_inverse=True)
        points = np.bincount(place, _points(self.levels).sum(axis=0))
        return starts[len(starts) - 1 - int(np.argmax(points[::-1]))]


@dataclass(frozen=True)
class Weeks:
    """Shares of grades by stretch of time."""

    edges: NDArray[np.datetime64]
    """local dates, [W + 1]"""
    shares: NDArray[np.float64]
    """of A to F, [W, 6]; NaN in a stretch without grades"""


def stretches(first: np.datetime64, last: np.datetime64) -> NDArray[np.datetime64]:
    """Edges of the weeks from Monday on that local dates from first to last are in; of the days, where they are few."""
    if (last - first).astype(int) < _A_FEW_DAYS:
        return np.arange(first, last + np.timedelta64(2, "D"))
    return np.arange(monday(first), last + np.timedelta64(8, "D"), 7)


def monday(dates: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """The Monday of the week of each date."""
    return dates - np.asarray((np.asarray(dates).astype("datetime64[D]").astype(int) - _MONDAY) % 7, "timedelta64[D]")


def level(grades: pd.Series) -> NDArray[np.uint8]:
    """1 to 6 for A to F, 0 for what is no grade."""
    return (points(grades) + 1).astype(np.uint8)


def _points(levels: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.where(levels > 0, levels.astype(np.int64) - 1, 0)
