from __future__ import annotations

import pyarrow as pa

from metrify.lake.settle import compare, conflict_reasons, settle
from metrify.schema import READING
from tests.lake.rows import reading, readings


def _load(*rows: tuple) -> pa.Table:
    """Rows of (meter, hour, kwh, version, ingested)."""
    return READING.conform(readings([reading(*row) for row in rows]))


def _kwh(rows: pa.Table) -> list[float | None]:
    return rows["kwh"].to_pylist()


def test_rows_come_out_in_the_order_of_their_key() -> None:
    settled = settle(READING, _load(("b", 0, 3.0, 1, 0), ("a", 1, 2.0, 1, 0), ("a", 0, 1.0, 1, 0)))
    assert _kwh(settled.rows) == [1.0, 2.0, 3.0]


def test_of_one_key_the_higher_version_holds_and_the_others_are_superseded() -> None:
    settled = settle(READING, _load(("a", 0, 1.0, 1, 9), ("a", 0, 3.0, 3, 0), ("a", 0, 2.0, 2, 0)))
    assert _kwh(settled.rows) == [3.0]
    assert sorted(_kwh(settled.superseded)) == [1.0, 2.0]
    assert settled.repeated == len(settled.refused) == 0


def test_of_one_version_the_later_ingestion_holds() -> None:
    settled = settle(READING, _load(("a", 0, 1.0, 1, 5), ("a", 0, 2.0, 1, 7)))
    assert _kwh(settled.rows) == [2.0]
    assert _kwh(settled.superseded) == [1.0]


def test_equal_rows_are_kept_once_and_counted() -> None:
    settled = settle(READING, _load(*[("a", 0, None, 1, 0)] * 3, ("a", 0, None, 1, 4)))
    assert settled.rows.num_rows == 1
    assert settled.repeated == 3
    assert settled.superseded.num_rows == 0


def test_of_contradicting_rows_the_first_stays_and_the_reason_says_both_values() -> None:
    rows = _load(
        ("a", 0, 1.5, 1, 0), ("b", 0, 9.0, 1, 0), ("a", 0, 2.5, 1, 0), ("a", 0, 1.5, 1, 0), ("a", 0, None, 1, 0)
    )
    settled = settle(READING, rows)
    assert _kwh(settled.rows) == [1.5, 9.0]
    assert settled.repeated == 1
    assert (sorted(settled.refused), settled.kept.tolist()) == ([2, 4], [0, 0])
    reasons = dict(zip(settled.refused.tolist(), conflict_reasons(READING, rows, settled), strict=True))
    assert "kwh 1.5 came first, this says 2.5" in reasons[2]
    assert "kwh 1.5 came first, this says None" in reasons[4]


def test_against_what_is_held_each_row_is_new_or_wins_or_loses_or_says_the_same() -> None:
    held = _load(
        ("a", 0, 1.0, 2, 10), ("a", 1, 1.0, 2, 10), ("a", 2, 1.0, 2, 10), ("a", 3, None, 2, 10), ("a", 4, 1.0, 2, 10)
    )
    rows = _load(
        ("a", 0, 9.0, 3, 0),  # higher version
        ("a", 1, 9.0, 1, 99),  # lower version
        ("a", 2, 9.0, 2, 11),  # same version, later
        ("a", 3, None, 2, 99),  # says the same
        ("a", 4, 9.0, 2, 10),  # same version, not later
        ("a", 5, 9.0, 1, 0),  # not there yet
    )
    verdict = compare(READING, rows, held)
    assert verdict.new.tolist() == [False] * 5 + [True]
    assert verdict.wins.tolist() == [True, False, True, False, False, False]
    assert verdict.loses.tolist() == [False, True, False, False, True, False]
    assert verdict.same.tolist() == [False, False, False, True, False, False]
    assert verdict.place.tolist() == [0, 1, 2, 3, 4, -1]


def test_an_equal_reading_of_a_higher_version_is_not_the_same() -> None:
    verdict = compare(READING, _load(("a", 0, 1.0, 2, 0)), _load(("a", 0, 1.0, 1, 0)))
    assert verdict.wins.tolist() == [True]  # or a later correction of version 1 would win over version 2


def test_nothing_settles_to_nothing() -> None:
    empty = _load(("a", 0, 1.0, 1, 0)).slice(0, 0)
    assert settle(READING, empty).rows.num_rows == 0
    assert compare(READING, empty, _load(("a", 0, 1.0, 1, 0))).new.tolist() == []
