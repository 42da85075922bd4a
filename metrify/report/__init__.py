"""The report: one self-contained HTML page of what went in, who won, how good it is and what was answered."""

from __future__ import annotations

from pathlib import Path

from metrify.report.content import Facts, Link, Quality, Report, Stage, TaskResult

__all__ = ["Facts", "Link", "Quality", "Report", "Stage", "TaskResult", "write"]


def write(report: Report, path: Path) -> Path:
    """Write the report as one HTML file; folders are made if need be. Returns the path."""
    from metrify.report import page  # draws with matplotlib, which takes its time to load

    return page.write(report, path)
