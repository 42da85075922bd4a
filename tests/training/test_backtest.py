"""The backtest: only the past teaches, the truth judges, and the naive forecasts stand beside."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from metrify.errors import BadValue, TooLittle
from metrify.training.backtest import backtest
from metrify.training.forecasting import BASELINES, ForecastingTask
from metrify.training.rows import Presence, known_at
from metrify.training.split import folds, within
from tests.models.fleet import feature_rows

CUT = np.datetime64("2013-04-20", "s")


def rows() -> pd.DataFrame:
    found = feature_rows()
    return found[found["meter_id"].isin(["ordinary", "exporter", "gappy"])].reset_index(drop=True)


def issues(found: pd.DataFrame) -> np.ndarray:
    return np.unique(found["issue_time"].to_numpy())


def test_the_league_ranks_families_and_baselines_by_wape() -> None:
    result = backtest(
        ForecastingTask(rows()), {"forecasting/seasonal": {}}, folds(issues(rows()), train_until=CUT, test_until=None)
    )
    assert set(result.league["family"]) == {"forecasting/seasonal", *BASELINES}
    assert result.league["wape"].is_monotonic_increasing
    seasonal = result.league.set_index("family").loc["forecasting/seasonal"]
    mine = result.answers[result.answers["model"] == "forecasting/seasonal"].dropna(subset=["actual"])
    wape = (mine["q50"] - mine["actual"]).abs().sum() / mine["actual"].abs().sum()
    assert seasonal["wape"] == pytest.approx(wape)
    assert 0.6 < seasonal["coverage_80"] < 0.95
    assert result.league.set_index("family").loc["median of 7 days", "mase"] > 0


def test_what_came_after_the_cut_changes_no_forecast_issued_at_it() -> None:
    plan = folds(issues(rows()), train_until=CUT, test_until=CUT + np.timedelta64(1, "D"))
    whole = backtest(ForecastingTask(rows()), {"forecasting/lightgbm": {"n_estimators": 10}}, plan)
    other = rows()
    later = other["timestamp"].to_numpy() >= CUT
    other.loc[later, "target"] = 99.0
    changed = backtest(ForecastingTask(other), {"forecasting/lightgbm": {"n_estimators": 10}}, plan)
    np.testing.assert_array_equal(whole.answers["q50"], changed.answers["q50"])
    assert not np.array_equal(whole.answers["actual"], changed.answers["actual"])


def test_each_fold_learns_up_to_its_own_begin() -> None:
    plan = folds(issues(rows()), train_until=CUT, test_until=None, number=3)
    assert [fold.test_from for fold in plan] == [fold.train_until for fold in plan]
    assert all(one.test_until == two.test_from for one, two in pairwise(plan))
    judged = [len(within(rows(), fold.test_from, fold.test_until)) for fold in plan]
    assert sum(judged) == (rows()["issue_time"] >= CUT).sum()
    for fold in plan:
        assert known_at(rows(), fold.train_until)["timestamp"].max() < fold.test_from


def test_without_dates_the_last_fifth_is_the_test() -> None:
    (fold,) = folds(issues(rows()), train_until=None, test_until=None)
    test = within(rows(), fold.test_from, fold.test_until)
    assert test["issue_time"].nunique() == pytest.approx(issues(rows()).size * 0.2, abs=1)


@pytest.mark.parametrize("begin", ["2012-01-01", "2020-01-01"])
def test_a_test_outside_of_the_data_is_refused(begin: str) -> None:
    with pytest.raises(BadValue, match="a time between"):
        folds(issues(rows()), train_until=np.datetime64(begin, "s"), test_until=None)


def test_a_fold_without_truth_is_refused() -> None:
    blind = rows().assign(target=np.float32(np.nan))
    with pytest.raises(TooLittle):
        backtest(
            ForecastingTask(blind), {"forecasting/seasonal": {}}, folds(issues(blind), train_until=CUT, test_until=None)
        )


def test_presence_keeps_meters_with_enough_readings() -> None:
    found = feature_rows()
    kept = Presence(0.85, CUT, history_days=20, history_before=CUT).keep(found)
    assert set(kept["meter_id"].unique()) == {"ordinary", "exporter"}
