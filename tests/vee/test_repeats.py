"""Which intervals were reported more than once with different values, and from when on that could be known."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from metrify.features.sources import Surroundings, validated
from metrify.lake.bucketpass import BucketFiles
from metrify.lake.tables import Lake
from metrify.panel import Panel
from metrify.schema import READING, READING_HISTORY
from metrify.settings import Workspace
from metrify.vee.grades.table import span
from metrify.vee.repeats import Repeats
from metrify.vee.rules import RULES, flagged
from metrify.vee.validate import ValidationWorker
from tests.lake.rows import START, reading

HOUR = 3600
BEGIN = int(START.timestamp())
COLUMNS = ["meter_id", "timestamp", "kwh", "available_at"]


def rows(*reports: tuple[str, int, float | None, float | None], version: int = 0) -> pa.Table:
    """(meter, hour, kwh, hours after START at which it could be known) as READING rows."""
    found = [
        reading(meter, hour, kwh, version)
        | {"available_at": None if at is None else START + timedelta(hours=at), "register_kwh": 1.0}
        for meter, hour, kwh, at in reports
    ]
    names = ["meter_id", "timestamp", "kwh", "version", "available_at", "register_kwh"]
    return pa.Table.from_pylist(found, pa.schema([READING.schema.field(name) for name in names]))


def repeated(current: pa.Table, superseded: pa.Table, step: int = 60, hours: int = 10) -> np.ndarray | None:
    start = np.datetime64(START.replace(tzinfo=None), "s")
    panel = Panel(np.array(["a", "b"]), start, step, np.ones((2, hours * 60 // step), np.float32))
    found = Repeats.of(current, superseded, "kwh")
    return None if found is None else found.on(panel)


def test_another_value_is_a_repeat_from_when_on_both_could_be_known() -> None:
    current = rows(("a", 1, 1.0, 30.0), ("a", 2, 2.0, None), ("b", 3, 3.0, 4.5), ("b", 4, 4.0, None))
    found = repeated(current, rows(("a", 1, 0.5, 2.0), ("a", 2, 0.5, None), ("b", 3, 9.0, 6.0)))
    expected = np.zeros((2, 10), np.int64)
    expected[0, 1], expected[0, 2], expected[1, 3] = (BEGIN + hours * HOUR for hours in (30, 3, 6))
    np.testing.assert_array_equal(found, expected)


def test_two_that_differ_early_are_known_before_the_one_that_wins() -> None:
    found = repeated(rows(("a", 1, 1.0, 700.0)), rows(("a", 1, 0.5, 2.0), ("a", 1, 0.6, 5.0)))
    assert found is not None
    assert found[0, 1] == BEGIN + 5 * HOUR


def test_equal_values_and_reports_of_other_columns_are_no_repeat() -> None:
    current = rows(("a", 1, 1.0, None), ("a", 2, 2.0, None), ("a", 3, None, None))
    assert repeated(current, rows(("a", 1, 1.0, 3.0), ("a", 2, None, None), ("a", 3, 3.0, None))) is None
    assert repeated(current, rows()) is None


def test_the_parts_of_a_longer_interval_mark_it_and_other_meters_and_times_nothing() -> None:
    current = rows(("a", 1, 1.0, None), ("c", 1, 1.0, None), ("b", 50, 1.0, None))
    older = rows(("a", 1, 2.0, None), ("c", 1, 2.0, None), ("b", 50, 2.0, None))
    found = repeated(current, older, step=120)
    assert found is not None
    assert np.argwhere(found).tolist() == [[0, 0]]
    assert repeated(current.slice(1), older.slice(1)) is None


def stocked(workspace: Workspace) -> Lake:
    """One meter, two days; hour 5 was corrected, hour 6 said again."""
    lake = Lake(workspace)
    kwh = np.random.default_rng(3).gamma(2.0, 0.2, 48).round(3)
    first = rows(*(("a", hour, float(kwh[hour]), None) for hour in range(48)), version=1)
    second = rows(("a", 5, 9.0, 7.0), ("a", 6, float(kwh[6]), None), version=2)
    for found in (first, second):
        lake.upsert(READING, found.drop_columns("register_kwh"))
    return lake


def test_the_lakes_history_tells_the_rules(workspace: Workspace) -> None:
    lake = stocked(workspace)
    assert lake.count(READING_HISTORY) == 2
    current, older = (lake.read(table, columns=COLUMNS) for table in (READING, READING_HISTORY))
    around = Surroundings.read(lake)
    (found,) = validated(current, around, workspace.settings, superseded=older)
    assert np.argwhere(flagged(found.hindsight, "duplicate")).tolist() == [[0, 5]]
    assert not flagged(found.flags, "duplicate").any()
    assert np.isfinite(found.truth.values).all()
    (without,) = validated(current, around, workspace.settings)
    assert without.repeated is None
    assert not without.hindsight.any()


def test_the_pass_over_the_lake_finds_it(workspace: Workspace) -> None:
    lake = stocked(workspace)
    ((bucket, files),) = lake.paths(READING).items()
    paths = {READING.name: files, READING_HISTORY.name: lake.paths(READING_HISTORY)[bucket]}
    worker = ValidationWorker(workspace, span(lake).until)
    report, parts, _ = worker(BucketFiles(bucket, paths))
    assert report.intervals == {rule.name: int(rule.name == "duplicate") for rule in RULES}
    assert sum(part.rows for part in parts) == 1
    report, *_ = worker(BucketFiles(bucket, {READING.name: files, READING_HISTORY.name: []}))
    assert not any(report.intervals.values())
