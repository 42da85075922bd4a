"""Anomalies of the lake's latest readings: which period, by which threshold, of whom, and from what was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metrify.errors import UnknownMeter
from metrify.lake.tables import Lake
from metrify.models.anomaly.surprise import budget_threshold
from metrify.models.catalog import family
from metrify.schema import ANOMALY, READING
from metrify.scoring.anomalies import AnomalyScorer
from metrify.scoring.forecast import RequestHistory
from tests.scoring.fleet import DAY, DAYS, END, HOUR, START, Strange, fill, load, readings


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    fill(lake)
    return lake


@pytest.fixture
def scorer(workspace, lake) -> AnomalyScorer:
    return AnomalyScorer(workspace, Strange(), "anomaly/strange:1")


def utc(times: pd.Series) -> np.ndarray:
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[s]")


def test_the_last_24_hours_of_the_lake_are_answered_unless_a_period_is_named(scorer) -> None:
    answer = scorer.answer(["two", "one"])
    assert list(answer.columns) == [*ANOMALY.names, "value", "threshold"]
    assert answer["meter_id"].tolist() == ["one"] * 24 + ["two"] * 24
    np.testing.assert_array_equal(utc(answer["timestamp"])[:24], END - DAY + np.arange(24) * HOUR)
    assert (answer["model"] == "anomaly/strange:1").all()
    assert scorer.until == END
    assert answer["value"].iloc[-5] == np.float32(9.0)


def test_the_verdict_keeps_to_the_alert_budget_and_says_why(scorer, workspace) -> None:
    answer = scorer.answer(["one", "two"])
    limit = budget_threshold(workspace.settings.anomaly.alert_budget, 60)
    assert (answer["threshold"] == limit).all()
    assert answer["verdict"].tolist() == (answer["value"] >= limit).tolist()
    assert answer["reason"].tolist() == [
        "" if not strange else "more than 2 kWh" if value >= 2 else f"{value:.1f} kWh"
        for strange, value in zip(answer["verdict"], answer["value"], strict=True)
    ]


def test_a_budget_of_zero_leaves_the_verdict_to_the_family(workspace, lake) -> None:
    (workspace.home / "settings.toml").write_text("[anomaly]\nalert_budget = 0.0\n")
    answer = AnomalyScorer(replace(workspace), Strange(), "anomaly/strange:1").answer(["one", "two"])
    assert answer["threshold"].isna().all()
    assert answer["verdict"].sum() == 1
    assert answer.loc[answer["verdict"], "reason"].tolist() == ["more than 2 kWh"]


def test_a_period_is_answered_from_its_begin_to_its_end(scorer) -> None:
    answer = scorer.answer(["one"], END - 30 * HOUR, END - 20 * HOUR)
    np.testing.assert_array_equal(utc(answer["timestamp"]), END - 30 * HOUR + np.arange(10) * HOUR)


def test_a_period_of_long_ago_is_read_anew_and_knows_nothing_later(scorer, lake) -> None:
    since, until = START + 50 * DAY, START + 51 * DAY
    before = scorer.answer(["one"], since, until)
    assert len(before) == 24
    lake.upsert(READING, readings("one", until, np.full(20 * 24, 70.0), version=1))
    assert scorer.refresh()
    pd.testing.assert_frame_equal(scorer.answer(["one"], since, until), before)


def test_memory_and_lake_answer_the_same(scorer, workspace) -> None:
    period = END - 3 * DAY, END - 2 * DAY
    near = scorer.answer(["one", "two"], *period)
    later = Lake(workspace)
    later.upsert(READING, readings("one", END, load(30 * 24, 9)))
    scorer.refresh()
    pd.testing.assert_frame_equal(scorer.answer(["one", "two"], *period), near)


def test_a_meter_answers_alone_as_among_others(scorer) -> None:
    among = scorer.answer(["one", "two", "new"]).query("meter_id == 'one'").reset_index(drop=True)
    pd.testing.assert_frame_equal(scorer.answer(["one"]), among)


def test_a_meter_without_readings_in_the_period_has_no_row_but_a_reason(scorer) -> None:
    answer = scorer.answer(["one", "silent"])
    assert set(answer["meter_id"]) == {"one"}
    assert answer.attrs["silent"] == {"silent": "no reading from 2020-03-20T00:00:00Z to 2020-03-21T00:00:00Z"}
    nobody = scorer.answer(["new"], END - 10 * DAY, END - 9 * DAY)
    assert nobody.empty
    assert list(nobody.columns) == list(answer.columns)
    assert set(nobody.attrs["silent"]) == {"new"}


def test_unknown_meters_are_named_and_those_of_the_request_are_known(scorer) -> None:
    with pytest.raises(UnknownMeter, match="ghost"):
        scorer.answer(["one", "ghost"])
    values = [float(value) for value in load(20 * 24, 6)]
    answer = scorer.answer(["one", "guest"], history={"guest": RequestHistory(START, 60, values)})
    guest = answer[answer["meter_id"] == "guest"]
    np.testing.assert_array_equal(utc(guest["timestamp"]), START + 19 * DAY + np.arange(24) * HOUR)
    np.testing.assert_allclose(guest["value"], values[-24:], rtol=1e-6)


def test_a_history_like_that_of_the_lake_is_answered_like_it(workspace, scorer) -> None:
    values = [float(value) for value in load(DAYS * 24, 1)]
    told = scorer.answer(["copy"], history={"copy": RequestHistory(START, 60, values)})
    held = scorer.answer(["one"])
    pd.testing.assert_frame_equal(told.drop(columns="meter_id"), held.drop(columns="meter_id"))


def test_late_readings_are_seen_after_a_refresh_and_change_no_features_before_they_came(scorer, lake) -> None:
    assert not scorer.refresh()
    version = scorer.lake_version
    late = readings("new", END - 4 * DAY, load(24, 8), delay=3 * DAY + 12 * HOUR)
    lake.upsert(READING, late)
    before = scorer.answer(["new"], END - 2 * DAY, END)
    assert scorer.refresh()
    assert scorer.lake_version > version
    after = scorer.answer(["new"], END - 2 * DAY, END)
    early = utc(before["timestamp"]) < END - 13 * HOUR
    pd.testing.assert_frame_equal(after[early], before[early])
    assert len(scorer.answer(["new"], END - 4 * DAY, END)) == 24 + 48


def test_a_real_family_answers_with_scores(workspace, lake) -> None:
    asked = Strange()
    AnomalyScorer(workspace, asked, "x").answer(["one", "two"], END - 20 * DAY, END)
    from metrify.models.base import Batch

    model = family("anomaly/zscore").configured({}).fit(Batch(pd.concat(asked.asked, ignore_index=True)))
    answer = AnomalyScorer(workspace, model, "anomaly/zscore:1").answer(["two"])
    assert answer["score"].notna().all()
    assert answer.loc[answer["value"] == 9, "verdict"].all()
    assert answer.loc[answer["verdict"], "reason"].str.len().gt(0).all()


def test_an_empty_lake_knows_no_meter(workspace) -> None:
    scorer = AnomalyScorer(workspace, Strange(), "anomaly/strange:1")
    assert scorer.until is None
    assert scorer.meters == frozenset()
    with pytest.raises(UnknownMeter):
        scorer.answer(["one"])
