"""Real homes, one command's worth a table; see examples/README.md for the figures."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrify.lake.files import ingest
from metrify.lake.tables import Lake, Written
from metrify.schema import HOLIDAY, READING, TARIFF, WEATHER
from metrify.settings import Workspace

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "london_lcl"
FILES = {
    "readings": "readings.parquet",
    "weather": "weather_hourly.parquet",
    "meters": "households.csv",
    "tariff": "tou_tariff.parquet",
    "holidays": "uk_bank_holidays.csv",
}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the London homes are not at {DATA}")


@pytest.fixture(scope="module")
def london(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict]:
    workspace = Workspace.open(tmp_path_factory.mktemp("london"))
    load = {name: ingest(workspace, name, [DATA / file], _mapping(name)) for name, file in FILES.items()}
    return workspace, load


def _mapping(name: str) -> Path:
    return ROOT / "examples" / "london" / f"{name}.toml"


def test_every_row_enters(london: tuple[Workspace, dict]) -> None:
    counts = {"readings": 1_168_409, "weather": 9_094, "meters": 70, "tariff": 17_520, "holidays": 25}
    for name, report in london[1].items():
        assert report.written == Written(inserted=counts[name]), name
        assert report.rows == counts[name]
        assert not report.files[0].warnings


def test_readings_lie_where_they_belong(london: tuple[Workspace, dict]) -> None:
    [file] = london[1]["readings"].files
    assert (file.first, file.last, file.meters) == (
        datetime(2013, 1, 1, tzinfo=UTC),
        datetime(2013, 12, 31, 23, 30, tzinfo=UTC),
        70,
    )
    lake = Lake(london[0])
    day = lake.read(READING, meter_ids=["MAC000002"], since="2013-10-27", until="2013-10-28")
    assert day.num_rows == 48  # GMT: no hour is there twice
    assert day.sort_by("timestamp")["kwh"][0].as_py() > 0
    meters = lake.meters()
    assert len(meters) == 70
    assert set(meters["zone"]) == {"Europe/London"}
    assert set(meters["tariff_id"]) == {"Std", "ToU"}


def test_weather_is_in_the_units_of_the_schema(london: tuple[Workspace, dict]) -> None:
    weather = Lake(london[0]).read(WEATHER).to_pandas()
    assert weather["humidity"].between(20, 100).all()
    assert weather["wind_speed_ms"].between(0, 15).all()
    assert ((weather["available_at"] - weather["timestamp"]).dt.total_seconds() == 3600).all()
    assert weather["pressure_hpa"].isna().sum() == 9


def test_the_tariff_is_known_a_day_ahead(london: tuple[Workspace, dict]) -> None:
    tariff = Lake(london[0]).read(TARIFF).to_pandas()
    assert ((tariff["timestamp"] - tariff["available_at"]).dt.total_seconds() == 86_400).all()
    assert tariff["band"].value_counts().to_dict() == {"Normal": 15_072, "Low": 1_660, "High": 788}


def test_again_nothing_changes(london: tuple[Workspace, dict]) -> None:
    lake = Lake(london[0])
    before = [lake.version(table) for table in (READING, WEATHER, TARIFF, HOLIDAY)]
    for name, file in FILES.items():
        report = ingest(london[0], name, [DATA / file], _mapping(name))
        assert report.written == Written(unchanged=report.rows), name
    assert [lake.version(table) for table in (READING, WEATHER, TARIFF, HOLIDAY)] == before
