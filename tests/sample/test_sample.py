"""The shipped sample: what it holds, when its hours are, and that it can be made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrify import sample
from metrify.lake.files import IngestReport
from metrify.lake.tables import Lake, Written
from metrify.sample.convert import convert
from metrify.schema import GRID, METER, QUARANTINE, READING, SOLAR, TABLES, TARIFF, WEATHER
from metrify.schema import table as table_of
from metrify.settings import Workspace

SOURCE = Path(__file__).parents[3] / "shared" / "data" / "citylearn2022"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[IngestReport], list[int]]:
    workspace = Workspace.open(tmp_path_factory.mktemp("sample"))
    told: list[int] = []
    return Lake(workspace), sample.load(workspace, told.append), told


def test_it_is_small_licensed_and_complete() -> None:
    assert sum(path.stat().st_size for path in sample.FOLDER.iterdir()) < 2_000_000
    assert "MIT License" in (sample.FOLDER / "LICENSE").read_text()
    for name, data, mapping in sample.files():
        assert table_of(name).name in TABLES
        assert data.is_file()
        assert mapping.is_file()


def test_all_of_it_enters_but_the_hours_of_the_clock_changes(loaded: tuple) -> None:
    lake, reports, told = loaded
    assert sum(report.quarantined for report in reports) == 72
    assert told[-1] == sum(report.rows for report in reports) == 350_375
    assert told == sorted(told)
    counts = {table: lake.read(table).num_rows for table in (METER, READING, SOLAR, WEATHER, TARIFF, GRID)}
    assert list(counts.values()) == [17, 148_886, 148_886, 34_998, 8_758, 8_758]
    refused = lake.read(QUARANTINE).to_pandas()
    assert refused["reason"].str.contains("happens twice|does not exist").all()
    assert refused.groupby("table").size().to_dict() == {"READING": 34, "SOLAR": 34, "TARIFF": 2, "GRID": 2}


def test_again_nothing_changes(loaded: tuple) -> None:
    lake, reports, _ = loaded
    versions = {name: lake.version(table) for name, table in TABLES.items()}
    for before, after in zip(reports, sample.load(lake.workspace), strict=True):
        assert after.written == Written(unchanged=before.written.inserted)
    assert {name: lake.version(table) for name, table in TABLES.items()} == versions


def test_homes_are_hourly_and_complete(loaded: tuple) -> None:
    readings = loaded[0].read(READING).to_pandas()
    assert readings["timestamp"].min() == pd.Timestamp("2016-08-01T07:00Z")
    assert readings["timestamp"].max() == pd.Timestamp("2017-08-01T06:00Z")
    assert readings.groupby("meter_id").size().tolist() == [8758] * 17
    assert readings["kwh"].between(0, 9).all()
    assert ((readings["available_at"] - readings["timestamp"]) == pd.Timedelta("1h")).all()
    meters = loaded[0].meters()
    assert meters["pv_kw"].isin([4.0, 5.0]).all()
    assert set(meters["zone"]) == {"America/Los_Angeles"}


def _sines(times: pd.DatetimeIndex) -> np.ndarray:
    """Sine of the sun's height over Fontana (NOAA's short formulas), good to half a degree."""
    hours = times.hour + times.minute / 60
    g = 2 * np.pi / 365 * (times.dayofyear - 1 + (hours - 12) / 24)
    equation = 229.18 * (
        0.000075 + 0.001868 * np.cos(g) - 0.032077 * np.sin(g) - 0.014615 * np.cos(2 * g) - 0.040849 * np.sin(2 * g)
    )
    declination = (
        0.006918 - 0.399912 * np.cos(g) + 0.070257 * np.sin(g) - 0.006758 * np.cos(2 * g) + 0.000907 * np.sin(2 * g)
    )
    angle = np.radians((hours * 60 + equation - 4 * 117.4) / 4 - 180)
    latitude = np.radians(34.1)
    return np.asarray(np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle))


def test_panels_that_face_south_produce_around_solar_noon_in_every_season(loaded: tuple) -> None:
    solar = loaded[0].read(SOLAR, meter_ids=["home-01", "home-08"]).to_pandas()
    middle = pd.DatetimeIndex(solar["timestamp"]) + pd.Timedelta("30min")
    standard = middle - pd.Timedelta("8h")
    solar["day"] = standard.date
    solar["moment"] = solar["generation_kwh"] * (standard.hour + standard.minute / 60)
    days = solar.groupby("day")[["generation_kwh", "moment"]].sum()
    days["centre"] = days["moment"] / days["generation_kwh"]
    days["noon"] = [_solar_noon(day) for day in days.index]
    days.index = pd.DatetimeIndex(days.index)
    for _, quarter in days.groupby(pd.Grouper(freq="QS")):
        clear = quarter[quarter["generation_kwh"] > quarter["generation_kwh"].quantile(0.6)]
        assert (clear["centre"] - clear["noon"]).median() == pytest.approx(0, abs=0.15)


def _solar_noon(day: object) -> float:
    """In hours of Pacific standard time."""
    minutes = pd.date_range(f"{day}T18:30Z", periods=180, freq="min")
    highest = minutes[int(np.argmax(_sines(minutes)))]
    return highest.hour + highest.minute / 60 - 8


def test_irradiance_comes_and_goes_with_the_sun(loaded: tuple) -> None:
    weather = loaded[0].read(WEATHER).to_pandas().query("kind == 'observed'")
    starts = pd.DatetimeIndex(weather["timestamp"])
    sines = np.mean([np.clip(_sines(starts + pd.Timedelta(minutes=m)), 0, None) for m in range(3, 60, 6)], axis=0)
    assert ((sines == 0) & (weather["ghi_wm2"] > 1)).sum() <= 15
    assert np.corrcoef(sines, weather["ghi_wm2"])[0, 1] > 0.94
    # global, not diffuse: it holds the direct part
    assert (weather["ghi_wm2"] - weather["dni_wm2"] * sines).min() > -30


def test_the_forecasts_are_what_came_true(loaded: tuple) -> None:
    """As the README says: whoever uses them knows the future."""
    weather = loaded[0].read(WEATHER).to_pandas().drop(columns="ingested_at")
    observed = weather[weather["kind"] == "observed"].set_index("timestamp")
    forecast = weather[weather["kind"] == "forecast"].set_index("timestamp")
    leads = (forecast.index - forecast["available_at"]).dt.total_seconds() / 3600
    assert leads.value_counts().to_dict() == {6.0: 8754, 12.0: 8748, 24.0: 8736}
    for column in ("temperature_c", "humidity", "ghi_wm2", "dni_wm2"):
        assert (forecast[column] == observed[column].reindex(forecast.index)).all()


def test_the_dear_hours_are_four_to_nine_by_the_clock(loaded: tuple) -> None:
    tariff = loaded[0].read(TARIFF).to_pandas()
    hours = tariff["timestamp"].dt.tz_convert("America/Los_Angeles").dt.hour
    assert set(hours[tariff["price_per_kwh"] > 0.3]) == {16, 17, 18, 19, 20}
    assert set(hours[tariff["price_per_kwh"] < 0.3]).isdisjoint({16, 17, 18, 19, 20})
    assert (tariff["available_at"] < tariff["timestamp"]).all()


@pytest.mark.skipif(not SOURCE.is_dir(), reason=f"the source of the sample is not at {SOURCE}")
def test_the_sample_can_be_made_anew_byte_for_byte(tmp_path: Path) -> None:
    convert(SOURCE, tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(data.name for _, data, _ in sample.files())
    for name in made:
        assert (tmp_path / name).read_bytes() == (sample.FOLDER / name).read_bytes(), name
