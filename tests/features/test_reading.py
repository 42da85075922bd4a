"""The reading frame against a slow and plain reading of its definition, and against the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metrify.features.reading import FEATURES, LOOKBACK_DAYS, reading_frame
from metrify.features.sources import Validated
from metrify.localtime import Calendar, local_times
from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules import validate

NAMES = [feature.name for feature in FEATURES]
HOUR = np.timedelta64(3600, "s")


def found(values: np.ndarray, *, start: str = "2013-03-01", step: int = 60, available=None, zone="Europe/London"):
    ids = np.array([f"m{k}" for k in range(len(values))])
    panel = Panel(ids, np.datetime64(start, "s"), step, values.astype(np.float32))
    evidence = Evidence(panel, np.zeros(len(ids), bool))
    flags = [validate(evidence, VeeSettings(), hindsight=hindsight) for hindsight in (False, True)]
    return Validated(panel, *flags, Calendar(zone), pd.DataFrame(index=ids), available)


def homes(meters: int, days: int, step: int = 60, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    slots = 1440 // step
    number = np.arange(days * slots)
    shape = 0.2 + 0.6 * np.exp(-(((number % slots) / slots - 0.8) ** 2) / 0.01) + 0.2 * (number // slots % 7 >= 5)
    return (shape * random.gamma(step / 15, 15 / step, (meters, len(number)))).astype(np.float32)


def late_and_gappy(seed: int = 1) -> Validated:
    """75 days over a change of the clock, with gaps, runs of zero and of one value, a spike, and late values."""
    random = np.random.default_rng(seed)
    values = homes(2, 75)
    values[random.random(values.shape) < 0.05] = np.nan
    values[0, 900:930], values[0, 1200:1209], values[1, 1300] = 0, 0.3, 80
    ends = np.datetime64("2013-03-01", "s").astype(np.int64) + (np.arange(values.shape[1]) + 1) * 3600
    late = random.random(values.shape) < 0.1
    available = np.where(late, ends + random.integers(1, 20 * 86400, values.shape), 0)
    return found(values, available=available)


class Plain:
    """The definitions of the features of one meter, as slow and plain as they can be written."""

    def __init__(self, of: Validated, meter: int):
        self.raw, self.history = of.raw.values[meter], of.history.values[meter]
        self.local = local_times(of.raw.times, of.calendar.zone)
        self.ends = of.raw.times.astype(np.int64) + 3600
        late = np.zeros(len(self.raw), np.int64) if of.available is None else of.available[meter]
        self.known_at = np.maximum(late, self.ends)
        self.at = {(d, m // 60): t for t, (d, m) in enumerate(zip(self.local.day, self.local.minute, strict=True))}

    def known(self, t: int) -> np.ndarray:
        there = (self.known_at <= self.ends[t]) & (np.arange(len(self.raw)) < t)
        return np.where(there, self.history, np.nan)

    def like(self, t: int, days: range, reach: int) -> np.ndarray:
        known, place = self.known(t), []
        for back in days:
            for cell in range(-reach, reach + 1):
                ordinal = int(self.local.day[t] - back) * 24 + int(self.local.minute[t]) // 60 + cell
                place.append(self.at.get((ordinal // 24, ordinal % 24)))
        values = np.array([known[p] for p in place if p is not None])
        return values[np.isfinite(values)]

    def usual(self, t: int) -> tuple[float, float, float]:
        week, every = self.like(t, range(7, 29, 7), 1), self.like(t, range(1, 29), 1)
        own = self.like(t, range(1, 29), 0)
        if len(week) < 6:
            week, own = every, every
        if len(week) < 6 or (week is every and len(every) < 9):
            return np.nan, np.nan, np.nan
        deviation = 1.4826 * np.median(np.abs(own - np.median(own))) if len(own) else np.nan
        return float(np.median(week)), float(np.sort(week)[1:-1].mean()), deviation

    def background(self, t: int) -> tuple[float, float, float, float]:
        known, today = self.known(t), self.local.day[t]
        # the day begins with its first interval: what arrives later in the day is not in it yet
        known = self.known(int(np.flatnonzero(self.local.day == today)[0]))
        days = [known[self.local.day == day] for day in range(today - 28, today)]
        days = [day[np.isfinite(day)] for day in days]
        every = np.concatenate(days)
        means = [day.mean() if len(day) >= 18 else np.nan for day in days]
        differences = np.abs(np.array(means[7:]) - np.array(means[:-7]))
        differences = differences[np.isfinite(differences)]
        spread = 1.4826 / np.sqrt(2) * np.median(differences) if len(differences) >= 7 else np.nan
        begun = [day for day, number in zip(days, range(today - 28, today), strict=True) if number >= self.local.day[0]]
        highest = sorted(np.abs(day).max(initial=0) for day in begun)
        high = highest[-3] if len(highest) >= 3 and len(every) else np.nan
        return np.abs(every).mean() if len(every) else 0.0, spread, high, min(len(every) / 672, 1)

    def spread(self, t: int, level: float) -> float:
        slot, found = self.local.minute[t] // 60, []
        for neighbour in (slot - 1, slot, slot + 1):
            where = np.flatnonzero(self.local.minute[: t + 1] // 60 == neighbour % 24)
            own = (self.usual(int(p))[2] for p in where[::-1])
            found.append(next((value for value in own if np.isfinite(value)), np.nan))
        return max(np.nanmean(found), 0.1 * level)

    def ratio(self, t: int, hours: int, level: float) -> tuple[float, float]:
        window = range(max(t - hours + 1, 0), t + 1)
        known = self.known(t)
        known[t] = self.raw[t]
        pairs = np.array([(known[p], self.usual(p)[1]) for p in window])
        if not np.isfinite(pairs[-1]).all():
            return np.nan, np.nan
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        if len(pairs) * 2 < hours:
            return np.nan, np.nan
        excess = (pairs[:, 0] - pairs[:, 1]).sum()
        return 1 + excess / max(np.abs(pairs[:, 1]).sum(), 0.1 * level * len(pairs)), excess / len(pairs)

    def run(self, t: int) -> int:
        length = 1
        while t > 0 and self.raw[t] == self.raw[t - 1] and self.known_at[t - 1] <= self.ends[t]:
            length, t = length + 1, t - 1
        return length

    def row(self, t: int) -> dict[str, float]:
        level, day_spread, high, known = self.background(t)
        usual, value = self.usual(t)[0], float(self.raw[t])
        spread = self.spread(t, level) if np.isfinite(usual) else np.nan
        day, excess = self.ratio(t, 24, level)
        return {
            "usual": usual,
            "spread": spread,
            "zscore": (value - usual) / spread,
            "change": (value - self.known(t)[t - 1]) / spread,
            "day_ratio": day,
            "week_ratio": self.ratio(t, 168, level)[0],
            "day_zscore": excess / max(day_spread, 0.1 * level) if np.isfinite(day_spread) else np.nan,
            "peak_ratio": value / max(high, 0.1 * level) if np.isfinite(high) else np.nan,
            "same_hours": self.run(t) if value != 0 else 0,
            "zero_hours": self.run(t) if value == 0 else 0,
            "known_28d": known,
        }


@pytest.mark.parametrize("meter", [0, 1])
def test_every_feature_is_what_its_definition_says(meter: int) -> None:
    of = late_and_gappy()
    frame = reading_frame(of)
    mine = frame[frame["meter_id"] == f"m{meter}"].set_index("timestamp")
    plain, random = Plain(of, meter), np.random.default_rng(2)
    chosen = {*random.choice(np.arange(100, 1800), 14, replace=False), 30, 150, 728, 729, 915, 1206, 1301, 1325}
    for t in sorted(t for t in chosen if np.isfinite(of.raw.values[meter, t])):
        expected = plain.row(int(t))
        got = mine.loc[of.raw.times[t], NAMES].to_dict()
        assert got == pytest.approx(expected, rel=2e-4, abs=2e-4, nan_ok=True), t


def test_rows_are_the_known_readings_by_meter_and_time() -> None:
    of = late_and_gappy()
    frame = reading_frame(of)
    assert len(frame) == of.raw.mask.sum()
    assert frame[["value", *NAMES]].dtypes.eq(np.float32).all()
    assert frame["timestamp"].dtype == "datetime64[s]"
    assert frame.sort_values(["meter_id", "timestamp"]).index.equals(frame.index)
    np.testing.assert_array_equal(frame["value"], of.raw.values[of.raw.mask])
    np.testing.assert_array_equal(frame["flagged"], np.isnan(of.history.values[of.raw.mask]))
    assert frame["flagged"].sum() >= 4  # the spike and the end of the run


@pytest.mark.parametrize("late", [False, True])
def test_whatever_comes_later_changes_nothing(late: bool) -> None:
    of = late_and_gappy()
    of = of if late else replace(of, available=None)
    cut = 1100
    changed = of.raw.values.copy()
    changed[:, cut:] = np.where(changed[:, cut:] > 0.3, np.nan, 9.0)
    before = reading_frame(of, until=of.raw.times[cut])
    after = reading_frame(found(changed, available=of.available), until=of.raw.times[cut])
    pd.testing.assert_frame_equal(before, after)
    whole = reading_frame(of)
    pd.testing.assert_frame_equal(whole[whole["timestamp"] < of.raw.times[cut]].reset_index(drop=True), before)


def test_a_late_value_counts_from_when_it_was_known() -> None:
    values = homes(1, 60)
    monday, later = 30 * 24 + 19, 37 * 24 + 19
    came = np.datetime64("2013-03-01", "s").astype(np.int64) + (later + 1) * 3600
    low, high = values.copy(), values.copy()
    low[0, monday], high[0, monday] = 0.01, 1.9

    def at(values: np.ndarray, moment: int) -> pd.Series:
        available = np.zeros(values.shape, np.int64)
        available[0, monday] = moment
        frame = reading_frame(found(values, available=available))
        return frame.set_index("timestamp").loc[np.datetime64("2013-03-01", "s") + later * HOUR, NAMES]

    in_time, too_late = came, came + 1
    assert at(low, in_time)["usual"] != at(high, in_time)["usual"]
    pd.testing.assert_series_equal(at(low, too_late), at(high, too_late))


def test_history_before_the_lookback_changes_nothing() -> None:
    of = late_and_gappy()
    since = of.raw.times[70 * 24]
    whole = reading_frame(of)
    part = reading_frame(of, since=since)
    pd.testing.assert_frame_equal(part, whole[whole["timestamp"] >= since].reset_index(drop=True), rtol=1e-4, atol=1e-4)
    assert LOOKBACK_DAYS < 70


def test_a_fault_that_a_rule_flags_at_once_does_not_become_usual() -> None:
    values = homes(1, 60)
    spoilt = values.copy()
    spoilt[0, 24 * 30 : 24 * 52 : 7] *= -20
    clean, faulty = reading_frame(found(values)), reading_frame(found(spoilt))
    assert faulty["flagged"].mean() > 0.04
    last = clean.index[-24 * 7 :]
    assert np.abs(faulty["usual"] / clean["usual"] - 1)[last].max() < 0.5
    assert (faulty["zscore"][faulty["flagged"]] < -5).all()


@pytest.mark.parametrize("step", [15, 30, 60, 120, 1440])
def test_intervals_of_any_length_give_the_same_picture(step: int) -> None:
    per_day = 1440 // step
    values = homes(2, 60, step)
    values[0, -3 * per_day :] *= 0.1
    frame = reading_frame(found(values, step=step))
    last = frame.groupby("meter_id", observed=True).tail(1).set_index("meter_id")
    assert last.loc["m0", "day_ratio"] < 0.2
    assert 0.6 < last.loc["m1", "day_ratio"] < 1.5
    assert last.loc["m0", "day_zscore"] < -3 < last.loc["m1", "day_zscore"]
    assert 0.4 < last.loc["m0", "week_ratio"] < 0.8


def test_a_constant_meter_and_a_silent_one_have_finite_features() -> None:
    values = np.stack([np.zeros(24 * 50), np.full(24 * 50, np.nan), np.full(24 * 50, 0.2)])
    values[0, -1] = 1.0
    frame = reading_frame(found(values))
    assert not (frame["meter_id"] == "m1").any()
    settled = frame[(frame["meter_id"] == "m0") & (frame["timestamp"] >= np.datetime64("2013-04-05"))]
    assert np.isfinite(settled[NAMES].to_numpy()).all()
    assert settled["zscore"].iloc[-1] > 1e3
    assert settled["zero_hours"].iloc[-2] == 168


def test_nothing_to_answer_gives_an_empty_frame() -> None:
    of = late_and_gappy()
    assert reading_frame(of, since=of.raw.end).empty
    assert reading_frame(of, until=of.raw.start).empty
    assert reading_frame(found(np.empty((2, 0)))).empty
