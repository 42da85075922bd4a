"""Metrics against figures worked out by hand, against scikit-learn, and on gaps, nothing and constants."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from metrify.errors import BadValue, MissingColumns
from metrify.metrics import forecasts as metrics
from metrify.metrics.forecasts import score, score_by, seasonal_scale
from metrify.schema import LEVELS, level_column

QUANTILES = [level_column(level) for level in LEVELS]
POINT = [metrics.mae, metrics.rmse, metrics.mape, metrics.r2, metrics.wape, metrics.bias]
ACTUAL = np.array([1.0, 2.0, 0.0, 5.0])
FORECAST = np.array([2.0, 2.0, 1.0, 3.0])


def forecast_rows(n: int = 400, seed: int = 5) -> pd.DataFrame:
    """Forecasts that are right about their own uncertainty: N(mean, 1) with the quantiles of N(mean, 1)."""
    random = np.random.default_rng(seed)
    mean = random.uniform(5, 15, n)
    normal = dict(zip(LEVELS, (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645), strict=True))
    return pd.DataFrame(
        {
            "meter_id": [f"m{i % 4}" for i in range(n)],
            "lead_minutes": np.arange(n) // 4 % 24 * 60,
            "actual": mean + random.standard_normal(n),
            "mean": mean,
            **{level_column(level): mean + z for level, z in normal.items()},
        }
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.mae, (1 + 0 + 1 + 2) / 4),
        (metrics.rmse, np.sqrt((1 + 0 + 1 + 4) / 4)),
        (metrics.mape, (1 + 0 + 2 / 5) / 3),  # the pair whose actual is zero is left out
        (metrics.wape, 4 / 8),
        (metrics.bias, (1 + 0 + 1 - 2) / 4),
        (metrics.r2, 1 - 6 / 14),
    ],
)
def test_points_by_hand(metric, expected):
    assert metric(ACTUAL, FORECAST) == pytest.approx(expected)


def test_scaled_errors_by_hand():
    assert metrics.mase(ACTUAL, FORECAST, 2.0) == pytest.approx(0.5)
    assert metrics.mase(ACTUAL, FORECAST, [1.0, 1.0, 2.0, 4.0]) == pytest.approx((1 + 0 + 0.5 + 0.5) / 4)
    assert metrics.rmsse(ACTUAL, FORECAST, 2.0) == pytest.approx(np.sqrt(6 / 4 / 4))
    assert metrics.mase(ACTUAL, FORECAST, [1.0, 0.0, np.nan, 2.0]) == pytest.approx((1 + 1) / 2)
    assert np.isnan(metrics.mase(ACTUAL, FORECAST, 0.0))


def test_quantiles_by_hand():
    assert metrics.pinball(ACTUAL, FORECAST, 0.1) == pytest.approx((0.9 + 0 + 0.9 + 0.1 * 2) / 4)
    assert metrics.coverage(ACTUAL, [1, 2.1, -1, 3], [1, 3, 1, 4]) == pytest.approx(2 / 4)
    assert metrics.width([1.0, np.nan, 2.0], [2.0, 5.0, 5.0]) == pytest.approx(2.0)
    # levels .25 and .75 stand for half of all levels each; losses .25 * 1 and .25 * 2
    assert metrics.crps([2.0], [[1.0, 4.0]], (0.25, 0.75)) == pytest.approx(2 * (0.5 * 0.25 + 0.5 * 0.5))


def test_against_scikit_learn():
    rows = forecast_rows()
    actual, forecast = rows["actual"], rows["q50"]
    assert metrics.mae(actual, forecast) == pytest.approx(reference.mean_absolute_error(actual, forecast))
    assert metrics.rmse(actual, forecast) == pytest.approx(reference.root_mean_squared_error(actual, forecast))
    assert metrics.mape(actual, forecast) == pytest.approx(reference.mean_absolute_percentage_error(actual, forecast))
    assert metrics.r2(actual, forecast) == pytest.approx(reference.r2_score(actual, forecast))
    for level, column in zip(LEVELS, QUANTILES, strict=True):
        wanted = reference.mean_pinball_loss(actual, rows[column], alpha=level)
        assert metrics.pinball(actual, rows[column], level) == pytest.approx(wanted)


def test_crps_of_a_normal_distribution():
    rows = forecast_rows(20_000)
    exact = 1 / np.sqrt(np.pi)  # expected CRPS of N(0, 1) about its own draws
    assert metrics.crps(rows["actual"], rows[QUANTILES]) == pytest.approx(
        exact, rel=0.04
    )  # seven levels see less of the tails


finite = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
gappy = st.one_of(st.just(np.nan), finite)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 30).flatmap(
        lambda n: st.tuples(hnp.arrays(float, n, elements=gappy), hnp.arrays(float, n, elements=gappy))
    )
)
def test_missing_pairs_are_left_out_everywhere(pairs):
    actual, forecast = pairs
    known = np.isfinite(actual) & np.isfinite(forecast)
    scaled = [lambda a, f: metrics.mase(a, f, 2.0), lambda a, f: metrics.pinball(a, f, 0.9)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an empty mean must not warn either
        for metric in [*POINT, *scaled]:
            with_gaps, without = metric(actual, forecast), metric(actual[known], forecast[known])
            assert with_gaps == without or (np.isnan(with_gaps) and np.isnan(without))
            assert known.any() or np.isnan(with_gaps)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(float, st.integers(1, 20), elements=finite), finite)
def test_a_forecast_without_spread_has_the_mae_as_crps(actual, constant):
    quantiles = np.full((len(actual), len(LEVELS)), constant)
    mae = metrics.mae(actual, np.full(len(actual), constant))
    assert metrics.crps(actual, quantiles) == pytest.approx(mae, rel=1e-9, abs=1e-9)
    assert metrics.pinball(actual, quantiles[:, 0], 0.5) == pytest.approx(mae / 2)


@given(finite, st.integers(1, 9))
def test_r2_of_a_constant_is_not_defined(constant, n):
    assert np.isnan(metrics.r2(np.full(n, constant), np.zeros(n)))
    assert metrics.mae(np.full(n, constant), np.full(n, constant)) == 0


def test_nothing_is_not_zero():
    assert all(np.isnan(metric([], [])) for metric in POINT)
    assert np.isnan(metrics.wape([0.0, 0.0], [1.0, 1.0]))
    assert np.isnan(metrics.mape([0.0], [1.0]))
    assert np.isnan(metrics.coverage([np.nan], [0], [1]))


def test_sums_are_in_float64():
    actual = np.full(2_000_000, 0.1, np.float32)
    assert metrics.bias(actual, np.zeros_like(actual)) == pytest.approx(-float(np.float32(0.1)), rel=1e-12)


def test_nullable_and_arrow_columns_are_read_with_their_gaps():
    for kind in ("Float64", "double[pyarrow]"):
        assert metrics.mae(pd.Series([1.0, None, 4.0], dtype=kind), [2.0, 2.0, 2.0]) == pytest.approx(1.5)


def test_refusals_say_what_was_wanted():
    with pytest.raises(BadValue, match="as many values"):
        metrics.mae([1.0, 2.0], [1.0])
    with pytest.raises(BadValue, match="between 0 and 1"):
        metrics.pinball([1.0], [1.0], 10)
    with pytest.raises(BadValue, match=r"\[N, 7\]"):
        metrics.crps([1.0], [[1.0, 2.0]])
    with pytest.raises(MissingColumns, match="q05"):
        score(forecast_rows().drop(columns="q05"))
    with pytest.raises(MissingColumns, match="hour"):
        score_by(forecast_rows(), ["hour"])


def test_seasonal_scale_by_hand():
    grid = [[1, 2, 4, 4, 1, np.nan], [np.nan] * 6, [3, 3, 3, 3, 3, 3]]
    np.testing.assert_allclose(seasonal_scale(grid, 2), [(3 + 2 + 3) / 3, np.nan, 0])
    np.testing.assert_allclose(seasonal_scale(grid, 2, squared=True), [np.sqrt((9 + 4 + 9) / 3), np.nan, 0])
    assert np.isnan(seasonal_scale(grid, 6)).all()
    with pytest.raises(BadValue, match="season"):
        seasonal_scale(grid, 0)


def test_score_is_the_metrics_together():
    rows = forecast_rows()
    found = score(rows, scale=pd.Series({"m0": 1.0, "m1": 2.0, "m2": 4.0, "m3": 0.0}))
    actual, point = rows["actual"], rows["q50"]
    scales = rows["meter_id"].map({"m0": 1.0, "m1": 2.0, "m2": 4.0, "m3": 0.0})
    assert found["n"] == len(rows)
    assert found["wape"] == metrics.wape(actual, point)
    assert found["rmse_mean"] == metrics.rmse(actual, rows["mean"])
    assert found["mase"] == metrics.mase(actual, point, scales)
    assert found["pinball"] == pytest.approx(
        np.mean([metrics.pinball(actual, rows[c], q) for q, c in zip(LEVELS, QUANTILES, strict=True)])
    )
    assert found["width_80"] == pytest.approx(2.564)
    for share, name in ((0.5, "coverage_50"), (0.8, "coverage_80"), (0.9, "coverage_90")):
        assert found[name] == pytest.approx(share, abs=0.05)
    assert "mase" not in score(rows)


def test_score_counts_what_it_leaves_out():
    rows = forecast_rows(8)
    rows.loc[0, "actual"] = np.nan
    rows.loc[1, "q50"] = np.nan
    rows.loc[2, "actual"] = 0.0
    found = score(rows)
    assert (found["n"], found["n_unanswered"], found["n_zero"]) == (6, 1, 1)
    nothing = score(rows.assign(actual=np.nan))
    assert nothing["n"] == 0
    assert all(np.isnan(value) for name, value in nothing.items() if name[:2] not in {"n", "n_", "wi"})


def test_score_by_equals_score_of_each_group():
    rows = forecast_rows()
    scale = pd.Series({"m0": 1.0, "m1": 2.0, "m2": 4.0, "m3": 1.0})
    table = score_by(rows.astype({"meter_id": "category"}), ["meter_id", "lead_minutes"], scale=scale)
    assert list(table.columns[:2]) == ["meter_id", "lead_minutes"]
    assert len(table) == len(rows.groupby(["meter_id", "lead_minutes"]))
    one = table.iloc[7]
    group = rows[(rows["meter_id"] == one["meter_id"]) & (rows["lead_minutes"] == one["lead_minutes"])]
    assert one[list(score(group, scale=scale))].to_dict() == score(group, scale=scale)
    assert table["n"].sum() == len(rows)


def test_score_by_of_no_rows_keeps_its_columns():
    table = score_by(forecast_rows().head(0), ["meter_id"])
    assert table.empty
    assert list(table.columns) == ["meter_id", *score(forecast_rows())]
