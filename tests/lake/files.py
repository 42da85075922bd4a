"""Files for tests of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metrify.lake.files import FileReport, ingest
from metrify.lake.mapping import Mapping
from metrify.settings import Workspace

__all__ = ["LONDON", "ingest_one", "write_lines"]

LONDON = Mapping.of(
    {
        "zone": "Europe/London",
        "interval_minutes": 30,
        "columns": {"meter_id": "id", "timestamp": "time", "kwh": "use"},
    }
)


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def ingest_one(workspace: Workspace, table: str, path: Path, mapping: Mapping | None = None) -> FileReport:
    """The report of one file, every row of which must be accounted for."""
    [report] = ingest(workspace, table, [path], mapping).files
    assert report.rows == sum(vars(report.written).values()) + report.quarantined.total()
    return report
