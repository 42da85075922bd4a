"""The simulated fleet: the same seed gives the same bytes, its tables agree, the lake takes all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.errors import BadValue
from metrify.lake.tables import Lake, Written
from metrify.sample.faultkinds import COUNTED
from metrify.sample.faults import FaultPlan
from metrify.sample.simulator import Fleet, load, simulate, write
from metrify.schema import ASSET, EVENT, GRID, METER, QUARANTINE, READING, SOLAR, TABLES, WEATHER
from metrify.settings import Workspace

HOUR = pd.Timedelta("1h")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Two years, so that devices are exchanged."""
    return simulate(40, 730, 1, plan=FaultPlan(events_per_meter=4))


@pytest.fixture(scope="module")
def readings(fleet: Fleet) -> pd.DataFrame:
    """With the number of the fault that covers each reading, -1 for none, and the meter's device."""
    rows = fleet.tables["READING"].to_pandas().assign(fault=-1, device="")
    start = rows["timestamp"].dt.tz_localize(None)
    for number, event in enumerate(fleet.faults.itertuples()):
        mine = (rows["meter_id"] == event.meter_id) & (start >= event.timestamp) & (start < event.until)
        rows.loc[mine, "fault"] = number
    for row in fleet.tables["METER"].to_pandas().itertuples():
        until = row.valid_to if pd.notna(row.valid_to) else pd.Timestamp.max.tz_localize("UTC")
        mine = (rows["meter_id"] == row.meter_id) & (rows["timestamp"] >= row.valid_from) & (rows["timestamp"] < until)
        rows.loc[mine, "device"] = row.device_id
    return rows


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write(simulate(25, 30, 7), tmp_path / "first")
    again = write(simulate(25, 30, 7), tmp_path / "again")
    other = write(simulate(25, 30, 8), tmp_path / "other")
    assert [path.name for path in first] == [path.name for path in again]
    assert {"readings.parquet", "faults.parquet", "hazards.parquet"} <= {path.name for path in first}
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
    named = {path.name: path for path in other}
    assert named["readings.parquet"].read_bytes() != (tmp_path / "first" / "readings.parquet").read_bytes()


def test_another_meter_changes_no_other_meter() -> None:
    few, more = simulate(4, 40, 2), simulate(12, 40, 2)
    columns = ["meter_id", "timestamp", "kwh", "register_kwh", "kwh_export"]
    found = more.tables["READING"].to_pandas()[columns]
    found = found[found["meter_id"].isin(few.tables["METER"]["meter_id"].to_pylist())].reset_index(drop=True)
    wanted = few.tables["READING"].to_pandas()[columns]
    assert (found.astype({"meter_id": str}) == wanted.astype({"meter_id": str})).all(axis=None)
    assert more.faults[more.faults["meter_id"].isin(wanted["meter_id"])].reset_index(drop=True).equals(few.faults)


def test_a_small_fleet_enters_the_lake_whole_and_again_changes_nothing(workspace: Workspace) -> None:
    told: list[int] = []
    small = simulate(5, 20, 1)
    reports = load(workspace, small, told.append)
    lake = Lake(workspace)
    assert lake.read(QUARANTINE).num_rows == 0
    for name, rows in small.tables.items():
        assert lake.count(TABLES[name]) == rows.num_rows, name
    assert sum(report.quarantined for report in reports) == 0
    assert told[-1] == sum(report.rows for report in reports) == sum(rows.num_rows for rows in small.tables.values())
    for before, after in zip(reports, load(workspace, small), strict=True):
        assert after.written == Written(unchanged=before.written.inserted)


def test_no_row_is_refused_by_its_table(fleet: Fleet) -> None:
    assert set(fleet.tables) == {table.name for table in (METER, ASSET, WEATHER, READING, SOLAR, GRID, EVENT)}
    for name, rows in fleet.tables.items():
        stamped = rows.append_column("ingested_at", pa.repeat(pa.scalar(0, pa.timestamp("us", "UTC")), rows.num_rows))
        reasons = TABLES[name].check(TABLES[name].conform(stamped))
        assert reasons.null_count == rows.num_rows, (name, reasons.unique())
        keys = rows.select(list(TABLES[name].key)).to_pandas()
        assert not keys.duplicated().any(), name


def test_rows_bind_to_each_other(fleet: Fleet) -> None:
    meters, assets, events = (fleet.tables[name].to_pandas() for name in ("METER", "ASSET", "EVENT"))
    kinds = assets.set_index("asset_id")["kind"]
    assert (kinds[meters["device_id"]] == "meter").all()
    assert (kinds[meters["transformer_id"].unique()] == "transformer").all()
    assert (kinds[meters["feeder_id"].unique()] == "feeder").all()
    assert set(assets["parent_id"].dropna()) <= set(assets["asset_id"])
    assert set(events["subject_id"]) <= set(assets["asset_id"])
    assert set(fleet.tables["GRID"]["node_id"].to_pylist()) == set(meters["transformer_id"])
    assert set(meters["location"]) == set(fleet.tables["WEATHER"]["location"].to_pylist())
    with_panels = set(meters.loc[meters["pv_kw"] > 0, "meter_id"])
    assert set(fleet.tables["SOLAR"]["meter_id"].unique().to_pylist()) == with_panels
    assert {"outage", "failure", "replacement", "tamper", "inspection"} == set(events["kind"])
    assert set(meters["customer_class"]) == {"residential", "commercial"}


def test_registers_count_what_the_intervals_say_where_nothing_is_wrong(readings: pd.DataFrame) -> None:
    same = readings[["meter_id", "device"]].astype(str).eq(readings[["meter_id", "device"]].astype(str).shift())
    follows = same.all(axis=1) & (readings["timestamp"].diff() == HOUR)
    sound = follows & (readings["fault"] < 0)
    assert sound.sum() > 500_000
    for register, column in (("register_kwh", "kwh"), ("register_export_kwh", "kwh_export")):
        steps = readings[register].diff()
        assert np.allclose(steps[sound], readings.loc[sound, column], atol=1e-6)
        assert (steps[follows] >= 0).all()


def test_registers_count_what_is_stolen_as_little_as_the_intervals(fleet: Fleet, readings: pd.DataFrame) -> None:
    steps = readings["register_kwh"].diff()
    kind = fleet.faults["kind"].reindex(readings["fault"]).to_numpy()
    follows = (readings["timestamp"].diff() == HOUR) & (readings["device"] == readings["device"].shift())
    measured = follows & np.isin(kind, list(COUNTED))
    assert np.allclose(steps[measured], readings.loc[measured, "kwh"].clip(lower=0), atol=1e-6)
    behind = follows & np.isin(kind, ["spike", "negative", "stuck"])
    assert behind.any()
    assert not np.isclose(steps[behind], readings.loc[behind, "kwh"], atol=1e-4).all()


def test_an_exchanged_device_begins_at_zero_where_the_other_ended(fleet: Fleet, readings: pd.DataFrame) -> None:
    meters = fleet.tables["METER"].to_pandas().sort_values(["meter_id", "valid_from"])
    exchanged = meters[meters["valid_to"].notna()]
    assert len(exchanged) >= 3
    for old in exchanged.itertuples():
        new = meters[(meters["meter_id"] == old.meter_id) & (meters["valid_from"] == old.valid_to)]
        assert len(new) == 1
        mine = readings[readings["meter_id"] == old.meter_id]
        ended, begun = (mine[mine["device"] == name] for name in (old.device_id, new["device_id"].iloc[0]))
        if len(ended) and len(begun):
            assert ended["timestamp"].max() < old.valid_to <= begun["timestamp"].min()
        first = begun[begun["timestamp"] == old.valid_to]
        sound = first[first["fault"] < 0]
        assert np.allclose(sound["register_kwh"], sound["kwh"], atol=1e-6)
    current = meters[meters["valid_to"].isna()]
    assert current["meter_id"].is_unique
    assert (readings["device"] != "").all()


def test_a_failed_device_is_silent_until_it_is_exchanged(fleet: Fleet, readings: pd.DataFrame) -> None:
    truth = fleet.hazards.set_index("asset_id")
    failures = fleet.tables["EVENT"].filter(pa.compute.equal(fleet.tables["EVENT"]["kind"], "failure")).to_pandas()
    assert len(failures) >= 2
    for row in failures.itertuples():
        assert row.timestamp.tz_localize(None) == truth.loc[row.subject_id, "failed_at"]
        mine = readings[readings["device"] == row.subject_id]
        assert (mine["timestamp"] + HOUR <= row.timestamp).all()


def test_gaps_are_rows_that_are_not_there(fleet: Fleet, readings: pd.DataFrame) -> None:
    gaps = fleet.faults.index[fleet.faults["kind"] == "gap"]
    assert len(gaps)
    assert not readings["fault"].isin(gaps).any()
    assert (readings.loc[readings["kwh"] < 0, "fault"] >= 0).all()


def test_the_transformer_carries_its_meters(fleet: Fleet) -> None:
    grid = fleet.tables["GRID"].to_pandas().set_index(["node_id", "timestamp"])
    assets = fleet.tables["ASSET"].to_pandas().set_index("asset_id")
    rating = assets["rating_kva"].reindex(grid.index.get_level_values(0)).to_numpy()
    assert np.allclose(grid["loading"], 100 * grid["load_kw"].abs() / rating, atol=0.01)
    quiet = simulate(10, 20, 3, plan=FaultPlan(events_per_meter=0))
    rows = quiet.tables["READING"].to_pandas()
    whole = rows.groupby("timestamp").filter(lambda hour: len(hour) == 10)
    net = whole.assign(net=whole["kwh"] - whole["kwh_export"]).groupby("timestamp")["net"].sum()
    carried = quiet.tables["GRID"].to_pandas().set_index("timestamp")["load_kw"].reindex(net.index)
    assert len(net) > 300
    assert np.allclose(net, carried, atol=0.002)


def test_voltage_sags_and_current_follows(fleet: Fleet, readings: pd.DataFrame) -> None:
    live = readings[readings["voltage_v"] > 0]
    assert live["voltage_v"].between(200, 260).all()
    plain = live[live["fault"] < 0]
    watts = 1000 * (plain["kwh"] + plain["kwh_export"])
    assert np.allclose(watts, plain["voltage_v"] * plain["current_a"], rtol=0.01, atol=3)
    meters = fleet.tables["METER"].to_pandas().drop_duplicates("meter_id").set_index("meter_id")["transformer_id"]
    loading = fleet.tables["GRID"].to_pandas().set_index(["node_id", "timestamp"])["loading"]
    mine = live[live["meter_id"] == "sim-0003"]
    load = loading.loc[meters["sim-0003"]].reindex(mine["timestamp"])
    assert np.corrcoef(mine["voltage_v"], load)[0, 1] < 0


def test_nothing_is_known_before_it_can_be(fleet: Fleet, readings: pd.DataFrame) -> None:
    assert (readings["available_at"] >= readings["timestamp"] + HOUR).all()
    late = readings["available_at"] > readings["timestamp"] + HOUR
    assert 0.003 < late.mean() < 0.03
    weather = fleet.tables["WEATHER"].to_pandas()
    observed = weather[weather["kind"] == "observed"]
    assert (observed["available_at"] >= observed["timestamp"] + HOUR).all()
    forecast = weather[weather["kind"] == "forecast"]
    assert (forecast["available_at"] < forecast["timestamp"]).all()
    both = observed.merge(forecast, on=["location", "timestamp"])
    assert 0.8 < (both["temperature_c_x"] - both["temperature_c_y"]).std() < 2.0


def test_load_has_the_shape_of_real_homes(fleet: Fleet, readings: pd.DataFrame) -> None:
    meters = fleet.tables["METER"].to_pandas().drop_duplicates("meter_id").set_index("meter_id")
    homes = meters.index[(meters["customer_class"] == "residential") & (meters["pv_kw"] == 0)]
    rows = readings[(readings["fault"] < 0) & readings["meter_id"].isin(homes)]
    hour = rows["timestamp"].dt.tz_convert("America/Los_Angeles").dt.hour
    profile = rows.groupby(hour)["kwh"].mean()
    assert profile.loc[17:20].mean() > 1.5 * profile.loc[2:5].mean()
    shops = readings[readings["meter_id"].isin(meters.index[meters["customer_class"] == "commercial"])]
    local = shops["timestamp"].dt.tz_convert("America/Los_Angeles")
    used = shops["kwh"] + shops["kwh_export"]
    week = used[local.dt.weekday < 5].mean()
    assert week > 1.2 * used[local.dt.weekday >= 5].mean()


def test_quarters_of_an_hour_and_days_of_the_clock_change() -> None:
    short = simulate(
        3, 2, 4, start=np.datetime64("2016-11-06"), interval_minutes=15, plan=FaultPlan(events_per_meter=0)
    )
    assert len(short.clock.times) == (25 + 24) * 4
    rows = short.tables["READING"].to_pandas()
    assert rows["timestamp"].min() == pd.Timestamp("2016-11-06T07:00Z")
    assert rows.groupby("meter_id", observed=True)["timestamp"].diff().dropna().min() == pd.Timedelta("15min")
    assert short.tables["GRID"].num_rows == 49


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"meters": 0}, "meters"),
        ({"days": 0}, "days"),
        ({"seed": -1}, "seed"),
        ({"interval_minutes": 7}, "interval_minutes"),
    ],
)
def test_what_makes_no_fleet_is_refused(wrong: dict[str, int], field: str) -> None:
    with pytest.raises(BadValue, match=field):
        simulate(**{"meters": 2, "days": 3, "seed": 1, **wrong})
