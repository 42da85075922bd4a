"""A small real data set that ships with the package: 17 homes, hourly, one year. See citylearn2022/README.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metrify.lake.files import IngestReport, ingest_all
from metrify.settings import Workspace

__all__ = ["FOLDER", "files", "load"]

FOLDER = Path(__file__).parent / "citylearn2022"
TABLES = {
    "meters": "meters",
    "readings": "readings",
    "solar": "solar",
    "weather": "weather",
    "forecasts": "weather",
    "tariff": "tariff",
    "grid": "grid",
}
"""File of the sample, and the table that it goes into."""


def files() -> list[tuple[str, Path, Path]]:
    """For each file of the sample: the table's name, the data, the mapping."""
    return [(table, FOLDER / f"{name}.parquet", FOLDER / f"{name}.toml") for name, table in TABLES.items()]


def load(workspace: Workspace, progress: Callable[[int], None] | None = None) -> list[IngestReport]:
    """Put the whole sample into the lake, through the same door as any file. Again, it changes nothing."""
    return ingest_all(workspace, files(), progress)
