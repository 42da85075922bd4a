"""Batch scoring: the same answers as a request, written once, completed by the next run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrify.errors import BadValue, EmptyTable, NoSuchModel, UnknownName
from metrify.lake.bucketpass import BucketFiles
from metrify.lake.tables import Lake
from metrify.models.base import Model
from metrify.schema import ANOMALY, FORECAST, QUALITY, READING, RISK, Table
from metrify.scoring import assets, passes
from metrify.scoring.anomalies import AnomalyScorer
from metrify.scoring.batch import score_lake, score_with
from metrify.scoring.forecast import Forecaster
from metrify.scoring.passes import MeterWorker, Scoring, Tally, pieces
from metrify.scoring.quality import QualityScorer
from metrify.scoring.risk import RiskScorer
from metrify.settings import Workspace
from tests.scoring import fitted
from tests.scoring.fleet import DAY, END, HOUR, START, equip, fill, load, readings


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    fill(lake)
    return lake


@pytest.fixture
def score(workspace, lake, tmp_path):
    """What `score_with` does, in this process."""

    def run(model: Model, name: str, since: np.datetime64 | None = None, until: np.datetime64 = END) -> Tally:
        folder = tmp_path / name.replace("/", "-")
        model.save(folder)
        worker = MeterWorker(workspace, Scoring(model.produces.name, folder, name, since, until))
        files = {bucket: {READING.name: found} for bucket, found in lake.paths(READING).items()}
        return sum((worker(BucketFiles(bucket, found)) for bucket, found in files.items()), Tally())

    return run


def held(lake: Lake, table: Table) -> pd.DataFrame:
    return lake.read(table).to_pandas().sort_values(list(table.key), ignore_index=True)


def same(batch: pd.DataFrame, answer: pd.DataFrame) -> None:
    """The lake's rows are what a request is answered; a date of the lake is an object."""
    expected = answer[batch.columns].copy()
    for name in batch.columns:
        if isinstance(batch[name].dtype, pd.DatetimeTZDtype):
            expected[name] = expected[name].astype(batch[name].dtype)
    if "local_date" in batch:
        expected["local_date"] = expected["local_date"].dt.date
    pd.testing.assert_frame_equal(batch, expected, check_dtype=False)


def test_anomalies_are_those_of_a_request(score, lake, workspace) -> None:
    model = fitted.zscore(lake)
    tally = score(model, "z1")
    assert (tally.rows, tally.subjects) == (72, 3)
    assert tally.flagged == held(lake, ANOMALY)["verdict"].sum() >= 1
    same(held(lake, ANOMALY), AnomalyScorer(workspace, model, "z1").answer(["one", "two", "new", "silent"]))


def test_days_are_those_of_a_request(score, lake, workspace) -> None:
    model = fitted.quality(lake)
    assert score(model, "q1").subjects == 3
    same(held(lake, QUALITY), QualityScorer(workspace, model, "q1").answer(["one", "two", "new"]))


def test_forecasts_are_those_of_a_request(score, lake, workspace) -> None:
    model = fitted.seasonal()
    assert score(model, "f1").rows == 72
    same(held(lake, FORECAST), Forecaster(workspace, model, "f1").answer(["one", "two", "new"]))


def test_a_period_is_answered_piece_by_piece_as_at_once(score, lake, workspace, monkeypatch) -> None:
    since, until = START + 45 * DAY, START + 75 * DAY
    anomaly, quality, forecasting = fitted.zscore(lake), fitted.quality(lake), fitted.seasonal()
    monkeypatch.setattr(passes, "ROWS_AT_ONCE", 1)
    for name, model in (("z1", anomaly), ("q1", quality), ("f1", forecasting)):
        score(model, name, since, until)
    found = held(lake, ANOMALY)
    assert found["timestamp"].min() == pd.Timestamp(since, tz="UTC")
    same(found, AnomalyScorer(workspace, anomaly, "z1").answer(["one", "two"], since, until))
    first, last = since.astype("datetime64[D]"), (until - DAY).astype("datetime64[D]")
    same(held(lake, QUALITY), QualityScorer(workspace, quality, "q1").answer(["one", "two"], first, last))
    issued = held(lake, FORECAST)
    assert issued["issue_time"].nunique() == 30
    assert issued["issue_time"].max() == pd.Timestamp(until - DAY, tz="UTC")
    forecaster = Forecaster(workspace, forecasting, "f1")
    for issue, rows in list(issued.groupby("issue_time"))[::10]:
        answer = forecaster.answer(["one", "two"], np.datetime64(issue.tz_localize(None), "s"))
        same(rows.reset_index(drop=True), answer)


def test_pieces_are_whole_months_but_at_the_ends() -> None:
    since, until = np.datetime64("2020-01-10", "s"), np.datetime64("2020-04-02", "s")
    found = list(pieces(since, until, passes.ROWS_AT_ONCE))
    assert [str(piece.since)[:10] for piece in found] == ["2020-01-10", "2020-02-01", "2020-03-01", "2020-04-01"]
    assert [piece.until for piece in found] == [*(piece.since for piece in found[1:]), until]
    assert [str(piece.end)[:10] for piece in found] == ["2020-02-03", "2020-03-03", "2020-04-02", "2020-04-02"]
    assert len(list(pieces(since, until, 1))) == 1


def test_the_same_period_by_the_same_model_changes_nothing_and_by_another_adds_its_rows(score, lake) -> None:
    model = fitted.zscore(lake)
    score(model, "z1")
    version = lake.version(ANOMALY)
    again = score(model, "z1")
    assert lake.version(ANOMALY) == version
    assert again.written.unchanged == again.rows == 72
    score(fitted.zscore(lake, day_weight=0.0), "z2")
    assert held(lake, ANOMALY).groupby("model").size().to_dict() == {"z1": 72, "z2": 72}


def test_late_readings_add_their_rows_and_revised_ones_replace_theirs(score, lake) -> None:
    model = fitted.zscore(lake)
    score(model, "z1")
    spike = ("two", pd.Timestamp(END - 5 * HOUR, tz="UTC"))
    before = held(lake, ANOMALY).set_index(["meter_id", "timestamp"]).at[spike, "score"]
    lake.upsert(READING, readings("two", END - 5 * HOUR, np.array([0.5]), version=1))
    lake.upsert(READING, readings("late", END - 9 * HOUR, load(9, 7), delay=9 * HOUR))
    tally = score(model, "z1")
    assert tally.written.inserted == 9
    assert tally.written.updated >= 1
    rows = held(lake, ANOMALY).set_index(["meter_id", "timestamp"])
    assert len(rows) == 81
    assert rows.at[spike, "score"] < before


def test_nothing_later_than_the_end_is_used(score, lake) -> None:
    until = END - 3 * DAY
    model, forecasting = fitted.zscore(lake), fitted.seasonal()
    score(model, "z1", None, until)
    score(forecasting, "f1", None, until)
    versions = lake.version(ANOMALY), lake.version(FORECAST)
    for meter in ("one", "two"):
        lake.upsert(READING, readings(meter, until, np.full(72, 5.0), version=1))
    score(model, "z1", None, until)
    score(forecasting, "f1", None, until)
    assert (lake.version(ANOMALY), lake.version(FORECAST)) == versions


def test_a_lake_is_scored_on_ray_as_in_one_process(lake, workspace, score, ray_session) -> None:
    equip(lake)
    anomaly, risk = fitted.zscore(lake), fitted.failure()
    seen: list[tuple[int, int]] = []
    report = score_with(workspace, anomaly, "anomaly/zscore:1", progress=lambda done, of: seen.append((done, of)))
    assert (report.task, report.model, report.rows, report.subjects) == ("anomaly", "anomaly/zscore:1", 72, 3)
    assert report.flagged >= 1
    assert report.until == END
    assert seen[-1][0] == seen[-1][1] == len(lake.paths(READING))
    same(held(lake, ANOMALY), AnomalyScorer(workspace, anomaly, "anomaly/zscore:1").answer(["one", "two", "new"]))
    judged = score_with(workspace, risk, "maintenance/failure:1", progress=lambda done, of: seen.append((done, of)))
    assert (judged.rows, judged.subjects, judged.written.inserted) == (3, 3, 3)
    assert judged.flagged == 2  # the broken and the planned
    assert seen[-1] == (3, 3)
    assert judged.until == END
    same(held(lake, RISK), RiskScorer(workspace, risk, "maintenance/failure:1").answer(["old", "broken", "planned"]))
    assert not list(workspace.checkpoints.glob("scoring-*"))
    version = lake.version(ANOMALY)
    assert score(anomaly, "anomaly/zscore:1").written.unchanged == 72
    assert lake.version(ANOMALY) == version


def test_what_a_worker_refuses_comes_out_as_itself(lake, workspace, tmp_path, monkeypatch, ray_session) -> None:
    class Refusing:
        def __init__(self, *_: object):
            pass

        def __call__(self, batch: dict) -> dict:
            raise BadValue("rating_kva", "a number", batch["asset_id"][0])

    equip(lake)
    monkeypatch.setattr(assets, "AssetWorker", Refusing)
    with pytest.raises(BadValue, match="rating_kva") as caught:
        assets.score_assets(workspace, Scoring("RISK", tmp_path, "m1", None, END), 1, None)
    assert type(caught.value) is BadValue
    assert str(caught.value) == "rating_kva: wanted a number, found 'broken'."


def test_what_cannot_be_scored_is_refused(workspace, lake, tmp_path) -> None:
    with pytest.raises(NoSuchModel):
        score_lake(workspace, "anomaly")
    with pytest.raises(NoSuchModel):
        score_lake(workspace, "anomaly/zscore")
    with pytest.raises(UnknownName):
        score_lake(workspace, "anomalies")
    with pytest.raises(UnknownName):
        score_lake(workspace, "anomaly/zscores")
    with pytest.raises(BadValue, match="since"):
        score_with(workspace, fitted.seasonal(), "f1", since=END, until=END)
    with pytest.raises(BadValue, match="a time before the end of the readings"):
        score_with(workspace, fitted.seasonal(), "f1", since=END)
    with pytest.raises(BadValue, match="none for maintenance"):
        score_with(workspace, fitted.failure(), "m1", since=START)
    with pytest.raises(EmptyTable, match="READING"):
        score_with(Workspace.open(Path(tmp_path, "empty")), fitted.seasonal(), "f1")
