"""Imputing the lake: each gap gets a value or a reason, the same again writes nothing, what is measured late wins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from metrify.errors import EmptyTable
from metrify.lake.tables import Lake
from metrify.schema import EDIT, GRADE, READING
from metrify.vee.edits.clean import clean
from metrify.vee.edits.edit import apply, held, undo
from metrify.vee.edits.repairplan import AUTHOR
from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.impute import impute_lake
from metrify.vee.ladder import LearnedEstimates
from metrify.vee.ladder.classprofile import ClassProfiles
from tests.vee.grades.test_grade import meters
from tests.vee.lake import at, fill, impute, load, put, stamp, validate


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    fill(lake)
    return lake


def standing(lake: Lake, meter: str) -> pd.DataFrame:
    rows = held(lake, [meter]).to_pandas()
    return rows[rows["state"] == "holds"].set_index("timestamp")


def edit(lake: Lake, meter: str, hour: float, value: float) -> str:
    rows = {"meter_id": [meter], "timestamp": [stamp(hour)], "column": ["kwh"], "value": [value]}
    return apply(lake, pd.DataFrame(rows), "one", "why").edit_ids[0]


def test_each_missing_or_wrong_reading_gets_an_edit(lake: Lake) -> None:
    readings = lake.read(READING)
    report = impute(lake)
    assert (report.wanted, report.written, report.undone) == (28, 28, 0)
    assert report.methods == {"linear": 4, "like_days": 24}
    assert report.no_estimate == {"silent since its last reading": 48}
    assert lake.read(READING).equals(readings)
    spike = standing(lake, "spike").iloc[0]
    assert (spike["before"], spike["author"], spike["reason"], spike["method"]) == (60.0, AUTHOR, "spike", "linear")
    assert spike["low"] <= spike["after"] <= spike["high"] < 5
    holes = standing(lake, "holes")
    assert set(holes["reason"]) == {"gap"}
    assert holes["before"].isna().all()
    assert clean(lake, meter_ids=["holes"]).num_rows == 35 * 24


def test_the_same_again_writes_nothing(lake: Lake) -> None:
    impute(lake)
    versions = lake.version(EDIT), lake.version(GRADE)
    report = impute(lake)
    assert (report.written, report.undone) == (0, 0)
    assert report.methods == {"linear": 4, "like_days": 24}
    assert (lake.version(EDIT), lake.version(GRADE)) == versions
    assert impute(lake, renew=True).written == 0


def test_a_reading_that_comes_late_wins_and_the_estimate_is_kept_as_undone(lake: Lake) -> None:
    impute(lake)
    put(lake, "holes", [0.7], first=100)
    assert clean(lake, ["status", "kwh"], meter_ids=["holes"], since=stamp(100), until=stamp(101)).to_pylist() == [
        {"status": "measured", "kwh": 0.7}
    ]
    report = impute(lake)
    assert (report.written, report.undone) == (0, 1)
    rows = held(lake, ["holes"]).to_pandas().set_index("timestamp")
    assert rows.loc[pd.Timestamp(at(100)), ["state", "undone_by"]].tolist() == ["undone", AUTHOR]
    assert lake.count(EDIT) == 28


def test_an_estimate_of_what_went_missing_again_is_a_row_of_its_own(lake: Lake) -> None:
    impute(lake)
    put(lake, "holes", [0.7], first=100)
    impute(lake)
    put(lake, "holes", [-8.0], first=100, version=2)
    impute(lake)
    put(lake, "holes", [0.7], first=100, version=3)
    impute(lake)
    put(lake, "holes", [-8.0], first=100, version=4)
    assert impute(lake).written == 1
    version = lake.version(EDIT)
    assert impute(lake).written == 0
    assert lake.version(EDIT) == version
    rows = held(lake, ["holes"]).to_pandas().query("timestamp == @at(100)")
    assert sorted(rows["state"]) == ["holds", "undone", "undone"]
    assert rows.loc[rows["state"] == "undone", "undone_by"].tolist() == [AUTHOR] * 2


def test_an_edit_by_hand_whose_reading_changed_is_left_to_hold_again(lake: Lake) -> None:
    edit(lake, "whole", 100, 0.6)
    old = lake.read(READING, meter_ids=["whole"]).to_pandas().set_index("timestamp").loc[pd.Timestamp(at(100)), "kwh"]
    put(lake, "whole", [0.9], first=100, version=2)
    assert impute(lake).undone == 0
    assert held(lake, ["whole"])["state"].to_pylist() == ["stale"]
    put(lake, "whole", [old], first=100, version=3)
    assert held(lake, ["whole"])["state"].to_pylist() == ["holds"]


def test_a_meter_is_silent_up_to_the_end_of_its_service(lake: Lake) -> None:
    meters(lake, meter_id="short", valid_to=at(24 * 34))
    assert impute(lake).no_estimate == {"silent since its last reading": 24}


def test_what_a_rule_doubts_of_estimates_is_told(lake: Lake) -> None:
    flat = load(35, 9)
    flat[24 * 15 : 24 * 16] = np.nan
    put(lake, "flat", flat)
    report = impute(lake, Nothing)
    assert report.doubtful["zero_run"] >= 24


def test_a_late_reading_that_is_wrong_is_estimated_again(lake: Lake) -> None:
    impute(lake)
    put(lake, "holes", [70.0], first=100)
    report = impute(lake)
    assert (report.written, report.undone) == (1, 1)
    row = standing(lake, "holes").loc[pd.Timestamp(at(100))]
    assert (row["before"], row["reason"]) == (70.0, "spike")


def test_an_edit_by_hand_wins_over_an_estimate_made_before_or_after(lake: Lake) -> None:
    before = edit(lake, "spike", 24 * 30 + 5, 0.5)
    assert impute(lake).written == 27
    edit(lake, "holes", 100, 0.6)
    assert impute(lake).written == 0
    assert standing(lake, "holes").loc[pd.Timestamp(at(100)), "after"] == 0.6
    undo(lake, [before], author="one")
    assert impute(lake).written == 1
    assert standing(lake, "spike")["author"].tolist() == [AUTHOR]


def test_what_a_person_undid_is_not_put_there_again(lake: Lake) -> None:
    validate(lake)
    impute(lake)
    undo(lake, standing(lake, "spike")["edit_id"].tolist(), author="one")
    report = impute(lake)
    assert report.written == 0
    assert report.no_estimate == {"its estimate was undone by hand": 1, "silent since its last reading": 48}
    assert standing(lake, "spike").empty
    assert clean(lake, ["status"], meter_ids=["spike"], since=stamp(725), until=stamp(726)).to_pylist() == [
        {"status": "flagged"}
    ]


def test_an_estimate_that_nobody_wants_any_more_is_undone(lake: Lake) -> None:
    impute(lake)
    (lake.workspace.home / "settings.toml").write_text("[vee]\nspike_factor = 1000.0\n")
    relaxed = Lake(type(lake.workspace)(lake.workspace.home))
    report = impute(relaxed)
    assert (report.written, report.undone) == (0, 1)
    (lake.workspace.home / "settings.toml").unlink()
    assert impute(lake).written == 1


def test_a_gap_that_grows_is_estimated_as_a_whole(lake: Lake) -> None:
    impute(lake)
    put(lake, "holes", [-8.0], first=202, version=2)
    put(lake, "holes", [-8.0], first=203, version=2)
    report = impute(lake)
    assert report.written == 4
    assert report.undone == 2
    rows = standing(lake, "holes").loc[pd.Timestamp(at(200)) : pd.Timestamp(at(203))]
    assert set(rows["method"]) == {"like_days"}


def test_where_nothing_can_be_estimated_the_reason_is_told(workspace) -> None:
    lake = Lake(workspace)
    put(lake, "few", np.array([0.5, 0.6, *[np.nan] * 30, 0.7]))
    report = impute(lake)
    assert report.written == 0
    assert sum(report.no_estimate.values()) == report.wanted == 30
    assert all(reason for reason in report.no_estimate)


def test_readings_that_share_an_interval_are_not_estimated_together(lake: Lake) -> None:
    quarter = load(35, 5, step=15) / 4
    quarter[4 * 500] = -5.0
    put(lake, "quarter", quarter, step=15)
    meters(lake, meter_id="quarter", interval_minutes=60)
    report = impute(lake)
    assert report.no_estimate == {"several readings share the interval": 1, "silent since its last reading": 48}


def test_a_run_that_was_killed_is_completed_by_the_next(lake: Lake, tmp_path) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        if lake.count(EDIT):
            raise Killed

    with pytest.raises(Killed):
        impute(lake, after=die)
    some = lake.count(EDIT)
    assert 0 < some < 28
    assert not lake.exists(GRADE)
    assert impute(lake).written == 28 - some
    assert lake.count(EDIT) == 28
    assert lake.count(GRADE) == 4 * 35


@dataclass(frozen=True)
class Nothing:
    """Says zero of every gap."""

    def __call__(self, evidence: Evidence, flags: Flags, wanted: Found, profiles: ClassProfiles) -> LearnedEstimates:
        values = np.where(wanted, np.float32(0), np.float32(np.nan))
        return LearnedEstimates(values, values, values, "quality/imputer:1")


@dataclass(frozen=True)
class Level:
    """Knows that a gap of an hour is 0.5."""

    name: str = "quality/imputer:1"

    def __call__(self, evidence: Evidence, flags: Flags, wanted: Found, profiles: ClassProfiles) -> LearnedEstimates:
        alone = wanted & ~np.roll(wanted, 1, axis=1) & ~np.roll(wanted, -1, axis=1)
        value, low, high = (np.where(alone, np.float32(v), np.float32(np.nan)) for v in (0.5, 0.4, 0.6))
        return LearnedEstimates(value, low, high, self.name)


def test_a_learned_imputer_is_asked_and_a_better_one_only_where_all_is_estimated_anew(lake: Lake) -> None:
    assert impute(lake, Level).methods == {"quality/imputer:1": 2, "linear": 2, "like_days": 24}
    row = standing(lake, "holes").loc[pd.Timestamp(at(100))]
    assert (row["after"], row["low"], row["high"]) == (0.5, 0.4, 0.6)
    later = Level("quality/imputer:2")
    assert impute(lake, lambda: later).written == 0
    report = impute(lake, lambda: later, renew=True)
    assert (report.written, report.undone) == (2, 2)
    assert report.methods["quality/imputer:2"] == 2


def test_the_lake_is_imputed_on_ray_as_in_one_process(lake: Lake, workspace, ray_session) -> None:
    seen: list[tuple[int, int]] = []
    report = impute_lake(workspace, Level, progress=lambda done, of: seen.append((done, of)))
    assert report.methods["quality/imputer:1"] == 2
    assert report.written == 28
    assert sum(report.grades.values()) == lake.count(GRADE)
    assert seen[-1][0] == seen[-1][1]
    version = lake.version(EDIT)
    assert impute(lake, Level).written == 0
    assert lake.version(EDIT) == version


def test_without_readings_there_is_nothing_to_impute(workspace) -> None:
    with pytest.raises(EmptyTable, match="READING"):
        impute_lake(workspace)
