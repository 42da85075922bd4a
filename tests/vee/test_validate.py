"""The pass over the lake: findings and grades in one go, and no reading changed."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from metrify.lake.tables import Lake
from metrify.schema import FINDING, GRADE, READING
from metrify.vee.grades.table import span
from metrify.vee.rules import RULES
from metrify.vee.validate import ValidationWorker, validate_lake
from tests.vee.lake import DAYS, buckets, fill, put


def test_the_lake_is_validated_and_graded_on_ray(workspace, ray_session) -> None:
    lake = Lake(workspace)
    fill(lake)
    before, version = lake.read(READING), lake.version(READING)
    seen: list[tuple[int, int]] = []
    report = validate_lake(workspace, progress=lambda done, of: seen.append((done, of)))
    assert (report.readings, report.meters) == (4 * DAYS * 24 - 27 - 48, 4)
    assert (report.intervals["gap"], report.meters_concerned["gap"]) == (27, 1)
    assert (report.intervals["spike"], report.meters_concerned["spike"]) == (1, 1)
    assert set(report.rule_seconds) == {rule.name for rule in RULES}
    assert all(seconds > 0 for seconds in report.rule_seconds.values())
    assert seen[-1][0] == seen[-1][1] == len(lake.paths(READING))
    found = lake.read(FINDING)
    gaps = found.filter(pc.equal(found["rule"], "gap"))
    assert sorted(gaps["intervals"].to_pylist()) == [1, 2, 24]
    assert sum(report.grades.values()) == lake.count(GRADE) == 4 * DAYS
    assert lake.version(READING) == version
    assert lake.read(READING).equals(before)
    put(lake, "holes", [0.5], first=100)
    again = validate_lake(workspace)
    assert again.intervals["gap"] == 26
    assert lake.count(FINDING) == found.num_rows - 1


def test_a_meter_of_which_only_another_column_is_known_is_an_f(workspace) -> None:
    lake = Lake(workspace)
    fill(lake)
    rows = lake.read(READING, columns=["timestamp", "version"], meter_ids=["whole"])
    columns = {"meter_id": "volts", "voltage_v": 230.0}
    for name, value in columns.items():
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    lake.upsert(READING, rows)
    worker = ValidationWorker(workspace, span(lake).until)
    graded = [worker(bucket)[2] for bucket in buckets(lake)]
    assert sum(part.days[-1] for part in graded if "volts" in part.meters) >= DAYS
