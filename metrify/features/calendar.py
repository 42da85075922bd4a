"""The clock and the calendar at the meter's place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrify.features.feature import Feature
from metrify.features.rows import ForecastRows

__all__ = ["FEATURES", "calendar"]

FEATURES = (
    Feature("minute_of_day", "min", "minutes since local midnight"),
    Feature("weekday", "", "0 is Monday"),
    Feature("day_of_year", "d", "1 is the first of January"),
    Feature("is_holiday", "0 or 1", "whether the local day is a public holiday"),
    Feature("is_day_off", "0 or 1", "whether the local day is a weekend or a public holiday"),
    Feature("is_eve", "0 or 1", "whether the next local day is a weekend or a public holiday"),
)


def calendar(rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    """The features above, each of shape [R]: they are the same for all meters of a calendar."""
    local = rows.local
    holiday = rows.calendar.off_days(local.day)
    columns = {
        "minute_of_day": local.minute,
        "weekday": local.weekday,
        "day_of_year": local.day_of_year,
        "is_holiday": holiday,
        "is_day_off": holiday | (local.weekday >= 5),
        "is_eve": rows.calendar.off_days(local.day + 1) | ((local.day + 4) % 7 >= 5),
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}
