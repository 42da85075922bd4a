"""The clock and the holidays of a place, with the days that the HOLIDAY table adds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.schema import HOLIDAY

__all__ = ["Calendars"]


@dataclass(frozen=True)
class Calendars:
    """Makes the calendar of any place; read once from the lake, small enough to be everywhere."""

    holidays: dict[tuple[str, str], frozenset[int]] = field(default_factory=dict)
    """public holidays of the HOLIDAY table by country and subdivision, days since 1970-01-01"""

    @classmethod
    def read(cls, lake: Lake) -> Calendars:
        """From the lake's HOLIDAY table."""
        days: dict[tuple[str, str], set[int]] = {}
        for row in lake.read(HOLIDAY).to_pylist() if lake.exists(HOLIDAY) else []:
            if row["kind"] == "public":
                day = int(np.datetime64(row["date"], "D").astype(np.int64))
                days.setdefault((row["country"], row["subdivision"]), set()).add(day)
        return cls({place: frozenset(found) for place, found in days.items()})

    def of(self, zone: str, country: str, subdivision: str) -> Calendar:
        """The clock and the holidays of a place."""
        of_country = self.holidays.get((country, ""), frozenset())
        return Calendar(zone, country, subdivision, of_country | self.holidays.get((country, subdivision), frozenset()))
