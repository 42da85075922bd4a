"""A reading that comes within the grace of its day is in time, one that comes later was missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metrify.features.day import day_frame
from metrify.features.sources import Validated
from tests.features.days import judged

GRACE = 24.0


def delivered(found: Validated, hours: float) -> Validated:
    """The same readings, all of which came so many hours after the end of their day (UTC)."""
    ends = (found.raw.times.astype("datetime64[D]") + 1).astype("datetime64[s]").astype(np.int64)
    return replace(found, available=np.broadcast_to(ends + round(hours * 3600), found.raw.values.shape))


def test_a_fleet_that_is_collected_by_night_is_not_silent() -> None:
    values = np.random.default_rng(3).gamma(4.0, 0.1, (2, 30 * 24)) + 0.05
    rows = day_frame(delivered(judged(values), 3), GRACE)
    assert (rows[["gap_share", "gap_share_28d", "faulty_28d", "open_gap_hours"]] == 0).all().all()
    assert (rows[["valid_share", "late_share"]] == 1).all().all()
    assert (rows["delay_hours"] == 3).all()
    assert (rows["target"].dropna() == 0).all()
    assert rows["target"].notna().sum() == 2 * 28
    too_soon = day_frame(delivered(judged(values), 3), 2.0)
    assert (too_soon["gap_share"] == 1).all()
    assert (too_soon["target"].dropna() == 1).all()


def test_a_reading_that_comes_a_week_late_was_missing() -> None:
    values = np.random.default_rng(3).gamma(4.0, 0.1, (1, 30 * 24)) + 0.05
    found = judged(values)
    available = np.zeros(values.shape, np.int64)
    available[0, 20 * 24 + 3] = int(found.raw.times[27 * 24].astype(np.int64))
    available[0, 22 * 24 + 3] = int(found.raw.times[23 * 24 + 5].astype(np.int64))
    rows = day_frame(replace(found, available=available), GRACE).set_index("local_date")
    assert rows["target"]["2023-01-20"] == 1.0  # the 21st lacks it
    assert rows["gap_share"]["2023-01-21"] == pytest.approx(1 / 24)
    assert rows["target"]["2023-01-22"] == 0.0  # within its grace
    assert rows["delay_hours"]["2023-01-23"] == 5
    assert rows["target"].sum() == 1
