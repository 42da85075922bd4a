"""The value of a rank."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metrify.selection import select


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40), st.integers(0, 39), st.integers(0, 3))
def test_a_rank_stands_where_it_would_if_all_were_sorted(found: list[float], place: int, beyond: int) -> None:
    place %= len(found)
    values = np.array([*found, *[-9.0] * beyond], np.float32)
    select(values, len(found), place)
    assert values[place] == np.sort(np.array(found, np.float32))[place]
    assert values[:place].max(initial=-9) <= values[place] <= values[place : len(found)].min()
    assert (values[len(found) :] == -9).all(), "what is not among the first stays"
