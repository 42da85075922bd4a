"""Figures of the quality pages. Each takes what it shows and a width [px]."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from metrify.report import canvas
from metrify.report.frames import with_gaps
from metrify.report.grades import Weeks
from metrify.report.heatmap import ticks
from metrify.report.palette import light
from metrify.report.words import count
from metrify.vee.grades.points import GRADES

__all__ = ["findings_by_week", "grades_by_week", "top", "worst_week"]

_SEVERITIES = {"error": "error", "warning": "solar", "info": "muted"}
"""Severity: its colour in the palette."""

_HEADROOM = 1.25


@canvas.style
def grades_by_week(weeks: Weeks, width: float) -> Figure:
    """Shares of the grades, the worst at the bottom; where nearly all is A, only as high as the rest needs."""
    fig, axes = canvas.figure(width, 280)
    ax = axes[0, 0]
    edges = _places(weeks.edges)
    below = np.zeros(len(weeks.shares))
    for grade in reversed(range(len(GRADES))):
        upper = below + weeks.shares[:, grade]
        ax.stairs(upper, edges, baseline=below, fill=True, color=_colour(grade), linewidth=0)
        below = upper
    ax.set_ylim(0, top(weeks))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=1 if top(weeks) < 0.05 else 0, symbol=" %"))
    ax.set_ylabel("Meter-days [%]")
    _dates(ax, weeks.edges, width)
    handles = [Patch(color=_colour(grade), linewidth=0, label=name) for grade, name in enumerate(GRADES)]
    canvas.key(fig, handles, len(GRADES))
    return fig


def top(weeks: Weeks) -> float:
    """Share at which the scale ends: some way above the worst stretch, at most all."""
    return min(1.0, max(float(np.nanmax(1 - weeks.shares[:, 0])) * _HEADROOM, 0.02))


@canvas.style
def findings_by_week(findings: pd.DataFrame, rules: list[str], edges: NDArray[np.datetime64], width: float) -> Figure:
    """Intervals that each of these rules found, by the stretches between `edges` in which a finding began [UTC]."""
    fig, axes = canvas.figure(width, 50 + 62 * len(rules), len(rules), sharex=True)
    days = findings["timestamp"].dt.tz_convert(None).to_numpy().astype("datetime64[D]")
    inside = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
    for ax, rule in zip(axes[:, 0], rules, strict=True):
        mine = (findings["rule"] == rule).to_numpy()
        sums = np.bincount(inside[mine], findings["intervals"].to_numpy(float)[mine], minlength=len(edges) - 1)
        severity = str(findings["severity"].to_numpy(object)[mine][0])
        colour = light(_SEVERITIES.get(severity, "muted"))
        ax.stairs(sums, _places(edges), fill=True, color=colour, linewidth=0)
        ax.set_title(rule, fontsize=11)
        ax.set_ylim(0, sums.max() * 1.1 or 1)
        ax.set_yticks([sums.max()], [count(sums.max())])
    _dates(axes[-1, 0], edges, width)
    fig.supylabel("Intervals found", fontsize=11, color=light("muted"))
    return fig


@canvas.style
def worst_week(rows: pd.DataFrame, width: float, *, zone: str, unit: str) -> Figure:
    """Readings of some days with what stands in for them.

    `rows`: timestamp [UTC], reading (as it came), rejected (whether an estimate stands in for it), and of the
    estimates after, low and high; empty where there is none.
    """
    step = rows["timestamp"].diff().median() if len(rows) > 1 else pd.Timedelta(hours=1)
    rows = with_gaps(rows)
    times = canvas.stamps(rows["timestamp"])
    fig, axes = canvas.figure(width, 320)
    ax = axes[0, 0]
    ends = np.ravel([times, times + step / pd.Timedelta(days=1)], order="F")
    twice = rows.loc[rows.index.repeat(2)]
    ax.fill_between(ends, twice["low"], twice["high"], color=light("forecast"), alpha=0.28, linewidth=0)
    ax.plot(ends, twice["after"], color=light("forecast"), linewidth=1.8)
    kept = twice["reading"].where(~twice["rejected"].fillna(value=False).astype(bool))
    ax.plot(ends, kept, color=light("ink"), linewidth=1.3)
    refused = rows["rejected"].fillna(value=False).to_numpy(bool) & rows["reading"].notna().to_numpy()
    middles = times + step / pd.Timedelta(days=2)
    cross = {"color": light("error"), "marker": "x", "markersize": 5, "linewidth": 0}
    ax.plot(middles[refused], rows["reading"][refused], **cross)
    canvas.clock(ax, rows["timestamp"].min(), rows["timestamp"].max() + step, zone, width)
    ax.set_ylabel(f"Per interval [{unit}]")
    ax.set_xlabel(f"Local time, {zone}")
    what = [
        Line2D([], [], color=light("ink"), linewidth=1.3, label="reading"),
        Line2D([], [], color=light("forecast"), linewidth=1.8, label="estimate"),
        Patch(color=light("forecast"), alpha=0.28, linewidth=0, label="its band"),
        Line2D([], [], **cross, label="reading that it replaces"),
    ]
    canvas.key(fig, what, 4 if width > canvas.NARROW else 2)
    return fig


def _colour(grade: int) -> str:
    return light(f"grade-{GRADES[grade].lower()}")


def _places(dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    return dates.astype("datetime64[D]").astype(float)


def _dates(ax: Axes, edges: NDArray[np.datetime64], width: float) -> None:
    """Months, or days where there are few, as under the heat map."""
    first, days = edges[0], int((edges[-1] - edges[0]).astype(int))
    shown = [tick for tick in ticks(first, days) if width > canvas.NARROW or not tick.minor]
    ax.set_xticks([first.astype(float) + tick.at * days for tick in shown], [tick.text for tick in shown], ha="left")
    ax.set_xlim(first.astype(float), first.astype(float) + days)
