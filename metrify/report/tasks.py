"""Figures of the tasks beside forecasting. Each takes the `picture` of a TaskResult and a width [px]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, PercentFormatter

from metrify.report import canvas
from metrify.report.frames import timed, with_gaps
from metrify.report.palette import light
from metrify.report.words import count, percent

__all__ = ["PICTURES", "days", "detection"]

_BINS = 10
_MOST_METERS = 30
_FAULT = 0.22
"""Opacity of a stretch of faults."""


@canvas.style
def detection(rows: pd.DataFrame, width: float) -> Figure:
    """Readings of one meter, what was usual, where faults are and what was flagged.

    `rows`: timestamp, value, usual, target (1 within a fault) and verdict.
    """
    rows = with_gaps(timed(rows).sort_values("timestamp"))
    times = canvas.stamps(rows["timestamp"])
    fig, axes = canvas.figure(width, 300)
    ax = axes[0, 0]
    faulty = rows["target"].fillna(0).to_numpy() > 0
    top = float(np.nanmax(rows[["value", "usual"]].to_numpy(float))) * 1.05
    ax.fill_between(times, 0, top, where=faulty, step="mid", color=light("error"), alpha=_FAULT, linewidth=0)
    ax.plot(times, rows["usual"], color=light("forecast"))
    ax.plot(times, rows["value"], color=light("ink"), linewidth=1.2)
    flagged = rows["verdict"].fillna(value=False).to_numpy(bool)
    ax.plot(times[flagged], rows["value"][flagged], color=light("solar"), marker="o", markersize=5, linewidth=0)
    canvas.clock(ax, rows["timestamp"].min(), rows["timestamp"].max(), "UTC", width)
    ax.set_ylabel("Energy per interval [kWh]")
    what = [
        Line2D([], [], color=light("ink"), linewidth=1.2, label="reading"),
        Line2D([], [], color=light("forecast"), label="usual"),
        Line2D([], [], color=light("solar"), marker="o", markersize=5, linewidth=0, label="flagged"),
        Patch(color=light("error"), alpha=_FAULT, linewidth=0, label="injected fault"),
    ]
    canvas.key(fig, what, 4 if width > canvas.NARROW else 2)
    return fig


@canvas.style
def observed_by_said(rows: pd.DataFrame, width: float) -> Figure:
    """Chances that were said against shares that came true, in ten equally filled groups.

    `rows`: probability and actual (1 it happened, 0 not).
    """
    said, seen = _groups(rows)
    fig, axes = canvas.figure(width, 300)
    ax = axes[0, 0]
    places = np.arange(len(said))
    ax.bar(places - 0.19, said, width=0.36, color=light("forecast"), label="said")
    ax.bar(places + 0.19, seen, width=0.36, color=light("ink"), label="came true")
    ax.set_xticks(places, [str(place + 1) for place in places])
    ax.set_xlabel("Tenths of the equipment by their chance")
    ax.set_ylabel("Failed within the horizon [%]")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    canvas.key(fig, list(ax.containers), 2)
    return fig


@canvas.style
def days(rows: pd.DataFrame, width: float) -> Figure:
    """Days by meter, the darker the worse; the meters with the worst days on top.

    `rows`: meter_id, local_date and score (0 to 100).
    """
    rows = rows.assign(loss=(100 - rows["score"]).clip(0, 100) / 100)
    worst = rows.groupby(rows["meter_id"].astype(str))["loss"].sum().sort_values(ascending=False).head(_MOST_METERS)
    place = {meter: number for number, meter in enumerate(worst.index)}
    shown = rows[rows["meter_id"].astype(str).isin(place)]
    dates = canvas.stamps(pd.to_datetime(shown["local_date"], utc=True))
    fig, axes = canvas.figure(width, 90 + 16 * len(worst))
    ax = axes[0, 0]
    shade = pd.cut(shown["loss"], [-1.0, 0.0, 0.25, 0.5, 0.75, 1.0], labels=False).to_numpy()
    for (meter, darkness), cells in pd.Series(dates).groupby([shown["meter_id"].astype(str).to_numpy(), shade]):
        color, opacity = (light("error"), 0.25 * darkness) if darkness else (light("rule"), 1.0)
        spans = [(at, 0.94) for at in cells]
        ax.broken_barh(spans, (place[meter] - 0.44, 0.88), color=color, alpha=opacity, linewidth=0)
    ax.set_yticks(range(len(worst)), list(worst.index), fontsize=9)
    ax.tick_params(axis="y", length=0, labelcolor=light("ink"))
    ax.invert_yaxis()
    ax.grid(visible=False)
    every = max(1, int(np.ceil(np.ptp(dates) / (5 if width > canvas.NARROW else 2)))) if len(dates) else 1
    ax.set_xticks(np.arange(dates.min(), dates.max() + 1, every))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{num2date(at):%d %b}"))
    return fig


def _groups(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    known = rows.dropna(subset=["probability", "actual"]).sort_values("probability", kind="stable")
    parts = [part for part in np.array_split(np.arange(len(known)), _BINS) if len(part)]
    said, seen = known["probability"].to_numpy(float), known["actual"].to_numpy(float)
    return np.array([said[part].mean() for part in parts]), np.array([seen[part].mean() for part in parts])


def _detection_text(rows: pd.DataFrame) -> str:
    flagged, faulty = int(rows["verdict"].sum()), int((rows["target"] > 0).sum())
    return (
        f"One meter that no detector had learned from: {count(faulty)} of {count(len(rows))} readings are faults that "
        f"were put in, {count(flagged)} readings were flagged."
    )


def _said_text(rows: pd.DataFrame) -> str:
    rate = rows["actual"].mean()
    return f"What the model said and what came true in the test; {percent(rate)} of all failed within the horizon."


def _days_text(rows: pd.DataFrame) -> str:
    bad = int((rows["score"] < 100).sum())
    return f"Quality of {count(len(rows))} meter-days, the darker the worse: {count(bad)} are not perfect."


PICTURES: dict[str, tuple[Callable[[pd.DataFrame, float], Figure], Callable[[pd.DataFrame], str]]] = {
    "anomaly": (detection, _detection_text),
    "maintenance": (observed_by_said, _said_text),
    "quality": (days, _days_text),
}
"""By task: what draws its picture, and its words."""
