"""Figures of how good forecasts were. Each takes forecast rows with what came true, and a width [px]."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from metrify.metrics.forecasts import score_by
from metrify.report import canvas
from metrify.report.frames import answers, meter_wapes
from metrify.report.palette import light
from metrify.report.words import percent
from metrify.schema import LEVELS, level_column

__all__ = ["errors", "meter_wape", "reliability"]

NOMINAL = 0.8
_DASHES = (0, (4, 3))
_OFFSET: dict[str, Any] = {"textcoords": "offset points"}


@canvas.style
def errors(rows: pd.DataFrame, width: float, *, unit: str = "kWh") -> Figure:
    """Mean absolute error and coverage of the 80 % band, by local hour and by lead time."""
    rows = answers(rows)
    by_hour = score_by(rows, ["hour"]).rename(columns={"hour": "x"})
    by_lead = score_by(rows.assign(x=rows["lead_minutes"] // 60), ["x"])
    wide = width > canvas.NARROW
    fig, axes = canvas.figure(width, 420 if wide else 760, *((2, 2) if wide else (4, 1)))
    panels = axes if wide else axes.reshape(2, 2)
    for (size, share), scores, what in zip(
        panels, (by_hour, by_lead), ("hour of the local day", "lead [h]"), strict=True
    ):
        _error_bars(size, scores, f"MAE [{unit}] by {what}")
        _coverage_line(share, scores, f"Coverage of the 80 % band by {what}")
    _same_scale(panels[:, 0])
    _same_scale(panels[:, 1])
    return fig


@canvas.style
def meter_wape(rows: pd.DataFrame, width: float) -> Figure:
    """WAPE of every meter, sorted, with the best, the median and the worst named."""
    sorted_shares = meter_wapes(rows)
    shares = sorted_shares.to_numpy()
    fig, axes = canvas.figure(width, 320)
    ax = axes[0, 0]
    ax.plot(shares, color=light("error"), marker="o", markersize=6 if len(shares) < width / 8 else 3, linewidth=0)
    ax.axhline(np.median(shares), color=light("muted"), linewidth=1.2, linestyle=_DASHES)
    last, middle = len(shares) - 1, f"median {percent(np.median(shares), 0)}"
    ax.annotate(middle, (last, np.median(shares)), (0, -5), ha="right", va="top", **_OFFSET)
    if last > 0:
        best, worst = (f"{sorted_shares.index[place]}, {percent(shares[place], 0)}" for place in (0, last))
        ax.annotate(best, (0, shares[0]), (4, -6), ha="left", va="top", **_OFFSET)
        ax.annotate(worst, (last, shares[-1]), (-8, 2), ha="right", **_OFFSET)
    ax.set_ylim(0, max(shares[-1] * 1.15, 0.01))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ax.set_xticks([])
    ax.set_ylabel("WAPE [%]")
    ax.set_xlabel(f"{len(shares)} meters, sorted")
    return fig


@canvas.style
def reliability(rows: pd.DataFrame, width: float) -> Figure:
    """How often what came true stayed below each quantile, against how often it should."""
    known = rows.dropna(subset=["actual", "q50"])
    observed = [(known["actual"] <= known[level_column(level)]).mean() for level in LEVELS]
    fig, axes = canvas.figure(width, 320)
    ax = axes[0, 0]
    ax.plot([0, 1], [0, 1], color=light("muted"), linewidth=1.2, linestyle=_DASHES)
    ax.text(0.62, 0.56, "as it should be", color=light("muted"), ha="left")
    ax.plot(LEVELS, observed, color=light("forecast"), marker="o", markersize=6)
    for level, share in zip(LEVELS, observed, strict=True):
        ax.annotate(level_column(level), (level, share), (-6, 5), ha="right", **_OFFSET)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ax.set_xlim(-0.06, 1)
    ax.set_ylim(0, 1.06)
    ax.set_xlabel("Nominal level [%]")
    ax.set_ylabel("Came true below it [%]")
    return fig


def _error_bars(ax: Axes, scores: pd.DataFrame, title: str) -> None:
    ax.bar(scores["x"], scores["mae"], width=0.74, color=light("error"))
    ax.set_title(title)
    ax.xaxis.set_major_locator(MaxNLocator(9, integer=True, steps=[1, 2, 3, 4, 6, 10]))


def _coverage_line(ax: Axes, scores: pd.DataFrame, title: str) -> None:
    ax.axhline(NOMINAL, color=light("muted"), linewidth=1.2, linestyle=_DASHES)
    ax.set_ylim(min(0.6, scores["coverage_80"].min() - 0.03), 1)  # from further off, noise looks like noise
    ax.plot(scores["x"], scores["coverage_80"], color=light("forecast"), marker="o", markersize=4)
    ax.set_title(title)
    ax.xaxis.set_major_locator(MaxNLocator(9, integer=True, steps=[1, 2, 3, 4, 6, 10]))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _same_scale(axes: np.ndarray) -> None:
    low = min(ax.get_ylim()[0] for ax in axes)
    high = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(low, high)
