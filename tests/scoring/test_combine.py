"""One answer of several members: properties that hold for every task."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metrify.errors import UnknownName
from metrify.schema import LEVELS, level_column
from metrify.scoring.combine import combine

TIMES = pd.date_range("2020-01-01", periods=3, freq="h", tz="UTC")
QUANTILES = [level_column(level) for level in LEVELS]


def forecast(model: str, level: float, meters: str = "ba", reason: str = "") -> pd.DataFrame:
    rows = [(meter, TIMES[0], time) for meter in meters for time in TIMES]
    frame = pd.DataFrame(rows, columns=["meter_id", "issue_time", "timestamp"]).assign(model=model, lead_minutes=0)
    random = np.random.default_rng(len(model))
    spread = np.sort(random.gamma(2, size=(len(frame), len(QUANTILES))), axis=1) + level
    return frame.assign(mean=level, **dict(zip(QUANTILES, spread.T, strict=True)), reason=reason)


def anomaly(model: str, scores: list[float], threshold: float, reason: str = "") -> pd.DataFrame:
    frame = pd.DataFrame({"meter_id": "a", "timestamp": TIMES[: len(scores)], "model": model, "score": scores})
    verdict = frame["score"] >= threshold
    return frame.assign(
        verdict=verdict, expected=1.0, reason=np.where(verdict, reason, ""), value=2.0, threshold=threshold
    )


def risk(model: str, chances: dict[str, float], reason: str = "") -> pd.DataFrame:
    frame = pd.DataFrame({"asset_id": list(chances), "as_of": TIMES[0], "model": model, "horizon_days": 365})
    return frame.assign(probability=list(chances.values()), health=np.nan, consequence=None, risk=None, reason=reason)


@pytest.mark.parametrize(
    ("task", "frame"),
    [
        ("forecasting", forecast("f:1", 1)),
        ("anomaly", anomaly("z:1", [1, 5], 3)),
        ("maintenance", risk("m:1", {"x": 1})),
    ],
)
def test_one_member_is_its_own_answer(task, frame) -> None:
    pd.testing.assert_frame_equal(combine(task, [frame]), frame)
    pd.testing.assert_frame_equal(combine(task, [frame.iloc[:0], frame]), frame)
    assert combine(task, [frame.iloc[:0]]).empty


def test_forecasts_are_averaged_level_by_level_and_stay_in_order() -> None:
    one, two = forecast("forecasting/lightgbm:3", 1.0), forecast("forecasting/seasonal:1", 3.0)
    shuffled = two.sample(frac=1, random_state=1)
    answer = combine("forecasting", [one, shuffled])
    pd.testing.assert_frame_equal(answer[["meter_id", "timestamp"]], one[["meter_id", "timestamp"]])
    assert (answer["mean"] == 2.0).all()
    np.testing.assert_allclose(answer[QUANTILES], (one[QUANTILES].to_numpy() + two[QUANTILES].to_numpy()) / 2)
    assert (np.diff(answer[QUANTILES].to_numpy(), axis=1) >= 0).all()
    assert (answer["model"] == "forecasting/lightgbm:3 + forecasting/seasonal:1").all()
    assert list(answer.columns) == list(one.columns)


def test_members_that_lack_a_row_do_not_count_for_it() -> None:
    one, two = forecast("f:1", 1.0, "b"), forecast("g:1", 3.0, "ba")
    answer = combine("forecasting", [one, two])
    assert answer["meter_id"].tolist() == ["b"] * 3 + ["a"] * 3
    assert answer["mean"].tolist() == [2.0] * 3 + [3.0] * 3
    assert answer["model"].tolist() == ["f:1 + g:1"] * 3 + ["g:1"] * 3


def test_the_verdict_is_that_of_the_mean_score_at_the_mean_threshold() -> None:
    answer = combine("anomaly", [anomaly("z:1", [1, 5, 2], 3, "high"), anomaly("i:1", [2, 2, 9], 3, "odd")])
    assert answer["score"].tolist() == [1.5, 3.5, 5.5]
    assert answer["verdict"].tolist() == [False, True, True]
    assert answer["reason"].tolist() == ["", "z:1: high", "i:1: odd"]
    assert answer["value"].tolist() == [2.0] * 3


def test_what_one_of_two_flags_has_no_reason_where_the_answer_does_not() -> None:
    unknown = anomaly("i:1", [1, 9, np.nan], 3, "odd").assign(reason=["", "odd", "too little history"])
    answer = combine("anomaly", [anomaly("z:1", [4, 4, np.nan], 3, "high"), unknown])
    assert answer["verdict"].tolist() == [False, True, False]
    assert answer["reason"].tolist() == ["", "z:1: high; i:1: odd", "i:1: too little history"]


def test_without_thresholds_half_of_the_verdicts_decide() -> None:
    members = [anomaly("z:1", [5, 1], 3), anomaly("i:1", [5, 1], 3), anomaly("j:1", [1, 5], 3)]
    answer = combine("anomaly", [member.assign(threshold=np.nan) for member in members])
    assert answer["verdict"].tolist() == [True, False]
    assert answer["threshold"].isna().all()


def test_a_member_without_a_number_leaves_it_to_the_others() -> None:
    answer = combine("maintenance", [risk("m:1", {"x": 0.1, "y": np.nan}), risk("n:1", {"x": 0.3, "y": 0.5})])
    assert answer["probability"].tolist() == pytest.approx([0.2, 0.5])
    assert answer["consequence"].isna().all()
    score = anomaly("z:1", [np.nan, 5], 3), anomaly("i:1", [np.nan, 1], 3)
    assert combine("anomaly", list(score))["verdict"].tolist() == [False, True]


def test_a_reason_that_all_give_alike_is_told_once() -> None:
    alike = combine("maintenance", [risk("m:1", {"x": np.nan}, "retired"), risk("n:1", {"x": np.nan}, "retired")])
    assert alike["reason"].tolist() == ["retired"]
    apart = combine("maintenance", [risk("m:1", {"x": 0.1}, "age"), risk("n:1", {"x": 0.1}, "heat")])
    assert apart["reason"].tolist() == ["m:1: age; n:1: heat"]


def test_meters_stay_silent_only_where_no_member_has_a_row() -> None:
    one, two = anomaly("z:1", [1.0], 3), anomaly("i:1", [1.0], 3).assign(meter_id="b")
    one.attrs["silent"], two.attrs["silent"] = {"b": "no reading", "c": "no reading"}, {"c": "no reading"}
    assert combine("anomaly", [one, two]).attrs["silent"] == {"c": "no reading"}


def test_a_task_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownName, match="anomaly"):
        combine("anomalies", [anomaly("z:1", [1.0], 3)])
