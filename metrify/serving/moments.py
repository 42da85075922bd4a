"""Times and readings of a request as numpy and metrify.scoring know them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from metrify.scoring.request import RequestHistory
    from metrify.serving.messages import History

__all__ = ["day", "histories", "moment"]


def moment(given: datetime | None) -> np.datetime64 | None:
    """A UTC time [s]."""
    return None if given is None else np.datetime64(given.replace(tzinfo=None), "s")


def day(given: date | None) -> np.datetime64 | None:
    """A date of the calendar."""
    return None if given is None else np.datetime64(given, "D")


def histories(given: Iterable[History]) -> dict[str, RequestHistory]:
    """The readings of each meter that came with a request."""
    from metrify.scoring.request import RequestHistory

    return {
        one.meter_id: RequestHistory(np.datetime64(one.start.replace(tzinfo=None), "s"), one.interval_minutes, one.kwh)
        for one in given
    }
