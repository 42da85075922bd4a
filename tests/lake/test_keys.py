from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from metrify.lake.keys import match, pack

TEXT = st.sampled_from(["", "a", "b", "ä", "zz"])
TIMES = st.integers(-(10**12), 10**12).map(lambda s: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=s))
ROWS = st.lists(st.tuples(TEXT, TIMES, st.none() | st.floats(allow_nan=False)), max_size=30)


def _table(rows: list[tuple]) -> pa.Table:
    names = [("a", pa.string()), ("t", pa.timestamp("us", "UTC")), ("x", pa.float64())]
    columns = [pa.array([row[i] for row in rows], kind) for i, (_, kind) in enumerate(names)]
    return pa.table(columns, names=[name for name, _ in names])


@given(ROWS)
def test_packed_keys_sort_and_repeat_like_the_rows(rows: list[tuple]) -> None:
    def order(row: tuple) -> tuple:
        return row[0].encode(), row[1], row[2] is None, row[2] or 0.0

    packed = pack(_table(rows), ["a", "t", "x"])
    for i, left in enumerate(rows):
        for j, right in enumerate(rows):
            assert (packed[i] < packed[j]) == (order(left) < order(right))


@given(ROWS, ROWS)
def test_match_finds_an_equal_row_or_says_that_there_is_none(rows: list[tuple], held: list[tuple]) -> None:
    for (key, time, _), place in zip(rows, match(_table(rows), _table(held), ["a", "t"]), strict=True):
        present = [(k, t) for k, t, _ in held]
        assert place == -1 if (key, time) not in present else present[place] == (key, time)


def test_wide_keys_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-(2**40), 2**40, (4, 500))
    values[:, 250:] = values[:, :250]
    rows = pa.table({str(i): column for i, column in enumerate(values)})
    packed = pack(rows, ["0", "1", "2", "3"])
    assert np.array_equal(packed[:250], packed[250:])
    assert len(np.unique(packed)) == 250
