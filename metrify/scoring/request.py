"""Readings that come with a request instead of from the lake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from metrify.schema import TIME

__all__ = ["RequestHistory"]


@dataclass(frozen=True)
class RequestHistory:
    """Readings that come with a request, for a meter that the lake does not know."""

    start: np.datetime64
    """start of the first interval, UTC"""
    interval_minutes: int
    values: list[float | None]
    """the target per interval, None where unknown"""

    @property
    def until(self) -> np.datetime64:
        """End of the last interval."""
        return self.start + np.timedelta64(len(self.values) * self.interval_minutes * 60, "s")

    def rows(self, meter_id: str, target: str) -> pa.Table:
        """READING rows of this history."""
        step = np.timedelta64(self.interval_minutes * 60, "s")
        times = self.start.astype("datetime64[s]") + np.arange(len(self.values)) * step
        columns = {
            "meter_id": pa.array([meter_id] * len(times)),
            "timestamp": pa.array(times.astype("datetime64[us]")).cast(TIME),
            target: pa.array(self.values, pa.float64()),
            "available_at": pa.array((times + step).astype("datetime64[us]")).cast(TIME),
        }
        return pa.table(columns)
