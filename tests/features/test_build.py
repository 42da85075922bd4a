"""The build on Ray Data: the same rows as the pure function, for every meter, clock and interval length."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from metrify.errors import EmptyTable
from metrify.features import catalog
from metrify.features.build import build
from metrify.features.origin import Origin
from metrify.lake.tables import Lake
from metrify.models.catalog import family
from metrify.schema import FEATURE, FINDING, METER, READING, SOLAR, TIME
from metrify.scoring.forecast import Forecaster
from metrify.training.rows import feature_rows, known_at
from metrify.vee.validate import validate_lake

START = np.datetime64("2013-03-01", "us")


def stamps(times: np.ndarray) -> pa.Array:
    return pa.array(times.astype("datetime64[us]")).cast(TIME)


def readings(meter: str, step: int, days: int = 40, seed: int = 0) -> pa.Table:
    times = START + np.arange(days * 1440 // step) * np.timedelta64(step, "m")
    kwh = np.random.default_rng(seed).gamma(2, 0.2, len(times))
    return pa.table(
        {
            "meter_id": [meter] * len(times),
            "timestamp": stamps(times),
            "kwh": kwh,
            "version": np.zeros(len(times), np.int32),
            "available_at": stamps(times + np.timedelta64(step, "m")),
        }
    )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, ray_session):
    """Meters of three interval lengths and two clocks, one with solar, one negative reading; built once."""
    from metrify.settings import Workspace

    workspace = Workspace.open(tmp_path_factory.mktemp("fleet"))
    lake = Lake(workspace)
    meters = {"a": (60, "Europe/London"), "b": (30, "Europe/London"), "c": (15, "America/New_York"), "d": (60, "UTC")}
    for seed, (meter, (step, _)) in enumerate(meters.items()):
        table = readings(meter, step, seed=seed)
        if meter == "a":
            kwh = table["kwh"].to_numpy().copy()
            kwh[500] = -3.0
            table = table.set_column(2, "kwh", pa.array(kwh))
        lake.upsert(READING, table)
    lake.upsert(
        METER,
        pa.table(
            {
                "meter_id": list(meters),
                "valid_from": stamps(np.repeat(START, 4)),
                "zone": [zone for _, zone in meters.values()],
                "country": ["GB", "GB", "US", None],
                "pv_kw": [None, None, 4.0, None],
            }
        ),
    )
    sun = readings("c", 15, seed=9).rename_columns(
        ["meter_id", "timestamp", "generation_kwh", "version", "available_at"]
    )
    lake.upsert(SOLAR, sun.drop_columns(["version"]))
    return workspace, build(workspace), validate_lake(workspace)


def test_every_interval_has_a_row_with_its_target(fleet) -> None:
    workspace, report, _ = fleet
    rows = feature_rows(workspace)
    assert report.rows == len(rows)
    counts = rows[rows["target"].notna()].groupby("meter_id", observed=True).size()
    assert counts.between(39 * 24, 40 * 96).all()
    assert set(rows["meter_id"].unique()) == set("abcd")
    assert not rows.duplicated(["meter_id", "issue_time", "timestamp"]).any()


def test_each_meter_is_issued_at_its_own_midnight(fleet) -> None:
    rows = feature_rows(fleet[0])
    first = rows.groupby("meter_id", observed=True)["issue_time"].unique()
    assert {str(np.datetime64(time, "h"))[-2:] for time in first["c"]} == {"05", "04"}  # New York, before and after
    assert {str(np.datetime64(time, "h"))[-2:] for time in first["d"]} == {"00"}


def test_what_a_rule_flags_is_neither_target_nor_history(fleet) -> None:
    workspace, _, found = fleet
    assert found.intervals["negative"] == 1
    rows = feature_rows(workspace)
    mine = rows[(rows["meter_id"] == "a") & (rows["timestamp"] == START + np.timedelta64(500, "h"))]
    assert mine["target"].isna().all()
    assert (rows["slot_min_28d"].dropna() >= 0).all()
    finding = Lake(workspace).read(FINDING).to_pandas().query("rule == 'negative'")
    assert finding["meter_id"].tolist() == ["a"]


def test_building_again_replaces_instead_of_adding(fleet) -> None:
    workspace, report, _ = fleet
    again = build(workspace)
    assert again.rows == report.rows == Lake(workspace).count(FEATURE)
    assert again.version == report.version + 1


def test_a_build_keeps_what_it_was_made_of(fleet) -> None:
    workspace, _, _ = fleet
    lake, origin = Lake(workspace), Origin.of_features(workspace)
    assert origin.lake == {table.name: lake.version(table) for table in (READING, METER, SOLAR)} | {
        "WEATHER": -1,
        "HOLIDAY": -1,
    }
    assert origin.settings["forecasting"] == workspace.settings.forecasting.model_dump()


def test_a_request_computes_the_features_of_the_build(fleet) -> None:
    """Parity: the answer for a past issue time equals the prediction from the FEATURE rows of that issue."""
    workspace, _, _ = fleet
    rows = feature_rows(workspace)
    from metrify.models.base import Batch

    model = family("forecasting/seasonal").configured({}).fit(Batch(known_at(rows, START + np.timedelta64(25, "D"))))
    forecaster = Forecaster(workspace, model, "forecasting/seasonal:1")
    for meter in "abcd":
        issues = np.unique(rows["issue_time"][rows["meter_id"] == meter])
        for issue in (issues[10], issues[-1]):
            built = rows[(rows["meter_id"] == meter) & (rows["issue_time"] == issue)]
            offline = model.predict(Batch(built))
            online = forecaster.answer([meter], issue)
            np.testing.assert_allclose(online["q50"][: len(offline)], offline["q50"], rtol=1e-5)
            assert (online["timestamp"].dt.tz_localize(None).to_numpy()[: len(offline)] == offline["timestamp"]).all()


def test_solar_and_static_features_reach_their_meter(fleet) -> None:
    rows = feature_rows(fleet[0])
    assert rows.loc[rows["meter_id"] == "c", "solar_mean_7d"].notna().mean() > 0.9
    assert rows.loc[rows["meter_id"] != "c", "solar_mean_7d"].isna().all()
    assert (rows.loc[rows["meter_id"] == "c", "pv_kw"] == 4.0).all()
    assert set(catalog.names) <= set(rows.columns)


def test_an_empty_lake_says_what_to_do(workspace, ray_session) -> None:
    with pytest.raises(EmptyTable, match="metrify ingest readings"):
        build(workspace)
    with pytest.raises(EmptyTable, match="metrify features build"):
        feature_rows(workspace)
