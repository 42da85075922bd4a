"""The page: one HTML file that needs no network, no script and no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrify.report import league, words
from metrify.report.content import Report, TaskResult
from metrify.report.figures import figures
from metrify.report.templates import fill

__all__ = ["render", "write"]

_MOST_REASONS = 12
_MOST_ANSWERS = 12
_LONGEST_NAME = 20


def write(report: Report, path: Path) -> Path:
    """Write the report as one HTML file; folders are made if need be. Returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(report), encoding="utf-8")
    return path


def render(report: Report) -> str:
    """The whole page as HTML."""
    return fill("report.html.j2", _content(report))


def _content(report: Report) -> dict[str, Any]:
    table = league.standings(report.league)
    quality = report.quality
    return {
        "report": report,
        "title": report.title,
        "generated_at": report.generated_at,
        "headline": league.headline(table),
        "champion": league.champion(table),
        "league": _records(table),
        "figures": figures(report),
        "findings": _records(quality.findings) if quality else [],
        "quarantined": _records(quality.quarantined) if quality else [],
        "served": _answers(report),
        "tasks": [_task(result) for result in report.tasks],
        "seconds": sum(stage.seconds for stage in report.stages),
        "most_reasons": _MOST_REASONS,
    }


def _task(result: TaskResult) -> dict[str, Any]:
    """A section of a task beside forecasting; figures in tables as people read them."""
    return {
        "result": result,
        "heads": ["Family", "Role", *(f"#{heading}" for heading in result.shown.values()), "#Time to fit"],
        "league": _records(result.league),
        "columns": list(result.served.columns),
        "served": [
            [_cell(value) for value in row] for row in result.served.head(_MOST_ANSWERS).itertuples(index=False)
        ],
    }


def _cell(value: Any) -> tuple[str, str]:
    """A cell and its class: figures to the right, names and times in one line."""
    if isinstance(value, float):
        return words.number(value), "figure"
    text = words.plain(value)
    return text, "whole" if len(text) <= _LONGEST_NAME else ""


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict("records")


def _answers(report: Report) -> list[dict[str, Any]]:
    """The first served answers, by the clock of their meter."""
    rows = report.served.head(_MOST_ANSWERS)
    if rows.empty:
        return []
    local = [
        f"{pd.to_datetime(time, utc=True).tz_convert(zone):%a %d %b %H:%M}"
        for time, zone in zip(rows["timestamp"], rows["zone"], strict=True)
    ]
    return _records(
        rows.assign(local=local, **{name: rows.get(name, np.nan) for name in ("q10", "q50", "q90", "mean")})
    )
