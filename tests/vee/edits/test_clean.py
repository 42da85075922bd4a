"""CLEAN: the same versions give the same bytes, whatever came since; what each row says of itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.errors import BadValue, MissingColumns, UnknownName
from metrify.lake.tables import Lake
from metrify.schema import CLEAN, EDIT, FINDING, READING, TIME
from metrify.vee.edits.clean import clean
from metrify.vee.edits.edit import apply
from metrify.vee.edits.versions import pinned
from metrify.vee.rules import RULES
from tests.vee.lake import at, fill, impute, load, put, stamp

BIT = {rule.name: 1 << rule.bit for rule in RULES}


def edit(lake: Lake, meter: str, hour: float, value: float, column: str = "kwh") -> None:
    rows = {"meter_id": [meter], "timestamp": [stamp(hour)], "column": [column], "value": [value]}
    apply(lake, pd.DataFrame(rows), "one", "why")


def found(lake: Lake, meter: str, rule: str, first: float, until: float, severity: str) -> None:
    row = {"meter_id": meter, "timestamp": at(first), "rule": rule, "until": at(until), "severity": severity}
    row |= {"intervals": round(until - first), "detail": "", "found_at": datetime.now(UTC)}
    lake.upsert(FINDING, pa.Table.from_pylist([row], FINDING.schema))


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    values = load(3, 1)
    values[[10, 11]] = np.nan
    put(lake, "a", values)
    put(lake, "b", load(3, 2))
    return lake


def test_without_edits_it_is_what_was_measured_in_order(lake: Lake) -> None:
    rows = clean(lake)
    assert rows.schema.names == CLEAN.names
    assert rows.num_rows == 142
    assert set(rows["status"].to_pylist()) == {"measured"}
    assert rows.equals(rows.sort_by([("meter_id", "ascending"), ("timestamp", "ascending")]))


def test_each_row_says_what_it_is(lake: Lake) -> None:
    found(lake, "a", "gap", 10, 12, "info")
    found(lake, "a", "stuck", 20, 23, "error")
    found(lake, "a", "jump", 22, 24, "warning")
    edit(lake, "a", 10, 0.5)
    edit(lake, "a", 21, 0.6)
    edit(lake, "a", 22, 0.1, "kwh_export")
    no_energy = {"meter_id": ["a"], "timestamp": pa.array([at(11)], TIME), "voltage_v": [230.0], "version": [1]}
    lake.upsert(READING, pa.table(no_energy))
    rows = clean(lake, meter_ids=["a"], since=stamp(10), until=stamp(25)).to_pandas().set_index("timestamp")
    told = [rows.loc[pd.Timestamp(at(hour)), "status"] for hour in (10, 11, 12, 20, 21, 22, 23)]
    assert told == ["edited", "missing", "measured", "flagged", "edited", "flagged", "measured"]
    assert rows["findings"].to_list()[:2] == [BIT["gap"]] * 2
    assert rows.loc[pd.Timestamp(at(22)), "findings"] == BIT["stuck"] | BIT["jump"]
    assert rows.loc[pd.Timestamp(at(23)), "findings"] == BIT["jump"]
    assert rows.loc[pd.Timestamp(at(22)), "kwh_export"] == 0.1


def test_a_finding_that_began_before_the_period_reaches_into_it(lake: Lake) -> None:
    found(lake, "a", "stuck", 20, 30, "error")
    rows = clean(lake, ["status"], meter_ids=["a"], since=stamp(29), until=stamp(31))
    assert rows["status"].to_pylist() == ["flagged", "measured"]


def test_an_estimate_of_an_interval_without_a_reading_has_a_row_with_its_band(workspace) -> None:
    lake = Lake(workspace)
    fill(lake)
    impute(lake)
    (row,) = clean(lake, meter_ids=["holes"], since=stamp(100), until=stamp(101)).to_pylist()
    assert (row["status"], row["method"]) == ("estimated", "linear")
    assert row["low"] <= row["kwh"] <= row["high"]
    assert clean(lake, meter_ids=["holes"]).num_rows == 35 * 24


def test_the_same_versions_give_the_same_rows_after_whatever_came_since(lake: Lake) -> None:
    edit(lake, "a", 10, 0.5)
    found(lake, "a", "jump", 22, 24, "warning")
    versions = pinned(lake)
    before = clean(lake)
    time.sleep(0.002)
    moment = datetime.now(UTC)
    time.sleep(0.002)
    put(lake, "a", [9.0], first=10)
    put(lake, "c", load(3, 3))
    edit(lake, "b", 5, 3.0)
    found(lake, "b", "stuck", 1, 9, "error")
    assert not clean(lake).equals(before)
    assert clean(lake, versions=versions).equals(before)
    assert clean(lake, as_of=moment).equals(before)
    assert clean(lake, versions={name: versions[name] for name in (READING.name, EDIT.name)}).equals(before)


def test_before_the_first_load_there_was_nothing(lake: Lake) -> None:
    assert clean(lake, as_of=datetime(2000, 1, 1, tzinfo=UTC)).num_rows == 0
    assert clean(lake, versions={EDIT.name: -1}).num_rows == 142


def test_versions_and_columns_that_there_are_not_are_told(lake: Lake) -> None:
    with pytest.raises(BadValue, match="version of READING"):
        clean(lake, versions={"READING": 99})
    with pytest.raises(UnknownName, match="READING"):
        clean(lake, versions={"READINGS": 0})
    with pytest.raises(BadValue, match="none beside versions"):
        clean(lake, versions={"READING": 1}, as_of="2030-01-01")
    with pytest.raises(MissingColumns, match="kw"):
        clean(lake, ["kw"])


def test_a_lake_without_readings_has_no_rows(workspace) -> None:
    assert clean(Lake(workspace)).num_rows == 0


def test_a_target_that_it_has_no_column_for_is_refused(lake: Lake) -> None:
    (lake.workspace.home / "settings.toml").write_text('[forecasting]\ntarget = "kvarh"\n')
    with pytest.raises(BadValue, match=r"forecasting\.target: wanted kwh or kwh_export"):
        clean(Lake(type(lake.workspace)(lake.workspace.home)))
