"""Histories of devices: failures come as often as the true chance says, and nothing is known too early."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metrify.errors import BadValue
from metrify.lake.tables import Lake, Written
from metrify.sample.simulator import DeviceHistories, load_devices, simulate_devices
from metrify.sample.simulator.hazard import MAKES, Devices
from metrify.sample.simulator.places import PLACES
from metrify.schema import ASSET, EVENT, QUARANTINE, WEATHER
from metrify.settings import Workspace

AS_OF = np.datetime64("2016-08-01")


@pytest.fixture(scope="module")
def histories() -> DeviceHistories:
    return simulate_devices(10_000, 6, 1)


@pytest.fixture(scope="module")
def judged(histories: DeviceHistories) -> pd.DataFrame:
    """Devices in service a year before the end: true chance of failure within the year, and what came."""
    chance = histories.probability(AS_OF, 365).set_index("asset_id")
    events = histories.events.to_pandas()
    failures = events[events["kind"] == "failure"].set_index("subject_id")["timestamp"].dt.tz_localize(None)
    when = failures.reindex(chance.index)
    return chance.assign(failed=(when >= AS_OF) & (when < AS_OF + np.timedelta64(365, "D")))


def test_failures_come_as_often_as_the_true_chance_says(judged: pd.DataFrame) -> None:
    groups = judged.groupby(pd.qcut(judged["probability"], 10, labels=False))
    expected, seen, count = groups["probability"].mean(), groups["failed"].mean(), groups.size()
    error = np.sqrt(expected * (1 - expected) / count)
    assert (np.abs(seen - expected) < 3.5 * error).all()
    assert expected.iloc[-1] > 20 * expected.iloc[0]


def test_a_perfect_model_has_something_to_find(judged: pd.DataFrame) -> None:
    truth = judged["failed"].astype(float)
    brier = ((judged["probability"] - truth) ** 2).mean()
    assert 0.15 < 1 - brier / truth.var(ddof=0) < 0.35
    ranks = judged["probability"].rank()
    bad = int(truth.sum())
    auc = (ranks[judged["failed"]].sum() - bad * (bad + 1) / 2) / (bad * (len(judged) - bad))
    assert 0.85 < auc < 0.95
    assert 0.02 < truth.mean() < 0.06


def test_the_hazard_grows_with_age_heat_and_make() -> None:
    def chance(make: int, place: int, age: float) -> float:
        one = Devices(np.array([make]), np.array([place]), np.ones(1))
        return float(one.probability(np.array([age]), 1.0)[0])

    cool, hot = 0, len(PLACES) - 1
    bad = [make.name for make in MAKES].index("Cormet")
    assert chance(bad, hot, 10) > chance(bad, hot, 5) > chance(bad, hot, 0)
    assert chance(bad, hot, 9) > 1.5 * chance(bad, cool, 9)
    assert chance(bad, cool, 11) > 5 * chance(0, cool, 11)


def test_failure_ages_follow_the_hazard_from_any_age_on() -> None:
    rng = np.random.default_rng(2)
    many = Devices(np.full(20_000, 2), np.full(20_000, 1), np.ones(20_000))
    for reached in (0.0, 9.0):
        ages = many.failure_age(rng, reached)
        assert ages.min() >= reached
        expected = many.probability(np.full(20_000, reached), 2.0)[0]
        assert (ages < reached + 2).mean() == pytest.approx(expected, abs=0.01)


def test_devices_follow_each_other(histories: DeviceHistories) -> None:
    assets = histories.assets.to_pandas()
    assert assets["asset_id"].is_unique
    serving = assets["retired_on"].isna().sum()
    assert 9_900 <= serving <= 10_000
    spot = assets["asset_id"].str[:-2]
    follows = spot == spot.shift()
    assert follows.sum() > 500
    assert (assets["installed_on"][follows] == assets["retired_on"].shift()[follows]).all()
    assert (pd.Timestamp("2017-08-01") - pd.to_datetime(assets["installed_on"])).dt.days.max() > 20 * 365


def test_events_belong_to_devices_in_service(histories: DeviceHistories) -> None:
    events = histories.events.to_pandas().merge(
        histories.assets.drop_columns(["kind"]).to_pandas(), left_on="subject_id", right_on="asset_id"
    )
    assert len(events) == histories.events.num_rows
    assert set(events["kind"]) == {"failure", "replacement", "comms", "inspection", "tamper"}
    day = events["timestamp"].dt.tz_localize(None).dt.normalize()
    assert (day >= pd.to_datetime(events["installed_on"])).all()
    retired = pd.to_datetime(events["retired_on"])
    assert (day <= retired)[retired.notna()].all()
    assert (events["available_at"] > events["timestamp"]).all()
    assert events.groupby(["subject_id", "kind"]).size().loc[:, "failure"].max() == 1


def test_comms_events_tell_a_little(histories: DeviceHistories) -> None:
    events = histories.events.to_pandas()
    count = events[events["kind"] == "comms"].groupby("subject_id").size()
    truth = histories.hazards.set_index("asset_id")
    young = truth[truth["failed_at"] > np.datetime64("2017-08-01")]
    heard = count.reindex(young.index).fillna(0)
    assert 0.1 < np.corrcoef(heard, young["frailty"])[0, 1] < 0.7


def test_the_same_seed_gives_the_same_histories() -> None:
    one, two, other = simulate_devices(50, 3, 5), simulate_devices(50, 3, 5), simulate_devices(50, 3, 6)
    assert one.assets.equals(two.assets)
    assert one.events.equals(two.events)
    assert one.weather.equals(two.weather)
    assert not one.events.equals(other.events)


def test_places_differ_in_heat(histories: DeviceHistories) -> None:
    weather = histories.weather.to_pandas()
    means = weather.groupby("location")["temperature_c"].mean()
    assert np.allclose(means.sort_values(), [place.heat_c for place in PLACES], atol=1)
    assert (weather["available_at"] - weather["timestamp"] == pd.Timedelta("1d")).all()
    assert set(histories.assets["location"].to_pylist()) == set(means.index)


def test_they_enter_the_lake_whole_and_again_change_nothing(workspace: Workspace) -> None:
    some = simulate_devices(60, 5, 2, until=np.datetime64("2020-01-01"))
    reports = load_devices(workspace, some)
    lake = Lake(workspace)
    assert lake.read(QUARANTINE).num_rows == 0
    wanted = [some.assets.num_rows, some.events.num_rows, some.weather.num_rows]
    assert [lake.count(table) for table in (ASSET, EVENT, WEATHER)] == wanted
    for before, after in zip(reports, load_devices(workspace, some), strict=True):
        assert after.written == Written(unchanged=before.written.inserted)


def test_what_makes_no_history_is_refused() -> None:
    for wrong, field in (((0, 3, 1), "number"), ((5, 0, 1), "years"), ((5, 3, -1), "seed")):
        with pytest.raises(BadValue, match=field):
            simulate_devices(*wrong)
