"""One grid for all columns of long rows: amounts add up, counters keep their last reading, strays are seen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from metrify.lake.grid import Grid
from metrify.lake.panels import layouts, meter_groups
from metrify.panel import Panel
from metrify.schema import METER
from metrify.settings import SiteSettings

START = np.datetime64("2024-01-01", "s")
MINUTE = np.timedelta64(60, "s")


def grid(*rows: tuple[int, int], step: int = 60, phase: int = 0, meters: int = 2) -> Grid:
    """Rows as (meter, minutes after START)."""
    meter = np.array([row for row, _ in rows], np.int64)
    times = START + np.array([minutes for _, minutes in rows], np.int64) * MINUTE
    return Grid(np.array([f"M{m}" for m in range(meters)]), step, phase, meter, times)


def test_every_column_lies_on_the_same_grid_in_any_order() -> None:
    found = grid((1, 120), (0, 0), (1, 0), (0, 180))
    kwh = found.panel("kwh", np.array([1.0, 2.0, np.nan, 4.0]))
    counter = found.panel("register_kwh", np.array([10.0, np.nan, 30.0, 40.0]))
    nan = np.nan
    np.testing.assert_array_equal(kwh.values, np.array([[2, nan, nan, 4], [nan, nan, 1, nan]], np.float32))
    np.testing.assert_array_equal(counter.values, [[nan, nan, nan, 40], [30, nan, 10, nan]])
    assert (kwh.start, kwh.values.shape, kwh.step_minutes) == (counter.start, counter.values.shape, 60)


def test_it_is_the_panel_that_long_rows_make() -> None:
    rng = np.random.default_rng(1)
    rows = [(int(m), int(t) * 15) for m in range(2) for t in rng.choice(400, 300, replace=False)]
    for step, phase in ((15, 0), (60, 0), (60, 15), (30, 5)):
        found, values = grid(*rows, step=step, phase=phase), rng.gamma(2.0, 0.3, len(rows))
        for column, add_up in (("kwh", True), ("voltage_v", False)):
            expected = Panel.from_long(
                found.meter_ids, found.rows, found.times, values, step, phase_minutes=phase, add_up=add_up
            )
            mine = found.panel(column, values)
            assert mine.start == expected.start
            np.testing.assert_array_equal(mine.values, expected.values)


def test_of_a_counter_the_last_reading_of_an_interval_holds_and_amounts_add_up() -> None:
    found = grid((0, 30), (0, 0), (0, 90), (0, 60), meters=1)
    values = np.array([7_654_321.123, 7_654_320.001, np.nan, 7_654_322.5])
    np.testing.assert_array_equal(found.panel("register_kwh", values).values, [[7_654_321.123, 7_654_322.5]])
    assert found.panel("register_kwh", values).values.dtype == np.float64
    np.testing.assert_array_equal(found.panel("kwh", np.array([0.5, 0.25, 1.0, 1.0])).values, [[0.75, 2.0]])
    np.testing.assert_array_equal(found.panel("voltage_v", np.array([230.0, 240, 230, 232])).values, [[235.0, 231.0]])


def test_without_rows_there_is_no_interval() -> None:
    found = grid()
    for column in ("kwh", "register_kwh"):
        assert found.panel(column, np.empty(0)).values.shape == (2, 0)
    assert found.off() is None
    assert found.available(np.empty(0, "datetime64[s]")) is None


def test_a_stamp_beside_the_grid_marks_the_interval_that_contains_it() -> None:
    hours = [(0, 60 * hour) for hour in range(48)]
    off = grid(*hours, (0, 60 * 48 + 7)).off()
    assert off is not None
    assert np.argwhere(off).tolist() == [[0, 48]]
    assert grid(*hours).off() is None


def test_who_reports_more_often_than_the_step_is_not_beside_it() -> None:
    quarters = [(0, 15 * place) for place in range(96)]
    assert grid(*quarters, *((1, 60 * hour) for hour in range(24))).off() is None
    off = grid(*quarters, *((1, 60 * hour) for hour in range(20)), (1, 60 * 20 + 15)).off()
    assert off is not None
    assert np.argwhere(off).tolist() == [[1, 20]]


def test_late_rows_are_told_when_they_could_be_known() -> None:
    found = grid((0, 0), (0, 60), (1, 0))
    known_at = np.array(["2024-01-01T01:00", "2024-01-03T00:00", "NaT"], "datetime64[us]")
    late = found.available(known_at)
    assert late is not None
    assert late.tolist() == [[0, int(np.datetime64("2024-01-03", "s").astype(int))], [0, 0]]
    assert found.available(known_at[[0, 2, 2]]) is None


def test_groups_by_clock_and_step_have_their_own_rows() -> None:
    keys = {"meter_id": ["b", "a", "b", "a", "b"], "timestamp": [0, 0, 30, 60, 60]}
    times = pa.array(START + np.array(keys["timestamp"]) * MINUTE).cast(pa.timestamp("us", "UTC"))
    rows = pa.table({"meter_id": keys["meter_id"], "timestamp": times, "kwh": [1.0, 2.0, 3.0, 4.0, 5.0]})
    rows = rows.append_column("available_at", pa.nulls(5, pa.timestamp("us", "UTC")))
    meters = METER.conform(pa.table({"meter_id": ["a", "b"], "valid_from": times[:2], "zone": ["UTC", "UTC"]}))
    meters = meters.to_pandas()
    found = {str(g.panel.meter_ids[0]): g for g in meter_groups(rows, "kwh", meters, SiteSettings())}
    assert {name: (g.panel.step_minutes, g.panel.values.tolist()) for name, g in found.items()} == {
        "a": (60, [[2.0, 4.0]]),
        "b": (30, [[1.0, 3.0, 5.0]]),
    }
    (whole,) = layouts(rows, meters, SiteSettings(), step_minutes=60)
    assert whole.panel("kwh", rows["kwh"].to_numpy()).values.shape == (2, 2)
