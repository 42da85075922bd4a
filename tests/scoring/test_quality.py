"""Quality of local days: which days, of whom, and from what was known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.errors import UnknownMeter
from metrify.lake.tables import Lake
from metrify.schema import METER, QUALITY, READING
from metrify.scoring.quality import QualityScorer, complete_day
from metrify.scoring.request import RequestHistory
from tests.scoring.fleet import DAY, END, HOUR, START, Clean, fill, load, readings, stamps


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    fill(lake)
    return lake


@pytest.fixture
def scorer(workspace, lake) -> QualityScorer:
    return QualityScorer(workspace, Clean(), "quality/clean:1")


def date(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def dates(answer: pd.DataFrame) -> list[str]:
    return answer["local_date"].dt.strftime("%Y-%m-%d").tolist()


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2020-03-21T00:00", "UTC", "2020-03-20"),
        ("2020-03-20T23:30", "UTC", "2020-03-19"),
        ("2020-03-20T23:30", "Europe/Berlin", "2020-03-20"),
        ("2020-03-21T03:59", "America/New_York", "2020-03-19"),
    ],
)
def test_the_last_complete_day_is_that_of_the_place(moment, zone, expected) -> None:
    assert complete_day(np.datetime64(moment, "s"), zone) == date(expected)


def test_the_last_complete_day_is_answered_unless_days_are_named(scorer) -> None:
    answer = scorer.answer(["two", "one"])
    assert list(answer.columns) == QUALITY.names
    assert answer["meter_id"].tolist() == ["one", "two"]
    assert dates(answer) == ["2020-03-20"] * 2
    assert (answer["model"] == "quality/clean:1").all()
    named = scorer.answer(["one"], date("2020-03-10"), date("2020-03-12"))
    assert dates(named) == ["2020-03-10", "2020-03-11", "2020-03-12"]


def test_a_day_is_that_of_the_meters_own_clock(scorer, lake) -> None:
    zones = {"meter_id": ["one"], "valid_from": stamps(np.array([START])), "zone": ["America/New_York"]}
    lake.upsert(METER, pa.table(zones))
    assert scorer.refresh()
    answer = scorer.answer(["one", "two"])
    assert dates(answer) == ["2020-03-19", "2020-03-20"]
    assert scorer._model.asked[-2]["intervals"].tolist() == [24]


def test_a_bad_day_is_told_from_good_ones(scorer, lake) -> None:
    lake.upsert(READING, readings("one", END - 10 * HOUR, np.full(4, -1.0), version=1))
    scorer.refresh()
    answer = scorer.answer(["one", "two"]).set_index("meter_id")
    assert answer.at["one", "score"] == pytest.approx(100 * 20 / 24)
    assert answer.at["one", "reason"] == "something is wrong"
    assert answer.at["two", "score"] == 100


def test_what_a_later_version_replaced_is_a_duplicate(scorer, lake) -> None:
    lake.upsert(READING, readings("one", END - 10 * HOUR, np.full(3, 0.4), delay=2 * HOUR, version=1))
    scorer.refresh()
    scorer.answer(["one"])
    assert scorer._model.asked[-1]["duplicate_share"].tolist() == [pytest.approx(3 / 24)]


def test_days_of_long_ago_are_read_anew_and_know_nothing_later(scorer, lake) -> None:
    first, last = date("2020-02-20"), date("2020-02-21")
    before = scorer.answer(["one"], first, last)
    assert dates(before) == ["2020-02-20", "2020-02-21"]
    lake.upsert(READING, readings("one", np.datetime64("2020-02-22", "s"), np.full(20 * 24, 0.7), version=1))
    scorer.refresh()
    pd.testing.assert_frame_equal(scorer.answer(["one"], first, last), before)


def test_a_meter_without_such_a_day_has_no_row_but_a_reason(scorer) -> None:
    answer = scorer.answer(["silent", "one"])
    assert answer["meter_id"].tolist() == ["one"]
    assert set(answer.attrs["silent"]) == {"silent"}
    with pytest.raises(UnknownMeter, match="ghost"):
        scorer.answer(["ghost"])


def test_a_history_in_the_request_is_judged_by_its_own_last_day(scorer) -> None:
    values: list[float | None] = [float(value) for value in load(10 * 24 + 5, 6)]
    values[9 * 24 + 3] = None
    answer = scorer.answer(["guest"], history={"guest": RequestHistory(START, 60, values)})
    assert dates(answer) == [str((START + 9 * DAY).astype("datetime64[D]"))]
    assert answer["score"].tolist() == [pytest.approx(100 * 23 / 24)]
