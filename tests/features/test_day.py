"""Rows of meter-days: against a plain loop over every interval, over clock changes, and blind to what comes later."""

from __future__ import annotations

from dataclasses import replace

import holidays
import numpy as np
import pandas as pd
import pytest

from metrify.features.day import FEATURES, day_frame
from metrify.features.daycontent import PARTS
from metrify.features.dayrecord import DEFECTS, LOOKBACK_DAYS, SEVERITY
from metrify.features.sources import Validated
from metrify.vee.rules import RULES
from tests.features.days import judged

NOW, DAY = pd.Timedelta(0), pd.Timedelta(days=1)
NAMES = [feature.name for feature in FEATURES]
GRACE = 24.0
BIT = {rule.name: 1 << rule.bit for rule in RULES}
ERRORS = sum(BIT[rule.name] for rule in RULES if rule.severity == "error")


def faulty(days: int, step: int, seed: int = 1) -> np.ndarray:
    """Four meters: with every kind of fault; with a late begin and an early end; whole; silent."""
    random = np.random.default_rng(seed)
    per_day = 1440 // step
    values = random.gamma(4.0, 0.1, (4, days * per_day)) + 0.05
    values[0, random.random(values.shape[1]) < 0.02] = np.nan
    values[0, random.random(values.shape[1]) < 0.01] = -1
    values[0, 10 * per_day : 13 * per_day] = np.nan
    values[0, 15 * per_day : 15 * per_day + 3 * per_day // 4] = 0.7
    values[0, random.integers(6 * per_day, values.shape[1], 5)] = 50.0
    values[0, 30 * per_day : 30 * per_day + 7] = np.linspace(0.3, 0.9, 7)
    values[0, 32 * per_day + per_day // 3 : 33 * per_day] = 0.0
    values[2, 34 * per_day : 35 * per_day + per_day // 2] *= 4.0
    values[2, 37 * per_day : 38 * per_day + per_day // 2] *= 0.2
    values[1, : 5 * per_day + 7] = values[1, -3 * per_day - 5 :] = np.nan
    values[3] = np.nan
    return values


def with_late_reports(found: Validated, seed: int = 2) -> Validated:
    """A tenth of the readings comes late, up to two days; some come twice, the second up to two days late."""
    random = np.random.default_rng(seed)
    ends = found.raw.times.astype(np.int64) + found.raw.step_minutes * 60
    delay = random.integers(0, 172_800, found.raw.values.shape)
    available = np.where(random.random(delay.shape) < 0.1, ends + 1 + delay, 0)
    repeated = np.where(random.random(delay.shape) < 0.05, ends + delay[:, ::-1], 0)
    return replace(found, available=available, repeated=repeated)


def by_hand(found: Validated, zone: str, grace: float) -> pd.DataFrame:
    """The same rows by a loop."""
    local = pd.DatetimeIndex(found.raw.times).tz_localize("UTC").tz_convert(zone)
    day = local.tz_localize(None).normalize()
    rows = []
    for m, meter in enumerate(found.raw.meter_ids):
        known = np.flatnonzero(found.raw.mask[m])
        past: list[dict] = []
        for date in pd.date_range(day[known[0]], day[known[-1]]) if len(known) else ():
            end = (date + DAY).tz_localize(zone).tz_convert("UTC").timestamp()
            quarter = local.hour // 6
            mine = [t for t in np.flatnonzero(day == date) if t >= known[0]]
            past.append(one_day(found, m, mine, end, grace, quarter))
            rows.append({"meter_id": meter, "local_date": date} | summary(past, found.raw.step_minutes / 60))
    frame = pd.DataFrame(rows)
    frame["target"] = [next_day(found, day, zone, grace, row.meter_id, row.local_date) for row in frame.itertuples()]
    england = holidays.country_holidays("GB", subdiv="ENG")
    off, eve = ([day.weekday() >= 5 or day in england for day in frame["local_date"] + ahead] for ahead in (NOW, DAY))
    return frame.assign(weekday=frame["local_date"].dt.weekday, is_day_off=off, is_eve=eve)


def one_day(found: Validated, m: int, intervals: list[int], end: float, grace: float, quarter: np.ndarray) -> dict:
    known_by = end + grace * 3600
    late = np.zeros(found.raw.values.shape[1]) if found.available is None else found.available[m]
    here = {t for t in intervals if np.isfinite(found.raw.values[m, t]) and late[t] <= known_by}
    whole = len(here) == len(intervals)
    counts = dict.fromkeys(["n", *DEFECTS, "valid", "late"], 0)
    runs, run, valid = [0], 0, []
    for t in intervals:
        run = 0 if t in here else run + 1
        runs.append(run)
        gravest = "gap" if t not in here else said_of(found, m, t, known_by, whole)
        counts["n"] += 1
        counts["late"] += t in here and late[t] > 0
        if gravest:
            counts[gravest] += 1
        if t in here and not int(found.flags[m, t]) & ERRORS:
            counts["valid"] += 1
            valid.append(float(found.raw.values[m, t]))
    values = {t: float(found.raw.values[m, t]) for t in here}
    parts = {name: [values[t] for t in here if quarter[t] == place] for place, name in enumerate(PARTS)}
    content = {
        "readings": len(values),
        "total": sum(values.values()) if values else np.nan,
        **{f"lowest_{name}": min(of, default=np.nan) for name, of in parts.items()},
        **{f"highest_{name}": max(of, default=np.nan) for name, of in parts.items()},
        "delay_hours": max([0.0, *((late[t] - end) / 3600 for t in here)]) if here else np.nan,
    }
    mean, size = (np.mean(of) if valid else np.nan for of in (valid, np.abs(valid)))
    return {**counts, "longest": max(runs), "open": run, "mean": mean, "size": size, "content": content}


def said_of(found: Validated, m: int, t: int, known_by: float, whole: bool) -> str:
    """The gravest rule that holds of a reading by then, if any does."""
    for rule in DEFECTS:
        holds = bool(int(found.flags[m, t]) & BIT[rule])
        if rule in {"high_usage", "low_usage"}:
            holds = whole and bool(int(found.hindsight[m, t]) & BIT[rule])
        if rule == "duplicate" and found.repeated is not None:
            holds |= 0 < found.repeated[m, t] <= known_by
        if holds and rule != "gap":
            return rule
    return ""


def summary(past: list[dict], hours: float) -> dict:
    today, faulty_days = past[-1], [k for k, day in enumerate(past[::-1]) if day["valid"] < day["n"]]
    row = {"intervals": today["n"], "days_known": min(len(past), LOOKBACK_DAYS)}
    for suffix, days in (("", past[-1:]), ("_7d", past[-7:]), ("_28d", past[-28:])):
        for name in (*DEFECTS, "valid", "late"):
            row[f"{name}_share{suffix}"] = sum(day[name] for day in days) / sum(day["n"] for day in days)
        if suffix:
            row[f"faulty{suffix}"] = np.mean([day["valid"] < day["n"] for day in days])
    since = faulty_days[0] if faulty_days and faulty_days[0] < LOOKBACK_DAYS else np.nan
    means = [day["mean"] for day in past[-28:] if np.isfinite(day["mean"])]
    level = today["mean"] / np.median(means) if means else np.nan
    sizes = [day["size"] for day in past[-28:] if np.isfinite(day["size"])]
    row |= today["content"] | {"level": np.median(sizes) if sizes else np.nan}
    gaps = {"longest_gap_hours": today["longest"] * hours, "open_gap_hours": today["open"] * hours}
    return row | gaps | {"days_since_fault": since, "level_change": level}


def next_day(found: Validated, day: pd.DatetimeIndex, zone: str, grace: float, meter: str, date: pd.Timestamp) -> float:
    m = list(found.raw.meter_ids).index(meter)
    mine = np.flatnonzero(day == date + DAY)
    last = np.flatnonzero(found.raw.mask[m])[-1]
    over = (date + 2 * DAY).tz_localize(zone).tz_convert("UTC").tz_localize(None) + pd.Timedelta(hours=grace)
    if found.raw.end < over.to_numpy() or last < mine[-1]:
        return np.nan
    late = np.zeros(len(mine)) if found.available is None else found.available[m, mine]
    here = found.raw.mask[m, mine] & (late <= over.timestamp())
    return float((~here | (found.flags[m, mine] & ERRORS > 0)).any())


@pytest.mark.parametrize(
    ("zone", "start", "step", "grace"),
    [
        ("Europe/London", "2023-03-01", 60, 24.0),
        ("Europe/London", "2023-10-01", 30, 6.0),
        ("America/New_York", "2023-10-10T04:00", 60, 0.0),
        ("Asia/Kolkata", "2023-05-01T18:30", 30, 24.0),
        ("UTC", "2023-03-01", 60, 30.0),
    ],
)
def test_every_number_is_that_of_a_plain_loop(zone: str, start: str, step: int, grace: float) -> None:
    found = with_late_reports(judged(faulty(45, step), start, step=step, zone=zone))
    rows, wanted = day_frame(found, grace), by_hand(found, zone, grace)
    assert rows["meter_id"].tolist() == wanted["meter_id"].tolist()
    assert (rows["local_date"].to_numpy() == wanted["local_date"].to_numpy()).all()
    for name in (*NAMES, "target"):
        expected = wanted[name].to_numpy(np.float64)
        np.testing.assert_allclose(rows[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    assert 0 < rows["target"].mean() < 1


def test_days_have_23_and_25_hours_and_end_at_local_midnight() -> None:
    spring = day_frame(judged(faulty(45, 60), "2023-03-01", zone="Europe/London"), GRACE).query("meter_id == 'M002'")
    autumn = day_frame(judged(faulty(45, 60), "2023-10-01", zone="Europe/London"), GRACE).query("meter_id == 'M002'")
    assert spring.set_index("local_date")["intervals"]["2023-03-26"] == 23
    assert autumn.set_index("local_date")["intervals"]["2023-10-29"] == 25
    assert spring.set_index("local_date")["issue_time"]["2023-03-26"] == pd.Timestamp("2023-03-27T23:00")
    assert (autumn["valid_share"] == 1).all()


def test_a_day_without_any_reading_in_between_is_a_row_too() -> None:
    rows = day_frame(judged(faulty(45, 60)), GRACE).query("meter_id == 'M000'").set_index("local_date")
    assert len(rows) == 45
    assert rows["gap_share"]["2023-01-12"] == 1.0
    assert np.isnan(rows["level_change"]["2023-01-12"])
    assert rows["open_gap_hours"]["2023-01-12"] == rows["longest_gap_hours"]["2023-01-12"] == 24
    assert rows["target"]["2023-01-11"] == 1.0


def test_a_meter_has_rows_from_its_first_to_its_last_reading_and_a_silent_one_none() -> None:
    rows = day_frame(judged(faulty(45, 60)), GRACE)
    mine = rows[rows["meter_id"] == "M001"]
    assert mine["local_date"].min() == pd.Timestamp("2023-01-06")
    assert mine["intervals"].iloc[0] == 17
    assert (mine["gap_share"].iloc[:-1] == 0).all()  # before the first reading nothing was missing
    assert mine["local_date"].max() == pd.Timestamp("2023-02-11")
    assert mine["gap_share"].iloc[-1] == pytest.approx(5 / 24)  # at the end of the day nobody knew that it was the last
    assert np.isnan(mine["target"].iloc[-2:]).all()
    assert "M003" not in set(rows["meter_id"])


@pytest.mark.parametrize("cut", [16, 30, 41])
@pytest.mark.parametrize("grace", [0.0, 24.0])
def test_nothing_later_than_its_issue_time_enters_a_row(cut: int, grace: float) -> None:
    """What was known then gives the same features, and the same target once the next day's grace is over."""
    values = faulty(45, 60)
    whole = with_late_reports(judged(values, zone="Europe/London"))
    assert whole.available is not None
    assert whole.repeated is not None
    end = int(whole.raw.start.astype(np.int64)) + cut * 86_400
    known = np.where(whole.available <= end, values, np.nan)[:, : cut * 24]
    past = judged(known, zone="Europe/London")
    past = replace(  # rules look at panels, and are tested by themselves
        past,
        flags=np.where(past.raw.mask, whole.flags[:, : cut * 24], past.flags),
        hindsight=np.where(past.raw.mask, whole.hindsight[:, : cut * 24], past.hindsight),
        available=whole.available[:, : cut * 24],
        repeated=np.where(whole.repeated <= end, whole.repeated, 0)[:, : cut * 24],
    )
    before, after = (day_frame(found, grace).query("meter_id in ['M000', 'M002']") for found in (past, whole))
    over = np.datetime64(end, "s")
    before, after = (rows[rows["issue_time"] <= over].reset_index(drop=True) for rows in (before, after))
    assert len(before) >= 2 * (cut - 2)
    pd.testing.assert_frame_equal(before.drop(columns="target"), after.drop(columns="target"))
    final = before["issue_time"] + DAY <= over
    assert before["target"][~final].isna().all()
    judged_then = final & before["target"].notna()
    assert judged_then.sum() > len(before) - 6
    pd.testing.assert_series_equal(before["target"][judged_then], after["target"][judged_then])


def test_every_interval_counts_once_for_the_gravest_rule() -> None:
    values = faulty(45, 60)
    values[0, 20 * 24 : 20 * 24 + 3] = -40.0  # below zero, and far from the reading before
    rows = day_frame(judged(values), GRACE)
    shares = rows[["valid_share", *(f"{rule}_share" for rule in DEFECTS)]]
    warned = [f"{rule}_share" for rule in DEFECTS if SEVERITY[rule] in {"warning", "info"}]
    np.testing.assert_allclose(shares.drop(columns=warned).sum(axis=1), 1, rtol=1e-6)
    day = rows.query("meter_id == 'M000'").set_index("local_date").loc["2023-01-21"]
    assert day["negative_share"] >= 3 / 24 - 1e-6
    assert {rule for rule in DEFECTS if rows[f"{rule}_share"].max() > 0} >= {
        "gap", "negative", "stuck", "spike", "zero_run", "high_usage", "interpolated",
    }  # fmt: skip


def test_a_day_has_a_share_of_every_rule_that_the_series_shows_by_its_end() -> None:
    alone = {rule.name for rule in RULES if set(rule.sees) <= {"repeated"}}
    assert alone - set(DEFECTS) == {"clipped", "clock_shift", "dst_shift"}  # weeks of hindsight
    assert set(DEFECTS) <= alone


def test_a_row_looks_back_on_no_more_than_it_says() -> None:
    values = faulty(80, 60)
    whole = judged(values)
    first = 40 * 24
    recent = replace(judged(values[:, first:], "2023-02-10"), flags=whole.flags[:, first:])
    since = np.datetime64("2023-02-10", "s") + np.timedelta64(LOOKBACK_DAYS - 1, "D")
    late, all_of_it = (day_frame(found, GRACE, since=since) for found in (recent, whole))
    pd.testing.assert_frame_equal(late, all_of_it)


def test_since_and_until_choose_days_and_leave_the_others_alone() -> None:
    found = judged(faulty(45, 60), "2023-03-01", zone="Europe/London")
    rows = day_frame(found, GRACE)
    since, until = np.datetime64("2023-03-25T00:00"), np.datetime64("2023-03-27T23:00")
    some = day_frame(found, GRACE, since=since, until=until)
    assert sorted(some["local_date"].dt.day.unique()) == [25, 26, 27]
    chosen = rows["local_date"].between("2023-03-25", "2023-03-27")
    pd.testing.assert_frame_equal(some, rows[chosen].reset_index(drop=True))


def test_types_and_the_frame_of_no_readings() -> None:
    rows, none = day_frame(judged(faulty(45, 60)), GRACE), day_frame(judged(np.empty((2, 0))), GRACE)
    assert none.empty
    assert none.columns.tolist() == rows.columns.tolist() == ["meter_id", "local_date", "issue_time", *NAMES, "target"]
    for frame in (rows, none):
        assert (frame.dtypes[[*NAMES, "target"]] == np.float32).all()
        assert frame["local_date"].dtype == frame["issue_time"].dtype == "datetime64[s]"
