"""Gaps that are cut out of readings."""

from __future__ import annotations

import numpy as np
import pytest

from metrify.errors import BadValue
from metrify.sample.gaps import cut
from tests.sample.panels import HOUR, made_up


def test_gaps_have_the_lengths_and_the_table_says_where_they_are() -> None:
    panel = made_up(step_minutes=30)
    panel.values[0, 500:900] = np.nan
    before = panel.values.copy()
    holes, mask, table = cut(panel, (1, 6, 24), 4, seed=3)
    np.testing.assert_array_equal(panel.values, before)
    assert table.groupby(["meter_id", "hours"]).size().eq(4).all()
    assert len(table) == 6 * 3 * 4
    assert (table["until"] - table["timestamp"] == table["hours"] * HOUR).all()
    assert mask.sum() == table["hours"].sum() * 2
    np.testing.assert_array_equal(np.isnan(holes.values), mask | np.isnan(before))
    np.testing.assert_array_equal(holes.values[~mask], before[~mask])
    assert np.isfinite(before[mask]).all()


def test_gaps_do_not_touch_and_have_known_neighbours() -> None:
    panel = made_up(meters=2, days=20)
    holes, mask, table = cut(panel, (1, 3), 20, seed=4)
    edges = np.diff(np.pad(mask.astype(int), ((0, 0), (1, 1))), axis=1)
    assert np.count_nonzero(edges == 1) == len(table)
    assert not mask[:, [0, -1]].any()
    assert np.isfinite(holes.values[~mask]).all()


def test_a_meters_gaps_depend_on_the_seed_and_itself() -> None:
    panel = made_up()
    table = cut(panel, (6,), 2, seed=5)[2]
    alone = cut(panel.select(np.array([2])), (6,), 2, seed=5)[2]
    assert table[table["meter_id"] == "m-2"].reset_index(drop=True).equals(alone)
    assert not cut(panel, (6,), 2, seed=6)[2].equals(table)


def test_a_gap_without_room_is_left_out() -> None:
    panel = made_up(meters=1, days=1)
    assert cut(panel, (24,), 3, seed=1)[2].empty
    assert len(cut(panel, (22,), 3, seed=1)[2]) == 1
    with pytest.raises(BadValue, match="lengths_hours"):
        cut(panel, (0.5,), 1, seed=1)
