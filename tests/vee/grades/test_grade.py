"""Grades: what makes a day an A or an F, on days of 23 and 25 hours, of silent, all-zero and exporting meters."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.errors import EmptyTable, UnknownMeter
from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.schema import GRADE, METER, TIME
from metrify.settings import GradeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.grades.fleet import fleet_quality
from metrify.vee.grades.grade import grades, letters
from metrify.vee.grades.words import Tallies
from metrify.vee.rules import RULES
from tests.vee import lake as small
from tests.vee.lake import START, fill, impute, load, put, validate

BIT = {rule.name: np.uint32(1 << rule.bit) for rule in RULES}
NONE = pd.DataFrame({"row": np.empty(0, int), "column": np.empty(0, int), "method": np.empty(0, object)})
SETTINGS = GradeSettings()


def tallies(
    of: int, measured: int, estimated: int = 0, edited: int = 0, profiled: int = 0, doubtful: int = 0
) -> Tallies:
    return Tallies(*(np.array([n]) for n in (of, measured, estimated, edited, profiled, doubtful)))


@pytest.mark.parametrize(
    ("day", "grade"),
    [
        (tallies(24, 24), "A"),
        (tallies(24, 24, doubtful=1), "B"),
        (tallies(24, 22, 2), "B"),
        (tallies(24, 22, 0, 2), "B"),
        (tallies(24, 21, 3), "C"),
        (tallies(24, 12, 12), "C"),
        (tallies(24, 11, 13), "D"),
        (tallies(24, 0, 24), "D"),
        (tallies(24, 17, 7, profiled=7), "D"),
        (tallies(24, 18, 6, profiled=6), "C"),
        (tallies(24, 23), "E"),
        (tallies(24, 20, 3), "E"),
        (tallies(24, 13), "E"),
        (tallies(24, 12), "F"),
        (tallies(24, 0), "F"),
    ],
)
def test_the_rule_of_each_grade(day: Tallies, grade: str) -> None:
    assert letters(day, SETTINGS).tolist() == [grade]


def panel(values: np.ndarray, start: str = "2024-03-29", step: int = 60) -> Panel:
    return Panel(
        np.array([f"m{k}" for k in range(len(values))]), np.datetime64(start, "s"), step, values.astype(np.float32)
    )


def graded(found: Panel, flags: np.ndarray | None = None, repairs=NONE, ends: str | None = None, zone: str = "UTC"):
    evidence = Evidence(found, np.zeros(len(found.values), bool), calendar=Calendar(zone))
    flags = np.zeros(found.values.shape, np.uint32) if flags is None else flags
    until = np.full(len(found.values), np.datetime64(ends, "s") if ends else found.end)
    return grades(evidence, flags, repairs, SETTINGS, until)


def test_days_are_local_and_can_have_23_or_25_hours() -> None:
    spring = graded(panel(np.ones((1, 24 * 4)), "2024-03-29T23:00"), zone="Europe/Berlin")
    assert spring["reason"].tolist()[:2] == ["all 24 intervals measured", "all 23 intervals measured"]
    autumn = graded(panel(np.ones((1, 24 * 3)), "2024-10-25T22:00"), zone="Europe/Berlin")
    assert autumn["reason"].tolist()[1] == "all 25 intervals measured"
    assert autumn["local_date"].tolist()[1] == pd.Timestamp(2024, 10, 27)


def test_the_reason_has_the_figures() -> None:
    values = np.ones((1, 48))
    values[0, [5, 6, 9]] = np.nan
    flags = np.where(np.isnan(values), BIT["gap"], np.uint32(0)).astype(np.uint32)
    flags[0, 9] = BIT["spike"]
    values[0, 9] = 50
    repairs = pd.DataFrame({"row": 0, "column": [5, 6, 9], "method": ["linear", "linear", "like_days"]})
    rows = graded(panel(values), flags, repairs)
    assert rows["grade"].tolist() == ["C", "A"]
    assert rows["reason"][0] == "3 of 24 intervals estimated (1 by like_days, 2 by linear), longest gap 2 h; gap, spike"
    assert rows["measured"][0] == 21 / 24
    assert rows["estimated"][0] == 3 / 24
    alone = graded(panel(values), flags)
    assert alone["grade"][0] == "E"
    assert alone["reason"][0] == "3 of 24 intervals without a value, longest gap 2 h; gap, spike"


def test_an_edit_by_hand_and_a_warning_are_no_a() -> None:
    flags = np.zeros((1, 48), np.uint32)
    flags[0, 30] = BIT["duplicate"]
    repairs = pd.DataFrame({"row": [0], "column": [5], "method": ["manual"]})
    rows = graded(panel(np.ones((1, 48))), flags, repairs)
    assert rows["grade"].tolist() == ["B", "B"]
    assert "1 of 24 intervals edited by hand" in rows["reason"][0]
    assert rows["reason"][1] == "1 of 24 intervals doubtful; duplicate"


def test_a_meter_is_graded_from_its_first_reading_to_the_end_of_the_readings() -> None:
    values = np.full((2, 48), np.nan)
    values[0, 12:30] = 1
    values[1, :] = 1
    rows = graded(panel(values), ends="2024-04-01T06:00")
    one = rows[rows["meter_id"] == "m0"]
    assert one["grade"].tolist() == ["A", "F", "F", "F"]
    assert one["reason"].tolist()[0] == "all 12 intervals measured"
    assert one["reason"].tolist()[3] == "no value in any of 6 intervals, longest gap 6 h"
    assert graded(panel(values))["meter_id"].value_counts().to_dict() == {"m0": 2, "m1": 2}


def test_nothing_has_no_grade_and_half_hours_are_half_hours() -> None:
    assert graded(panel(np.empty((1, 0)))).empty
    values = np.ones((1, 48))
    values[0, 3] = np.nan
    assert "longest gap 0.5 h" in graded(panel(values, step=30))["reason"][0]


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    fill(lake)
    return lake


def test_estimates_make_grades_better_and_what_stays_keeps_its_time(lake: Lake) -> None:
    first = validate(lake)
    assert first.days == tuple(int((small.grades(lake)["grade"] == letter).sum()) for letter in "ABCDEF")
    before = small.grades(lake, "holes").set_index("local_date")
    assert before.loc[date(2024, 1, 21), "grade"] == "F"
    impute(lake)
    after = small.grades(lake, "holes").set_index("local_date")
    assert after.loc[date(2024, 1, 21), "grade"] == "D"
    assert after.loc[date(2024, 1, 5), "grade"] == "B"
    same = after["reason"] == before["reason"]
    assert same.sum() == len(after) - 3
    assert (after["graded_at"] > before["graded_at"]).tolist() == (~same).tolist()
    version = lake.version(GRADE)
    assert validate(lake).changed == 0
    assert lake.version(GRADE) == version
    assert small.grades(lake, "short")["grade"].tolist()[-2:] == ["F", "F"]


def test_a_reading_that_comes_a_month_late_changes_the_grade_and_the_old_one_stays_known(lake: Lake) -> None:
    validate(lake)
    version = lake.version(GRADE)
    put(lake, "holes", load(1, 9), first=24 * 20)
    validate(lake)
    wanted = {"meter_ids": ["holes"], "since": "2024-01-21", "until": "2024-01-22"}
    (old,) = lake.read(GRADE, version=version, **wanted).to_pylist()
    (new,) = lake.read(GRADE, **wanted).to_pylist()
    assert (old["grade"], new["grade"]) == ("F", "A")
    assert old["graded_at"] < new["graded_at"]


def meters(lake: Lake, **columns: object) -> None:
    row = {"meter_id": "silent", "valid_from": START, "zone": "Europe/London"} | columns
    lake.upsert(METER, pa.Table.from_pylist([row], pa.schema([METER.schema.field(name) for name in row])))


def test_a_meter_that_never_reported_is_an_f_on_each_day_of_its_service(lake: Lake) -> None:
    begin, end = datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 1, 20, tzinfo=UTC)
    meters(lake, valid_from=begin, valid_to=end, interval_minutes=30)
    validate(lake)
    rows = small.grades(lake, "silent")
    assert rows["local_date"].tolist() == [date(2024, 1, day) for day in range(10, 20)]
    assert set(rows["grade"]) == {"F"}
    assert set(rows["reason"]) == {"no value in any of 48 intervals, longest gap 24 h"}
    version = lake.version(GRADE)
    impute(lake)
    assert small.grades(lake, "silent").equals(rows)
    assert lake.version(GRADE) > version


def test_a_meter_whose_service_ended_is_not_graded_after_it(lake: Lake) -> None:
    meters(lake, meter_id="short", valid_to=datetime(2024, 2, 3, tzinfo=UTC), zone="UTC")
    validate(lake)
    assert small.grades(lake, "short")["local_date"].max() == date(2024, 2, 2)


def test_all_zero_and_exporting_meters_are_measured(workspace) -> None:
    lake = Lake(workspace)
    put(lake, "zero", np.zeros(24 * 35))
    put(lake, "solar", load(35, 5) - 0.7)
    lake.upsert(
        METER,
        pa.table({"meter_id": ["solar"], "valid_from": pa.array([START], TIME), "zone": ["UTC"], "pv_kw": [4.0]}),
    )
    validate(lake)
    rows = small.grades(lake)
    assert (rows["measured"] == 1).all()
    assert set(rows["grade"]) <= {"A", "B"}
    assert (rows[rows["meter_id"] == "solar"]["grade"] == "A").mean() > 0.9


def test_the_fleet_in_figures_worst_first(lake: Lake) -> None:
    with pytest.raises(EmptyTable, match="metrify vee"):
        fleet_quality(lake)
    validate(lake)
    found = fleet_quality(lake, worst=2)
    assert (found.meters, sum(found.days.values())) == (4, 4 * 35)
    assert [row["meter_id"] for row in found.worst_meters] == ["holes", "short"]
    assert len(found.worst_days) == 2
    assert found.worst_days[0]["grade"] == "F"
    assert "metrify impute" in found.next_step
    impute(lake)
    assert "edit apply" in fleet_quality(lake).next_step
    assert "edit list --meter spike" in fleet_quality(lake, meter_id="spike").next_step
    whole = fleet_quality(lake, meter_id="whole", since="2024-01-10")
    assert whole.since == date(2024, 1, 10)
    assert whole.worst_days == []
    assert "Nothing to mend" in whole.next_step
    with pytest.raises(UnknownMeter):
        fleet_quality(lake, meter_id="nobody")
