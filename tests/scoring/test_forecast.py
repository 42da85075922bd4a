"""The path of a request: what the lake knew at the issue time, and what happens where it knew too little."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from metrify.errors import BadValue, NotEnoughHistory, UnknownMeter
from metrify.features.frame import Sources, forecast_frame
from metrify.features.rows import issue_times
from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.models.base import Batch
from metrify.models.catalog import family
from metrify.panel import Panel
from metrify.schema import FORECAST, READING, TIME
from metrify.scoring.forecast import Forecaster, RequestHistory

START = np.datetime64("2020-01-01", "s")
DAYS = 50


def readings(meter: str, times: np.ndarray, kwh: np.ndarray) -> pa.Table:
    stamps = pa.array(times.astype("datetime64[us]")).cast(TIME)
    ends = pa.array((times + np.timedelta64(1, "h")).astype("datetime64[us]")).cast(TIME)
    columns = {"meter_id": [meter] * len(times), "timestamp": stamps, "kwh": kwh, "available_at": ends}
    return pa.table(columns | {"version": np.zeros(len(times), np.int32)})


def load(hours: int, seed: int) -> np.ndarray:
    shape = 0.5 + 0.4 * np.sin(2 * np.pi * np.arange(hours) / 24)
    return shape * np.random.default_rng(seed).gamma(9, 1 / 9, hours)


@pytest.fixture
def forecaster(workspace) -> Forecaster:
    """Two ordinary meters, one with three readings, one silent for months."""
    lake, hours = Lake(workspace), DAYS * 24
    times = START + np.arange(hours) * np.timedelta64(1, "h")
    lake.upsert(READING, readings("one", times, load(hours, 1)))
    lake.upsert(READING, readings("two", times, load(hours, 2)))
    lake.upsert(READING, readings("new", times[-3:], np.array([0.2, 0.3, 0.4])))
    lake.upsert(READING, readings("silent", times[:24] - np.timedelta64(200, "D"), load(24, 3)))
    return Forecaster(workspace, a_model(times), "forecasting/seasonal:1")


def a_model(times: np.ndarray):
    import pandas as pd

    panel = Panel(np.array(["x"]), START, 60, load(len(times), 4)[None].astype(np.float32))
    sources = Sources(panel, panel, Calendar("UTC"), pd.DataFrame({"pv_kw": [None], "location": [""]}, index=["x"]))
    rows = forecast_frame(sources, issue_times(panel.start, panel.end, "00:00", "UTC"), "1d").table().to_pandas()
    return family("forecasting/seasonal").configured({}).fit(Batch(rows))


def test_answers_from_the_end_of_the_data(forecaster) -> None:
    answer = forecaster.answer(["two", "one"])
    assert list(answer.columns) == FORECAST.names
    assert answer["meter_id"].tolist() == ["one"] * 24 + ["two"] * 24
    assert forecaster.until == START + np.timedelta64(DAYS, "D")
    assert (answer["issue_time"].dt.tz_localize(None) == forecaster.until).all()
    assert answer["lead_minutes"].tolist() == [60 * hour for hour in range(24)] * 2
    assert (answer["reason"] == "").all()
    assert (answer["model"] == "forecasting/seasonal:1").all()


def test_a_meter_answers_alone_as_among_others(forecaster) -> None:
    alone = forecaster.answer(["one"])
    among = forecaster.answer(["one", "two", "new"]).query("meter_id == 'one'")
    np.testing.assert_array_equal(alone["q50"], among["q50"])


def test_an_issue_time_of_long_ago_is_read_from_the_lake_and_sees_nothing_later(forecaster, workspace) -> None:
    issue = START + np.timedelta64(20, "D")
    before = forecaster.answer(["one"], issue)
    times = issue + np.arange(48) * np.timedelta64(1, "h")
    revised = readings("one", times, np.full(48, 50.0)).set_column(4, "version", pa.array(np.full(48, 2, np.int32)))
    assert Lake(workspace).upsert(READING, revised).updated == 48
    assert forecaster.refresh()
    np.testing.assert_array_equal(forecaster.answer(["one"], issue)["q50"], before["q50"])


def test_new_readings_are_seen_after_a_refresh(forecaster, workspace) -> None:
    assert not forecaster.refresh()
    until = forecaster.until
    Lake(workspace).upsert(READING, readings("one", np.array([until]), np.array([0.7])))
    assert forecaster.refresh()
    assert forecaster.until == until + np.timedelta64(1, "h")
    assert forecaster.answer(["one"])["timestamp"].iloc[0].tz_localize(None) == forecaster.until


def test_three_readings_get_the_named_fallback(forecaster) -> None:
    answer = forecaster.answer(["new"])
    assert answer["reason"].str.startswith("short history (0.1 of the last 14 days known): fleet profile").all()
    assert answer["q50"].mean() == pytest.approx(0.3, rel=0.5)
    with pytest.raises(NotEnoughHistory) as refused:
        forecaster.answer(["new"], allow_fallback=False)
    assert refused.value.fallback == "forecasting/profile"


def test_a_silent_meter_is_answered_with_its_reason(forecaster) -> None:
    answer = forecaster.answer(["silent", "one"]).query("meter_id == 'silent'")
    assert len(answer) == 24
    assert answer["reason"].str.startswith("no history").all()


def test_unknown_meters_are_named(forecaster) -> None:
    with pytest.raises(UnknownMeter, match="ghost"):
        forecaster.answer(["one", "ghost"])


def test_a_history_in_the_request_answers_for_a_meter_that_the_lake_does_not_know(forecaster) -> None:
    values = load(20 * 24, 6)
    given = RequestHistory(START, 60, [float(value) for value in values])
    answer = forecaster.answer(["guest"], history={"guest": given})
    assert (answer["issue_time"].dt.tz_localize(None) == given.until).all()
    assert (answer["reason"] == "").all()
    by_hour = np.median(values.reshape(-1, 24)[-7:], axis=0)
    np.testing.assert_allclose(answer["q50"], by_hour, rtol=1e-5)


@pytest.mark.parametrize("horizon", ["30min", "x", "0d"])
def test_a_horizon_that_cannot_be_answered_is_refused(forecaster, horizon) -> None:
    with pytest.raises(BadValue):
        forecaster.answer(["one"], horizon=horizon)


def test_an_issue_time_between_intervals_is_refused(forecaster) -> None:
    with pytest.raises(BadValue, match="start of an interval of 60 minutes"):
        forecaster.answer(["one"], forecaster.until - np.timedelta64(61, "s"))


def test_a_horizon_of_days_goes_on_where_the_first_day_ends(forecaster) -> None:
    day, week = forecaster.answer(["one"]), forecaster.answer(["one"], horizon="7d")
    assert len(week) == 7 * 24
    np.testing.assert_allclose(week["q50"][:24], day["q50"])


def test_an_empty_lake_knows_no_meter(workspace) -> None:
    forecaster = Forecaster(workspace, a_model(np.arange(DAYS * 24)), "forecasting/seasonal:1")
    assert forecaster.until is None
    with pytest.raises(UnknownMeter, match="The lake holds 0 meters"):
        forecaster.answer(["one"])


def test_an_issue_time_before_the_first_reading_is_answered_by_the_fallback(forecaster) -> None:
    answer = forecaster.answer(["one"], START - np.timedelta64(900, "D"))
    assert answer["reason"].str.startswith("no history").all()
    with pytest.raises(NotEnoughHistory):
        forecaster.answer(["one"], START - np.timedelta64(900, "D"), allow_fallback=False)


def test_what_comes_after_the_issue_time_unmasks_or_masks_nothing_before_it(forecaster, workspace) -> None:
    """The last two readings before the issue repeat; whether they go on to do so is not known at the issue."""
    times = START + np.arange(DAYS * 24) * np.timedelta64(1, "h")
    issue = START + np.timedelta64(40, "D")
    answers = []
    for meter, after in (("moves", 0.9), ("stays", 0.3)):
        kwh = load(DAYS * 24, 7)
        kwh[40 * 24 - 3 : 40 * 24] = 0.3
        kwh[40 * 24 : 40 * 24 + 12] = after
        kwh[40 * 24 + 12] = 0.5
        Lake(workspace).upsert(READING, readings(meter, times, kwh))
        forecaster.refresh()
        answers.append(forecaster.answer([meter], issue)["q50"].to_numpy())
    np.testing.assert_array_equal(*answers)


def test_meters_of_other_interval_lengths_are_issued_at_their_own_boundary(forecaster, workspace) -> None:
    quarters = forecaster.until + np.arange(-40 * 96, 1) * np.timedelta64(15, "m")
    fine = readings("fine", quarters, load(len(quarters), 8))
    Lake(workspace).upsert(READING, fine)
    forecaster.refresh()
    answer = forecaster.answer(["one", "fine"])
    first = answer.groupby("meter_id")["timestamp"].first().dt.tz_localize(None)
    assert first["fine"] == quarters[-1] + np.timedelta64(15, "m")
    assert first["one"] == quarters[-1]
    assert answer.groupby("meter_id").size().to_dict() == {"fine": 96, "one": 24}


def test_a_request_of_half_hours_is_answered_in_half_hours_even_for_one_value(forecaster) -> None:
    answer = forecaster.answer(["guest"], history={"guest": RequestHistory(START, 30, [0.4])})
    assert len(answer) == 48
    assert answer["reason"].str.startswith("short history").all()


def test_an_old_issue_time_still_knows_the_weather_forecast_of_then(forecaster, workspace, monkeypatch) -> None:
    from metrify.schema import METER, WEATHER

    lake = Lake(workspace)
    when = pa.array([START.astype("datetime64[us]")]).cast(TIME)
    lake.upsert(METER, pa.table({"meter_id": ["one"], "valid_from": when, "zone": ["UTC"], "location": ["here"]}))
    times = START + np.arange(5 * 24) * np.timedelta64(1, "h")
    stamps = pa.array(times.astype("datetime64[us]")).cast(TIME)
    issued = pa.array((times - np.timedelta64(24, "h")).astype("datetime64[us]")).cast(TIME)
    kinds = {"location": ["here"] * 120, "kind": ["forecast"] * 120}
    lake.upsert(
        WEATHER, pa.table({"timestamp": stamps, "available_at": issued, "temperature_c": np.ones(120), **kinds})
    )
    forecaster.refresh()
    seen = []
    monkeypatch.setattr(forecaster, "_model", _Spy(forecaster._model, seen))
    forecaster.answer(["one"], START + np.timedelta64(2, "D"))
    (rows,) = seen
    assert rows["forecast_temperature_c"].notna().all()
    assert "target" not in rows


class _Spy:
    """A model that remembers the rows that it was asked about."""

    def __init__(self, model, seen: list):
        self._model, self._seen, self.needs = model, seen, model.needs

    def predict(self, batch: Batch):
        self._seen.append(batch.rows)
        return self._model.predict(batch)
