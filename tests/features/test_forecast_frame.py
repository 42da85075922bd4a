"""Features against a plain reading of their definitions, one row at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metrify.errors import BadValue
from metrify.features import catalog
from metrify.features.frame import Sources, forecast_frame
from metrify.features.rows import ForecastRows, issue_times
from metrify.features.solar import Production
from metrify.localtime import Calendar, local_times
from metrify.panel import Panel

LONDON = Calendar("Europe/London", "GB", "ENG")
HOUR = np.timedelta64(3600, "s")


def a_panel(days: int = 45, *, start: str = "2013-03-01", step: int = 60, meters: int = 3, seed: int = 7) -> Panel:
    """Ugly but plausible: gaps of hours and days, equal values, a meter that exports."""
    random = np.random.default_rng(seed)
    values = random.gamma(2.0, 0.2, (meters, days * 1440 // step)).round(2).astype(np.float32)
    values[random.random(values.shape) < 0.05] = np.nan
    values[0, 200:260] = np.nan
    values[-1] -= 0.5
    ids = np.array([f"M{m}" for m in range(meters)])
    return Panel(ids, np.datetime64(start, "s"), step, values)


def sources(panel: Panel, calendar: Calendar = LONDON, **more) -> Sources:
    meters = pd.DataFrame({"pv_kw": [None] * len(panel.meter_ids), "location": "x"}, index=panel.meter_ids)
    return Sources(panel, panel, calendar, meters, **more)


def like_days(panel: Panel, meter: int, issue: np.datetime64, time: np.datetime64, zone: str) -> dict[int, float]:
    """Values of the row's clock slot by days before the last known day, from intervals that ended by the issue."""
    local = local_times(panel.times, zone)
    row = local_times(np.array([time]), zone)
    ended = panel.times + np.timedelta64(panel.step_minutes * 60, "s") <= issue
    same = ended & (local.minute == row.minute[0])
    if not same.any():
        return {}
    last = local_times(np.array([issue]), zone)
    known = last.day[0] - (row.minute[0] + panel.step_minutes > last.minute[0])
    found: dict[int, list[float]] = {}
    for day, value in zip(local.day[same], panel.values[meter, same], strict=True):
        if np.isfinite(value):
            found.setdefault(int(known - day), []).append(float(value))
    return {back: float(np.mean(values)) for back, values in found.items()}


@pytest.mark.parametrize("issue_at", ["00:00", "10:00"])
@pytest.mark.parametrize("horizon", ["1d", "36h"])
def test_like_day_features_equal_their_definition(issue_at: str, horizon: str) -> None:
    panel = a_panel()  # the clock goes forward on 2013-03-31 within it
    issues = issue_times(panel.start, panel.end, issue_at, LONDON.zone)
    frame = forecast_frame(sources(panel), issues, horizon)
    random = np.random.default_rng(0)
    for row in random.integers(0, len(frame.rows.times), 120):
        for meter in range(3):
            issue, time = issues[frame.rows.issue[row]], frame.rows.times[row]
            days = like_days(panel, meter, issue, time, LONDON.zone)
            week = [value for back, value in days.items() if 0 <= back < 7]
            month = [value for back, value in days.items() if 0 <= back < 28]
            expected = {
                "lag_1d": days.get(0, np.nan),
                "lag_7d": days.get(6, np.nan),
                "slot_mean_7d": np.mean(week) if week else np.nan,
                "slot_median_7d": np.median(week) if week else np.nan,
                "slot_q25_7d": np.quantile(week, 0.25) if week else np.nan,
                "slot_min_28d": np.min(month) if month else np.nan,
                "slot_q90_28d": np.quantile(month, 0.9) if month else np.nan,
            }
            found = {name: float(frame.columns[name][meter, row]) for name in expected}
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)


def test_day_type_and_weekday_medians_use_only_their_days() -> None:
    panel = a_panel(days=60, start="2013-05-01")  # Monday 27 May 2013 is a bank holiday
    issues = issue_times(panel.start, panel.end, "00:00", LONDON.zone)
    frame = forecast_frame(sources(panel), issues, "1d")
    random = np.random.default_rng(1)
    for row in random.integers(0, len(frame.rows.times), 80):
        issue, time = issues[frame.rows.issue[row]], frame.rows.times[row]
        day = int(frame.rows.local.day[row])
        issue_day = int(local_times(np.array([issue]), LONDON.zone).day[0])
        days = like_days(panel, 1, issue, time, LONDON.zone)
        month = {issue_day - 1 - back: value for back, value in days.items() if 0 <= back < 28}
        row_off = bool(is_off(day))
        typed = [value for at, value in month.items() if bool(is_off(at)) == row_off]
        same_weekday = [value for at, value in month.items() if (at - day) % 7 == 0]
        for name, values in (("daytype_median_28d", typed), ("weekday_median_28d", same_weekday)):
            wanted = np.median(values) if values else np.nan
            assert float(frame.columns[name][1, row]) == pytest.approx(wanted, rel=1e-5, nan_ok=True)


def is_off(day: int) -> bool:
    date = pd.Timestamp(np.datetime64(day, "D"))
    return date.weekday() >= 5 or str(date.date()) in {"2013-05-06", "2013-05-27"}


def test_levels_are_means_over_hours_not_rows() -> None:
    panel = a_panel()
    issue = np.datetime64("2013-04-03T10:00", "s")
    frame = forecast_frame(sources(panel), np.array([issue]), "6h")
    cut = panel.index(issue)
    for name, hours in (("level_3h", 3), ("level_1d", 24), ("level_14d", 336)):
        wanted = np.nanmean(panel.values[:, cut - hours : cut], axis=1)
        np.testing.assert_allclose(frame.columns[name][:, 0], wanted, rtol=1e-5)
    share = np.isfinite(panel.values[:, cut - 336 : cut]).mean(axis=1)
    np.testing.assert_allclose(frame.columns["known_14d"][:, 0], share, rtol=1e-6)
    spread = np.nanstd(panel.values[:, cut - 168 : cut], axis=1)
    np.testing.assert_allclose(frame.columns["spread_7d"][:, 0], spread, rtol=1e-3)


@pytest.mark.parametrize("issue", ["2013-03-30T00:00", "2013-04-02T09:00", "2013-10-27T00:30", "2013-10-27T01:30"])
def test_nothing_after_the_issue_time_is_used(issue: str) -> None:
    start = "2013-03-01" if issue < "2013-06" else "2013-09-20"
    panel = a_panel(start=start, step=30)
    moment = np.datetime64(issue, "s")
    future = panel.times + np.timedelta64(1800, "s") > moment
    other = panel.replace(np.where(future[None, :], np.float32(99), panel.values))
    one, two = (forecast_frame(sources(p), np.array([moment]), "1d") for p in (panel, other))
    for name in catalog.names:
        np.testing.assert_array_equal(one.columns[name], two.columns[name], err_msg=name)


@pytest.mark.parametrize("phase", [0, 30])
def test_half_hour_zones_leak_nothing_whether_intervals_follow_utc_or_the_clock(phase: int) -> None:
    panel = a_panel(days=40)
    panel = Panel(panel.meter_ids, panel.start + np.timedelta64(phase, "m"), 60, panel.values)
    india = Calendar("Asia/Kolkata")
    issues = panel.next_start(issue_times(panel.start, panel.end, "00:00", india.zone))
    local = local_times(issues, india.zone)
    assert set(local.minute.tolist()) == ({0} if phase else {30})
    moment = issues[30]
    future = panel.times + HOUR > moment
    other = panel.replace(np.where(future[None, :], np.float32(99), panel.values))
    one, two = (forecast_frame(sources(p, india), np.array([moment]), "1d") for p in (panel, other))
    for name in catalog.names:
        np.testing.assert_array_equal(one.columns[name], two.columns[name], err_msg=name)
    yesterday = panel.values[:, panel.index(moment) - 24 : panel.index(moment)]
    np.testing.assert_array_equal(one.columns["lag_1d"], yesterday)
    today = panel.values[:, panel.index(moment) : panel.index(moment) + 24]
    np.testing.assert_array_equal(one.target, today)


def test_late_production_is_unknown_until_it_arrives() -> None:
    panel = a_panel(days=20)
    ends = (panel.times + HOUR).astype(np.int64)
    available = np.zeros(panel.values.shape, np.int64)
    late = panel.index(np.datetime64("2013-03-10T10:00", "s"))
    panel.values[0, late] = 0.77
    available[0, late] = ends[late] + 30 * 3600  # arrives at 17:00 of the next day
    issues = issue_times(panel.start, panel.end, "00:00", LONDON.zone)
    frames = [
        forecast_frame(sources(panel, solar=Production(panel, known)), issues, "1d") for known in (available, None)
    ]
    hidden = panel.values.copy()
    hidden[0, late] = np.nan
    without = forecast_frame(sources(panel, solar=Production(panel.replace(hidden))), issues, "1d")
    waiting = (issues == np.datetime64("2013-03-11", "s"))[frames[0].rows.issue]
    for name in ("solar_lag_1d", "solar_mean_7d"):
        with_late, whole = (frame.columns[name] for frame in frames)
        np.testing.assert_array_equal(with_late[:, waiting], without.columns[name][:, waiting])
        np.testing.assert_array_equal(with_late[:, ~waiting], whole[:, ~waiting])
        assert not np.array_equal(with_late, whole, equal_nan=True)


def test_a_late_reading_is_unknown_until_it_arrives() -> None:
    panel = a_panel(days=30)
    issues = issue_times(panel.start, panel.end, "00:00", LONDON.zone)
    ends = (panel.times + HOUR).astype(np.int64)
    available = np.zeros(panel.values.shape, np.int64)
    late = panel.index(np.datetime64("2013-03-20T05:00", "s"))
    available[1, late : late + 6] = ends[late : late + 6] + 3 * 86400  # arrives three days after its interval
    with_late = forecast_frame(sources(panel, available=available), issues, "1d")
    hidden = panel.values.copy()
    hidden[1, late : late + 6] = np.nan
    without = forecast_frame(sources(panel.replace(hidden)), issues, "1d")
    whole = forecast_frame(sources(panel), issues, "1d")
    waiting = (issues >= np.datetime64("2013-03-20T06:00", "s")) & (issues < np.datetime64("2013-03-23T06:00", "s"))
    rows = waiting[whole.rows.issue]
    assert rows.any()
    for name in ("slot_mean_7d", "level_1d", "smooth_mean_28d"):
        np.testing.assert_allclose(with_late.columns[name][:, rows], without.columns[name][:, rows], rtol=1e-5)
        np.testing.assert_allclose(with_late.columns[name][:, ~rows], whole.columns[name][:, ~rows], rtol=1e-5)
    assert not np.allclose(with_late.columns["level_1d"][1], whole.columns["level_1d"][1], equal_nan=True)


def test_local_days_have_23_and_25_hours() -> None:
    for day, hours in (("2013-03-31T00:00", 23), ("2013-10-26T23:00", 25)):
        rows = ForecastRows.build(np.array([day], "datetime64[s]"), "1d", 60, LONDON)
        assert len(rows.times) == hours
        assert (np.diff(rows.times) == HOUR).all()
    assert sorted(set(rows.slot.tolist())) == list(range(24))  # the repeated hour has one slot


def test_issue_times_follow_the_local_clock() -> None:
    issues = issue_times(
        np.datetime64("2013-03-29T00:00", "s"), np.datetime64("2013-04-02T00:00", "s"), "00:00", "Europe/London"
    )
    assert [str(issue) for issue in issues] == [
        "2013-03-29T00:00:00",
        "2013-03-30T00:00:00",
        "2013-03-31T00:00:00",
        "2013-03-31T23:00:00",
        "2013-04-01T23:00:00",
    ]


def test_an_interval_that_does_not_divide_a_day_is_refused() -> None:
    with pytest.raises(BadValue, match="minutes that divide a day"):
        ForecastRows.build(np.array(["2013-01-01"], "datetime64[s]"), "1d", 7, LONDON)


def test_a_horizon_shorter_than_an_interval_is_refused() -> None:
    with pytest.raises(BadValue, match="at least one interval"):
        ForecastRows.build(np.array(["2013-01-01"], "datetime64[s]"), "30min", 60, LONDON)


def test_one_issue_alone_equals_the_same_issue_among_many() -> None:
    panel = a_panel()
    issues = issue_times(panel.start, panel.end, "00:00", LONDON.zone)
    many = forecast_frame(sources(panel), issues, "1d")
    for number in (5, 20, 31, 40):
        one = forecast_frame(sources(panel), issues[number : number + 1], "1d")
        rows = many.rows.issue == number
        for name in catalog.names:
            alone = one.columns[name]
            among = many.columns[name][..., rows]
            np.testing.assert_allclose(alone, among, rtol=1e-5, atol=1e-6, err_msg=name)
