"""The figures of a report: drawn for a laptop and for a phone, with words for those who do not see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure as Drawing

from metrify.metrics import forecasts as metrics
from metrify.report import accuracy, plots, tasks
from metrify.report.canvas import NARROW, WIDE, svg
from metrify.report.content import Report
from metrify.report.words import number, percent

__all__ = ["Figure", "drawn", "figures"]

_HALF = 450  # two figures side by side [px]


@dataclass(frozen=True)
class Figure:
    """One figure: the SVG for either width and what it shows, in words."""

    wide: Markup
    narrow: Markup
    caption: str


def figures(report: Report) -> dict[str, Figure]:
    """Every figure that the report has data for, by name."""
    made = _of_forecasts(report) if _scored(report.forecasts) else {}
    if len(report.week):
        zone = report.facts.zone if report.facts else "UTC"
        text = _week_text(report.week)
        made["week"] = drawn("week", text, lambda width: plots.week(report.week, width, zone=zone))
    if len(report.importance) and report.importance["gain"].sum() > 0:
        best = report.importance.sort_values("gain", ascending=False)["feature"].head(3)
        text = f"What the champion looks at: most of all {', '.join(map(str, best))}."
        made["importance"] = drawn("importance", text, lambda width: plots.importance(report.importance, width), _HALF)
    if len(report.served):
        text = f"What the deployed graph answered for {_meters(report.served)}: median and bands of the next hours."
        made["served"] = drawn("served", text, lambda width: _bands(report, report.served, width))
    for result in report.tasks:
        if len(result.picture):
            draw, text = tasks.PICTURES[result.task]
            made[result.task] = drawn(result.task, text(result.picture), partial(draw, result.picture))
    return made


def _of_forecasts(report: Report) -> dict[str, Figure]:
    rows, unit = report.forecasts, report.unit
    scores = metrics.score(rows)
    held = [percent(scores[f"coverage_{share}"]) for share in (50, 80, 90)]
    bands = (
        f"Forecast bands against what came true, of {_meters(rows)} those at the 10th, 50th and 90th percentile of "
        f"WAPE. Over the whole test the 80 % band held {held[1]} of {scores['n']:,} intervals."
    )
    errors = (
        "Mean absolute error and coverage of the 80 % band by local hour and by lead time. "
        f"Overall the MAE is {number(scores['mae'])} {unit}."
    )
    reliability = (
        "How often what came true stayed below each quantile, against how often it should. "
        f"Coverage of the 50, 80 and 90 % bands: {', '.join(held)}."
    )
    meters = f"WAPE of each of {_meters(rows)}, sorted; {percent(scores['wape'])} over all."
    made = {
        "bands": drawn("bands", bands, lambda width: _bands(report, rows, width)),
        "errors": drawn("errors", errors, lambda width: accuracy.errors(rows, width, unit=unit)),
        "reliability": drawn("reliability", reliability, lambda width: accuracy.reliability(rows, width), _HALF),
    }
    if not np.isnan(scores["wape"]):
        made["meters"] = drawn("meters", meters, lambda width: accuracy.meter_wape(rows, width), _HALF)
    return made


def drawn(name: str, caption: str, draw: Callable[[float], Drawing], full: float = WIDE) -> Figure:
    """A figure for either width; `name` is unique in the page, `full` is the width on a laptop [px]."""
    wide = svg(draw(full), f"{name}-wide", caption)
    return Figure(wide, svg(draw(NARROW), f"{name}-narrow", caption), caption)


def _bands(report: Report, rows: pd.DataFrame, width: float) -> Drawing:
    return plots.forecast_bands(rows, width, quantity=report.quantity, unit=report.unit)


def _scored(rows: pd.DataFrame) -> bool:
    """Whether something was forecast and came true, so that there is an error to show."""
    return len(rows) > 0 and bool(rows[["actual", "q50"]].notna().all(axis=1).any())


def _meters(rows: pd.DataFrame) -> str:
    found = rows["meter_id"].nunique()
    return f"{found} meter{'s' * (found > 1)}"


def _week_text(rows: pd.DataFrame) -> str:
    text = f"A week of one home: load of {number(rows['kwh'].sum())} kWh"
    if "generation_kwh" not in rows or rows["generation_kwh"].isna().all():
        return f"{text}."
    return f"{text}, PV production of {number(rows['generation_kwh'].sum())} kWh."
