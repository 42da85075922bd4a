"""The quality page: how good the readings are, of the whole fleet or of one meter, as one HTML file."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from metrify.errors import BadValue, UnknownMeter
from metrify.lake.tables import Lake
from metrify.report.judgements import Day, Judgements
from metrify.settings import Workspace

__all__ = ["QualityReport", "write_quality"]

_LONGEST = 80


@dataclass(frozen=True)
class QualityReport:
    """What the page says, in figures."""

    path: Path
    meters: int
    """with a grade"""
    meter_days: int
    grades: dict[str, int]
    """meter-days of each grade"""
    measured: float | None
    """mean share of a meter-day's intervals; None without grades"""
    estimated: float | None
    missing: float | None
    worst: list[str]
    """the first of the worst meters"""


def write_quality(
    workspace: Workspace,
    path: Path | None = None,
    *,
    meter_id: str = "",
    since: Day | None = None,
    until: Day | None = None,
) -> QualityReport:
    """Write the page of the fleet, or of one meter, of local days from `since` on and before `until`.

    It goes to reports/quality.html of the workspace (of a meter: to quality-METER.html beside it) unless `path` says
    otherwise. A lake without grades has a page too, that says what is missing. Raises UnknownMeter, and BadValue where
    no file can be written.
    """
    from metrify.report.fleetquality import fleet_page  # draws with matplotlib, which takes its time to load
    from metrify.report.meterquality import meter_page

    lake = Lake(workspace)
    if meter_id:
        meters = lake.meters().set_index("meter_id")
        if meter_id not in meters.index:
            raise UnknownMeter([meter_id], len(meters))
        zone = str(meters.loc[meter_id, "zone"] or workspace.settings.site.zone)
        found = Judgements.read(lake, since, until, meter_id=meter_id, zone=zone)
        html = meter_page(lake, found, meter_id, zone, datetime.now(UTC))
    else:
        found = Judgements.read(lake, since, until)
        html = fleet_page(found, datetime.now(UTC))
    target = path or workspace.reports / page_name(meter_id)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, encoding="utf-8")
    except OSError as error:
        raise BadValue("path", "a place where a file can be written", f"{target} ({error})") from error
    return _report(found, target)


def page_name(meter_id: str = "") -> str:
    """The file of the page: no meter's name leads out of its folder, and no two meters share it."""
    if not meter_id:
        return "quality.html"
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", meter_id)[:_LONGEST]
    return f"quality-{plain}.html" if plain == meter_id else f"quality-{plain}-{zlib.crc32(meter_id.encode()):08x}.html"


def _report(found: Judgements, path: Path) -> QualityReport:
    from metrify.report.grades import GradeMatrix
    from metrify.report.qualitytables import shares_of_intervals
    from metrify.vee.grades.points import GRADES

    matrix = GradeMatrix.of(found.grades)
    counts = dict(zip(GRADES, matrix.counts.tolist(), strict=True))
    measured, estimated, missing = (None if np.isnan(share) else share for share in shares_of_intervals(found.grades))
    worst = [str(name) for name in matrix.meters[:10]]
    return QualityReport(path, len(matrix.meters), sum(counts.values()), counts, measured, estimated, missing, worst)
