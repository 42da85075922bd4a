"""The quality page of one meter: its days, its worst week, and all that was found and edited."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from metrify.lake.tables import Lake
from metrify.localtime import day_start
from metrify.report import gradeplots
from metrify.report.figures import Figure, drawn
from metrify.report.fleetquality import headline, strip
from metrify.report.gradecalendar import years
from metrify.report.grades import GradeMatrix
from metrify.report.judgements import Judgements, in_force
from metrify.report.qualitytables import by_reason, edit_runs, latest_scores, shares_of_intervals, worst_days
from metrify.report.templates import fill
from metrify.report.words import stretch
from metrify.schema import READING

__all__ = ["meter_page"]

_MOST_ROWS = 40
"""Findings and runs of edits that are listed."""


def meter_page(lake: Lake, found: Judgements, meter_id: str, zone: str, generated_at: datetime) -> str:
    """The page as HTML; `found` is of that meter, `zone` its clock. Every table may be empty."""
    matrix = GradeMatrix.of(found.grades)
    column = lake.workspace.settings.forecasting.target
    week = _worst_week(lake, found, matrix, meter_id, zone, column)
    step = _step(found, week)
    scores = latest_scores(found.scores)
    findings = found.findings.sort_values(["timestamp", "rule"], ascending=[False, True])
    runs = edit_runs(found.edits, step)
    content = {
        "title": f"Data quality of meter {meter_id}",
        "generated_at": generated_at,
        "meter_id": meter_id,
        "zone": zone,
        "graded": bool(matrix.counts.sum()),
        "headline": headline(matrix),
        "parts": strip(matrix.counts),
        "intervals": shares_of_intervals(found.grades),
        "score": scores.reset_index().to_dict("records")[0] if len(scores) else None,
        "worst": worst_days(found.grades, found.findings, matrix, 1).to_dict("records"),
        "years": years(found.grades),
        "figures": _figures(week, matrix, zone, column),
        "findings": _local(findings.head(_MOST_ROWS), zone),
        "more_findings": max(len(findings) - _MOST_ROWS, 0),
        "edits": _local(runs.head(_MOST_ROWS), zone),
        "more_edits": max(len(runs) - _MOST_ROWS, 0),
        "quarantined": by_reason(found.quarantined).to_dict("records"),
        "units": {name.name: name.unit for name in READING.columns},
    }
    return fill("quality_meter.html.j2", content, styles=("quality.css",))


def _worst_week(
    lake: Lake, found: Judgements, matrix: GradeMatrix, meter_id: str, zone: str, column: str
) -> pd.DataFrame:
    """What `gradeplots.worst_week` draws, of the week with the worst grades."""
    names = ["timestamp", "reading", "rejected", "after", "low", "high"]
    if not matrix.counts.sum():
        return pd.DataFrame(columns=names)
    monday = matrix.worst_week().astype("datetime64[D]").astype(np.int32)
    since, until = day_start(np.array([monday, monday + 7], np.int32), zone)
    came = lake.read(READING, columns=["timestamp", column], since=since, until=until, meter_ids=[meter_id])
    held = in_force(found.edits[found.edits["column"] == column])
    bounds = [pd.Timestamp(time, tz="UTC") for time in (since, until)]
    held = held[(held["timestamp"] >= bounds[0]) & (held["timestamp"] < bounds[1])]
    rows = came.to_pandas().merge(held[["timestamp", "after", "low", "high"]], on="timestamp", how="outer")
    rows = rows.rename(columns={column: "reading"}).sort_values("timestamp", ignore_index=True)
    return rows.assign(rejected=rows["reading"].notna() & rows["after"].notna())[names]


def _step(found: Judgements, week: pd.DataFrame) -> pd.Timedelta:
    """Length of an interval, as the readings of the week or else the edits and findings show it."""
    if len(week) > 1:
        return week["timestamp"].diff().median()
    lengths = (found.findings["until"] - found.findings["timestamp"]) / found.findings["intervals"]
    distances = found.edits["timestamp"].drop_duplicates().sort_values().diff().dropna()
    shown = lengths.median() if len(lengths) else distances.min()
    return pd.Timedelta(hours=1) if pd.isna(shown) else shown


def _figures(week: pd.DataFrame, matrix: GradeMatrix, zone: str, column: str) -> dict[str, Figure]:
    if week.empty or not week[["reading", "after"]].notna().any(axis=None):
        return {}
    monday = matrix.worst_week()
    came, estimated = int(week["reading"].notna().sum()), int(week["after"].notna().sum())
    text = (
        f"The week with the worst grades, from Monday {monday}, by the clock of {zone}: {came} readings came, "
        f"{estimated} intervals are estimated, {int(week['rejected'].sum())} of them in place of a reading."
    )
    draw = partial(gradeplots.worst_week, week, zone=zone, unit=READING[column].unit)
    return {"week": drawn("week", text, draw)}


def _local(rows: pd.DataFrame, zone: str) -> list[dict[str, Any]]:
    """Rows with their times in words, by the clock of the place."""
    spans = zip(rows["timestamp"], rows["until"], strict=True)
    told: dict[str, list[str]] = {"stretch": [stretch(first, until, zone) for first, until in spans]}
    for name in ("edited", "undone"):
        if f"{name}_at" in rows:
            times = rows[f"{name}_at"]
            told[name] = ["" if pd.isna(time) else f"{time.tz_convert(zone):%Y-%m-%d %H:%M}" for time in times]
    return rows.astype(object).assign(**told).to_dict("records")
