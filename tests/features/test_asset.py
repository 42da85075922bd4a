"""The asset frame: who is in service, what was known of it, what came of it."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.errors import MissingColumns, UnknownAsset
from metrify.features.asset import CATEGORIES, FEATURES, Equipment, as_of_grid, asset_frame
from metrify.features.equipment import daily_temperature
from metrify.lake.tables import Lake
from metrify.schema import ASSET, EVENT, WEATHER

NAMES = [feature.name for feature in FEATURES]


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "s")


def assets(**installed: str | None) -> pd.DataFrame:
    rows = pd.DataFrame({"asset_id": list(installed), "kind": "meter", "make": "Kestrel", "model": "K1"})
    return rows.assign(installed_on=pd.to_datetime(list(installed.values())), location="town")


def events(*rows: tuple[str, str, str] | tuple[str, str, str, str]) -> pd.DataFrame:
    """(subject, time, kind, when it became known)"""
    whole = [(*row, row[1]) if len(row) == 3 else row for row in rows]
    found = pd.DataFrame(whole, columns=["subject_id", "timestamp", "kind", "available_at"])
    times = {name: pd.to_datetime(found[name], format="ISO8601", utc=True) for name in ("timestamp", "available_at")}
    return found.assign(**times)


def weather(first: str, temperatures: np.ndarray, per_day: int = 1, location: str = "town") -> pd.DataFrame:
    times = pd.Timestamp(first) + pd.to_timedelta(np.arange(len(temperatures)) * 24 / per_day, "h")
    known = {"available_at": times + pd.Timedelta(hours=24 / per_day), "temperature_c": temperatures}
    return pd.DataFrame({"location": location, "timestamp": times, "kind": "observed", **known})


def one(equipment: Equipment, as_of: str, **how) -> pd.Series:
    rows = asset_frame(equipment, np.array([day(as_of)]), **{"horizon_days": 365, **how})
    assert len(rows) == 1
    return rows.iloc[0]


def fleet(number: int, seed: int, days: int = 1500) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Assets, events with late knowledge and weather, all at random."""
    random = np.random.default_rng(seed)
    start = pd.Timestamp("2016-01-01")
    ids = np.array([f"D{i:05d}" for i in range(number)])
    lived = pd.DataFrame({"asset_id": ids, "kind": "meter", "make": random.choice(["A", "B", ""], number)})
    lived["model"] = random.choice(["1", "2"], number)
    lived["installed_on"] = (start + pd.to_timedelta(random.integers(-3000, days, number), "D")).date
    lived["location"] = random.choice(["town", "nowhere"], number)
    kinds = ["tamper", "outage", "inspection", "comms", "alarm"]
    many = number * 12
    times = start + pd.to_timedelta(random.random(many) * days, "D")
    happened = pd.DataFrame({"subject_id": random.choice(ids, many), "timestamp": times.round("s")})
    happened["kind"] = random.choice(kinds, many)
    failing = random.permutation(number)[: number // 5]
    happened.loc[happened.index[: len(failing)], ["subject_id", "kind"]] = np.c_[
        ids[failing], ["failure"] * len(failing)
    ]
    late = pd.to_timedelta(random.choice([0, 0, 1, 60], many), "D")
    happened["available_at"] = happened["timestamp"] + late
    warmth = weather("2015-01-01", random.normal(18, 9, (days + 365) * 2), per_day=2)
    warmth.loc[random.random(len(warmth)) < 0.05, "available_at"] += pd.Timedelta(days=40)
    return lived, happened.drop_duplicates(["subject_id", "timestamp", "kind"]), warmth


def test_columns_types_and_one_row_per_asset_in_service_and_day() -> None:
    equipment = Equipment.of(*fleet(50, 1))
    days = np.array([day("2017-06-01"), day("2018-06-01")])
    rows = asset_frame(equipment, days, horizon_days=180)
    assert list(rows) == ["asset_id", "as_of", "horizon_days", "standing", *NAMES, *CATEGORIES, "target"]
    assert (rows.dtypes[[*NAMES, "target"]] == np.float32).all()
    assert (rows["standing"] == "").all()
    assert (rows["horizon_days"] == 180).all()
    assert not rows.duplicated(["asset_id", "as_of"]).any()
    assert rows["as_of"].dtype == "datetime64[s]"
    whole = asset_frame(equipment, days, horizon_days=180, in_service_only=False)
    assert len(whole) == 2 * 50
    pd.testing.assert_frame_equal(whole[whole["standing"] == ""].reset_index(drop=True), rows)
    pd.testing.assert_frame_equal(asset_frame(equipment, days[:0], horizon_days=180), rows.iloc[:0])


def test_nothing_that_became_known_later_enters_the_features() -> None:
    """Cutting off all that became known after a day changes no feature, standing or row of that day."""
    lived, happened, warmth = fleet(60, 2)
    whole = Equipment.of(lived, happened, warmth)
    for moment in (day("2016-02-10"), day("2017-07-01T13:00"), day("2018-12-31"), day("2019-11-05T00:30")):
        known = happened[happened["available_at"] <= moment], warmth[warmth["available_at"] <= moment]
        then = Equipment.of(lived, *known)
        frames = [
            asset_frame(source, np.array([moment]), horizon_days=90, in_service_only=False).drop(columns="target")
            for source in (whole, then)
        ]
        pd.testing.assert_frame_equal(*frames)


def test_targets_say_failed_survived_or_unknown() -> None:
    lived = assets(
        fails="2010-01-01", fails_later="2010-01-01", stays="2010-01-01", leaves="2010-01-01", swapped="2010-01-01"
    )
    lived["retired_on"] = pd.to_datetime([None, None, None, "2018-07-01", None])
    happened = events(
        ("fails", "2018-12-31T23:00", "failure"),
        ("fails_later", "2019-01-01T01:00", "failure"),
        ("swapped", "2018-03-01", "replacement"),
        ("stays", "2019-06-01", "inspection"),
    )
    equipment = Equipment.of(lived, happened)
    rows = asset_frame(equipment, np.array([day("2018-01-01")]), horizon_days=365).set_index("asset_id")
    assert rows.loc[["fails", "fails_later", "stays"], "target"].tolist() == [1.0, 0.0, 0.0]
    assert rows.loc[["leaves", "swapped"], "target"].isna().all()
    beyond = asset_frame(equipment, np.array([day("2018-07-02")]), horizon_days=365)
    assert beyond["target"].isna().all()
    assert set(beyond["asset_id"]) == {"fails", "fails_later", "stays"}


def test_a_target_counts_what_was_known_by_labels_until() -> None:
    equipment = Equipment.of(
        assets(late="2010-01-01"),
        events(("late", "2018-06-01", "failure", "2019-03-01"), ("late", "2018-01-01", "outage")),
    )
    assert one(equipment, "2018-01-01", labels_until=day("2019-02-01"))["target"] == 0.0
    assert one(equipment, "2018-01-01", labels_until=day("2019-03-01"))["target"] == 1.0
    # in August nobody knew that it had failed: it is asked about, and no answer would have been right
    assert np.isnan(one(equipment, "2018-08-01", horizon_days=30)["target"])


def test_standing_says_why_an_asset_is_not_in_service() -> None:
    lived = assets(
        future="2031-05-01",
        retired="2010-01-01",
        failed="2010-01-01",
        unknown=None,
        swapped="2010-01-01",
        fine="2010-01-01",
    )
    lived["retired_on"] = [None, "2015-02-03", "2016-01-05", "9999-12-31", None, None]
    happened = events(("failed", "2016-01-02T08:00", "failure"), ("swapped", "2017-01-01", "replacement"))
    equipment = Equipment.of(lived, happened)
    rows = asset_frame(equipment, np.array([day("2018-01-01")]), horizon_days=365, in_service_only=False)
    assert rows.set_index("asset_id")["standing"].to_dict() == {
        "future": "not installed before 2031-05-01",
        "retired": "retired on 2015-02-03",
        "failed": "failed on 2016-01-02",
        "unknown": "no install date",
        "swapped": "replaced on 2017-01-01",
        "fine": "",
    }
    early = asset_frame(equipment, np.array([day("2015-02-02T23:59")]), horizon_days=365)
    assert set(early["asset_id"]) == {"retired", "failed", "swapped", "fine"}


def test_events_are_counted_by_kind_and_window() -> None:
    happened = events(
        ("a", "2018-05-30", "tamper"),
        ("a", "2018-01-01", "tamper"),
        ("a", "2016-01-01", "tamper"),
        ("a", "2018-05-22", "voltage alarm"),
        ("a", "2018-05-22", "outage", "2018-06-02"),
        ("elsewhere", "2018-05-22", "outage"),
    )
    row = one(Equipment.of(assets(a="2010-06-01"), happened), "2018-06-01")
    assert [row[f"tamper_{span}"] for span in ("90d", "365d", "life")] == [1, 2, 3]
    assert row["days_since_tamper"] == 2
    assert row["other_90d"] == 1
    assert row["outage_life"] == 0
    assert np.isnan(row["days_since_outage"])
    assert row["age_years"] == pytest.approx(8, abs=0.01)


def test_heat_comes_from_daily_or_hourly_observations_of_the_place() -> None:
    lived = assets(a="2017-12-01", b="2010-01-01").assign(location=["town", "hill"])
    hours = np.tile(np.r_[np.full(12, 20.0), np.full(12, 32.0)], 400)
    warmth = pd.concat([weather("2017-05-01", hours, 24), weather("2017-05-01", np.full(400, 10.0), location="hill")])
    ahead = weather("2017-05-01", np.full(400, 60.0)).assign(kind="forecast")
    rows = asset_frame(
        Equipment.of(lived, events(), pd.concat([warmth, ahead])), np.array([day("2018-06-01")]), horizon_days=30
    ).set_index("asset_id")
    assert rows["daily_maximum_1y"].tolist() == [32.0, 10.0]
    assert rows["hot_days_1y"].tolist() == [365.0, 0.0]
    assert rows["temperature_life"].tolist() == [26.0, 10.0]


def test_a_day_takes_the_first_value_of_an_hour_and_counts_when_it_is_over() -> None:
    first = weather("2018-01-01", np.arange(24.0), 24)
    corrected = first.assign(available_at=first["available_at"] + pd.Timedelta(hours=5), temperature_c=99.0)
    days = daily_temperature(pd.concat([corrected, first]))
    assert days[["mean", "maximum"]].to_numpy().tolist() == [[11.5, 23.0]]
    assert days["known_at"].tolist() == [pd.Timestamp("2018-01-03")]


def test_too_little_weather_is_no_heat() -> None:
    row = one(Equipment.of(assets(a="2010-01-01"), events(), weather("2018-01-01", np.full(100, 35.0))), "2018-04-15")
    assert np.isnan(row["hot_days_1y"])
    assert row["temperature_life"] == 35.0


def test_the_failure_rate_of_siblings_is_drawn_towards_the_fleet() -> None:
    names = [f"{make}{number}" for make in "AB" for number in range(40)]
    lived = pd.DataFrame({"asset_id": names, "kind": "meter", "make": [n[0] for n in names], "model": "x"})
    lived["installed_on"] = "2010-01-01"
    lived.loc[len(lived)] = {"asset_id": "C0", "kind": "meter", "make": "C", "model": "x", "installed_on": "2017-12-30"}
    happened = events(("A0", "2010-01-02", "outage"), *((f"A{n}", "2016-01-01", "failure") for n in range(10)))
    equipment = Equipment.of(lived, happened)
    rows = asset_frame(equipment, np.array([day("2018-01-01")]), horizon_days=30).set_index("asset_id")["failure_rate"]
    assert rows["B0"] < rows["C0"] < rows["A39"]
    assert rows["C0"] == pytest.approx(10 / (80 * 8 - 20), rel=0.02)
    before = asset_frame(equipment, np.array([day("2015-12-31")]), horizon_days=30)
    assert (before["failure_rate"] == 0).all()


def test_the_grid_ends_a_horizon_before_the_end_and_starts_with_the_first_event() -> None:
    equipment = Equipment.of(
        assets(a="2010-01-01"), events(("a", "2015-03-01", "outage"), ("a", "2018-06-01", "repair"))
    )
    grid = as_of_grid(equipment, 91, 365)
    assert grid[-1] == day("2017-06-01")
    assert day("2015-03-01") <= grid[0] < day("2015-06-01")
    assert (np.diff(grid) == np.timedelta64(91, "D")).all()
    assert as_of_grid(equipment, 91, 365, day("2017-01-01T12:00"))[-1] == day("2016-01-02")
    assert not len(as_of_grid(equipment, 91, 365, day("2015-04-01")))
    assert not len(as_of_grid(Equipment.of(assets(a="2010-01-01"), events()), 91, 365))


def test_assets_are_chosen_by_name_and_unknown_ones_named() -> None:
    equipment = Equipment.of(assets(a="2010-01-01", b="2010-01-01"), events())
    assert one(equipment, "2018-01-01", asset_ids=["b"])["asset_id"] == "b"
    with pytest.raises(UnknownAsset, match="nobody"):
        one(equipment, "2018-01-01", asset_ids=["b", "nobody"])


def test_a_frame_without_a_needed_column_is_refused() -> None:
    with pytest.raises(MissingColumns, match="kind"):
        Equipment.of(assets(a="2010-01-01").drop(columns="kind"), events())


def test_read_from_the_lake_gives_the_same_frame(workspace) -> None:
    lived, happened, warmth = fleet(20, 3, days=500)
    lake = Lake(workspace)
    empty = Equipment.read(lake)
    assert asset_frame(empty, np.array([day("2017-01-01")]), horizon_days=30).empty
    for table, rows in ((ASSET, lived), (EVENT, happened), (WEATHER, warmth)):
        times = {name: rows[name].dt.tz_localize("UTC") for name in ("timestamp", "available_at") if name in rows}
        lake.upsert(table, pa.Table.from_pandas(rows.assign(**times), preserve_index=False))
    days = np.array([day("2016-12-01"), day("2017-03-01")])
    frames = [
        asset_frame(source, days, horizon_days=30).sort_values(["as_of", "asset_id"], ignore_index=True)
        for source in (Equipment.read(lake), Equipment.of(lived, happened, warmth))
    ]
    pd.testing.assert_frame_equal(*frames)


def test_a_fleet_of_ten_thousand_takes_seconds() -> None:
    equipment = Equipment.of(*fleet(10_000, 4, days=3000))
    grid = as_of_grid(equipment, 70, 90)
    assert len(grid) >= 40
    began = time.process_time()
    assert len(asset_frame(equipment, grid[-40:], horizon_days=90)) > 200_000
    assert time.process_time() - began < 10
