"""Edits: applied twice is once, undone restores the bytes, what is measured late wins, nothing is half done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrify.errors import BadValue, MetrifyError, MissingColumns, UnknownMeter, UnknownName, UnreadableFile
from metrify.lake.tables import Lake
from metrify.schema import EDIT, READING
from metrify.vee.edits.clean import clean
from metrify.vee.edits.corrections import read_corrections
from metrify.vee.edits.edit import apply, held, undo
from tests.vee.lake import at, load, put, stamp

HOURS = 48


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    values = load(2, 1)
    values[7] = np.nan
    put(lake, "a", values)
    put(lake, "b", load(2, 2))
    return lake


def edits(*cells: tuple[str, float, object], column: str = "kwh") -> pd.DataFrame:
    rows = [(meter, stamp(hour), column, value) for meter, hour, value in cells]
    return pd.DataFrame(rows, columns=["meter_id", "timestamp", "column", "value"])


def shown(lake: Lake, meter: str, hour: float) -> tuple[float, str]:
    (row,) = clean(lake, meter_ids=[meter], since=stamp(hour), until=stamp(hour + 0.5)).to_pylist()
    return row["kwh"], row["status"]


def as_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_an_edit_stands_in_for_the_reading_which_stays(lake: Lake) -> None:
    before = lake.read(READING)
    done = apply(lake, edits(("a", 3, 1.5), ("a", 7, "0.25")), "A. Clerk", "read on site")
    assert (done.written, done.unchanged) == (2, 0)
    assert shown(lake, "a", 3) == (1.5, "edited")
    assert shown(lake, "a", 7) == (0.25, "edited")
    assert lake.read(READING).equals(before)
    row = lake.read(EDIT).sort_by("timestamp").to_pylist()[0]
    assert (row["author"], row["reason"], row["method"]) == ("A. Clerk", "read on site", "manual")
    assert row["before"] == before.filter(pc.equal(before["meter_id"], "a"))["kwh"].to_pylist()[3]


def test_the_latest_edit_wins_and_the_one_before_shows_again_without_it(lake: Lake) -> None:
    apply(lake, edits(("a", 3, 1.5)), "one", "why")
    second = apply(lake, edits(("a", 3, 2.5)), "two", "why")
    assert shown(lake, "a", 3)[0] == 2.5
    assert held(lake)["state"].to_pylist() == ["overruled", "holds"]
    apply(lake, edits(("a", 3, 1.5)), "one", "why")
    assert shown(lake, "a", 3)[0] == 1.5
    undo(lake, second.edit_ids, author="two")
    assert shown(lake, "a", 3)[0] == 1.5
    undo(lake, meter_id="a", author="one")
    assert shown(lake, "a", 3)[1] == "measured"


def test_what_is_measured_late_wins(lake: Lake) -> None:
    apply(lake, edits(("a", 7, 0.25), ("a", 3, 9.0)), "one", "why")
    put(lake, "a", [0.31], first=7)
    assert shown(lake, "a", 7) == (0.31, "measured")
    assert shown(lake, "a", 3) == (9.0, "edited")
    assert held(lake)["state"].to_pylist() == ["holds", "stale"]


def test_undoing_names_who_did_it_and_an_edit_can_be_done_again(lake: Lake) -> None:
    done = apply(lake, edits(("a", 3, 1.5)), "one", "why")
    undo(lake, done.edit_ids, author="two")
    (row,) = lake.read(EDIT).to_pylist()
    assert row["undone_by"] == "two"
    assert row["undone_at"] > row["edited_at"]
    again = undo(lake, done.edit_ids, author="three")
    assert (again.written, again.unchanged) == (0, 1)
    assert lake.read(EDIT).to_pylist()[0]["undone_by"] == "two"
    redone = apply(lake, edits(("a", 3, 1.5)), "one", "why")
    assert redone.written == 1
    assert redone.edit_ids != done.edit_ids
    first, second = held(lake).to_pylist()
    assert (first["edit_id"], first["state"], first["undone_by"]) == (done.edit_ids[0], "undone", "two")
    assert (second["edit_id"], second["state"], second["undone_by"]) == (redone.edit_ids[0], "holds", None)
    assert shown(lake, "a", 3) == (1.5, "edited")
    undo(lake, redone.edit_ids, author="four")
    assert held(lake)["undone_by"].to_pylist() == ["two", "four"]


def test_another_reason_is_another_edit_and_the_same_reason_is_the_same(lake: Lake) -> None:
    done = apply(lake, edits(("a", 3, 1.5), ("a", 5, 2.5)), "one", "why")
    again = apply(lake, edits(("a", 5, 2.5), ("a", 3, 1.5)), "one", "why")
    assert (again.written, again.unchanged, sorted(again.edit_ids)) == (0, 2, sorted(done.edit_ids))
    other = apply(lake, edits(("a", 3, 1.5)), "one", "read on site")
    assert other.written == 1
    rows = held(lake).to_pylist()
    assert [(row["reason"], row["state"]) for row in rows] == [
        ("why", "overruled"), ("read on site", "holds"), ("why", "holds"),
    ]  # fmt: skip


def test_a_period_of_a_meter_is_undone(lake: Lake) -> None:
    apply(lake, edits(("a", 3, 1.5), ("a", 9, 2.5), ("b", 3, 3.5)), "one", "why")
    assert undo(lake, meter_id="a", since=stamp(5), until=stamp(10), author="one").written == 1
    assert shown(lake, "a", 9)[1] == "measured"
    assert shown(lake, "a", 3)[1] == shown(lake, "b", 3)[1] == "edited"


CELLS = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.integers(0, HOURS - 1)), st.floats(-1e3, 1e3), min_size=1, max_size=6
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=CELLS, others=CELLS)
def test_editing_twice_is_editing_once_and_undo_restores_the_bytes(lake: Lake, cells: dict, others: dict) -> None:
    readings = as_bytes(lake.read(READING))
    apply(lake, edits(*((*cell, value) for cell, value in others.items())), "earlier", "why")
    before = as_bytes(clean(lake))
    wanted = edits(*((*cell, value) for cell, value in cells.items()))
    done = apply(lake, wanted, "later", "why")
    once, version = as_bytes(clean(lake)), lake.version(EDIT)
    found = {(row["meter_id"], row["timestamp"]): row["kwh"] for row in clean(lake).to_pylist()}
    assert all(found[meter, at(hour)] == value for (meter, hour), value in cells.items())
    assert apply(lake, wanted, "later", "why").written == 0
    assert (as_bytes(clean(lake)), lake.version(EDIT)) == (once, version)
    undo(lake, done.edit_ids, author="later")
    assert as_bytes(clean(lake)) == before
    again = apply(lake, wanted, "later", "why")
    assert not set(again.edit_ids) & set(done.edit_ids)
    assert as_bytes(clean(lake)) == once
    undo(lake, again.edit_ids, author="later")
    assert as_bytes(clean(lake)) == before
    assert as_bytes(lake.read(READING)) == readings


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        (edits(("a", 3, 1.0), ("nobody", 3, 1.0)), UnknownMeter, "nobody"),
        (edits(("a", 3, 1.0), ("a", 4.25, 1.0)), BadValue, "60 minutes"),
        (edits(("a", 3, 1.0), ("a", -1, 1.0)), BadValue, "from 2024-01-01"),
        (edits(("a", 3, 1.0), ("a", 24 * 20_000, 1.0)), BadValue, "not to come"),
        (edits(("a", 3, 1.0), ("a", 4, "plenty")), BadValue, "value, row 2: wanted a finite number, found 'plenty'"),
        (edits(("a", 3, 1.0), ("a", 4, "nan")), BadValue, "finite"),
        (edits(("a", 3, 1.0), ("a", 4, 1e9)), BadValue, "a value from"),
        (edits(("a", 3, 1.0), ("a", 3, 2.0)), BadValue, "one value"),
        (edits(("a", 3, 1.0), column="kwhh"), UnknownName, "Did you mean kwh"),
        (edits(("a", 3, 1.0), column="meter_id"), UnknownName, "measure"),
        (edits(("a", 3, 1.0)).assign(timestamp="noon"), BadValue, "timestamp, row 1"),
        (edits(("a", 3, 1.0)).drop(columns="value"), MissingColumns, "value"),
    ],
)
def test_bad_edits_are_refused_and_none_of_them_is_applied(
    lake: Lake, rows: pd.DataFrame, error: type[MetrifyError], said: str
) -> None:
    with pytest.raises(error, match=said):
        apply(lake, rows, "one", "why")
    assert lake.count(EDIT) == 0


def test_who_and_why_must_be_said(lake: Lake) -> None:
    for author, reason in (("", "why"), ("one", "  ")):
        with pytest.raises(BadValue, match="words"):
            apply(lake, edits(("a", 3, 1.0)), author, reason)
    with pytest.raises(BadValue, match="author"):
        undo(lake, meter_id="a", author="")


def test_what_cannot_be_undone_is_told(lake: Lake) -> None:
    done = apply(lake, edits(("a", 3, 1.0)), "one", "why")
    with pytest.raises(BadValue, match="edit list"):
        undo(lake, [*done.edit_ids, "nothing"], author="one")
    assert shown(lake, "a", 3)[1] == "edited"
    with pytest.raises(UnknownMeter):
        undo(lake, meter_id="nobody", author="one")
    with pytest.raises(BadValue, match="ids, or a meter"):
        undo(lake, author="one")


def test_a_reading_beside_the_grid_can_be_edited_where_it_is(lake: Lake) -> None:
    put(lake, "a", [0.5], first=49.05)
    apply(lake, edits(("a", 49.05, 0.7)), "one", "why")
    assert shown(lake, "a", 49.05) == (0.7, "edited")


def test_a_file_of_edits(tmp_path: Path, lake: Lake) -> None:
    path = tmp_path / "edits.csv"
    path.write_text(
        "meter_id,timestamp,column,value\na,2024-01-01T03:00:00Z,kwh,1.5\na,2024-01-01T05:00:00+01:00,kwh,2\n"
    )
    assert apply(lake, read_corrections(path), "one", "why").written == 2
    assert shown(lake, "a", 4) == (2.0, "edited")
    path.write_text("meter,timestamp,column,value\n")
    with pytest.raises(MissingColumns, match="meter_id"):
        read_corrections(path)
    with pytest.raises(UnreadableFile):
        read_corrections(tmp_path / "absent.csv")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableFile):
        read_corrections(path)
