"""Figures of what was measured and forecast. Each takes a frame of the report and a width [px]."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from metrify.report import canvas
from metrify.report.frames import answers, chosen_meters, last_days, timed, with_gaps
from metrify.report.palette import light
from metrify.report.words import percent

__all__ = ["forecast_bands", "importance", "week"]

BANDS = (("q05", "q95", "90 % band", 0.16), ("q10", "q90", "80 % band", 0.33), ("q25", "q75", "50 % band", 0.52))
"""From, to, name and opacity of what is drawn around the point, the wider under the narrower."""

_ISSUED: dict[str, Any] = {"color": light("muted"), "linewidth": 1, "linestyle": (0, (2, 2))}
_MOST_FEATURES = 15


@canvas.style
def forecast_bands(
    rows: pd.DataFrame, width: float, *, quantity: str = "Energy per interval", unit: str = "kWh", days: int = 5
) -> Figure:
    """Bands and point of an easy, a typical and a hard meter over the last days, against what came true.

    `rows` as Report.forecasts; without actuals the first three meters are shown.
    """
    rows = answers(rows)
    meters = chosen_meters(rows)
    shown = last_days(rows[rows["meter_id"].astype(str).isin(meters)], days if width > canvas.NARROW else min(days, 3))
    fig, axes = canvas.figure(width, 60 + 175 * len(meters), len(meters), sharex=True)
    for ax, (meter, note) in zip(axes[:, 0], meters.items(), strict=True):
        _bands(ax, with_gaps(shown[shown["meter_id"].astype(str) == meter]))
        ax.set_title(f"{meter} ({note})" if note else meter)
        _from_zero(ax)
    zone = str(rows["zone"].iloc[0])
    canvas.clock(axes[-1, 0], shown["timestamp"].min(), shown["timestamp"].max(), zone, width)
    fig.supylabel(f"{quantity} [{unit}]", fontsize=11, color=light("muted"))
    axes[-1, 0].set_xlabel(f"Local time, {zone}")
    canvas.key(fig, _what_is_what(rows), 6 if width > canvas.NARROW else 3)
    return fig


@canvas.style
def week(rows: pd.DataFrame, width: float, *, zone: str = "UTC", unit: str = "kWh") -> Figure:
    """Load and production of one home; `rows` as Report.week."""
    rows = with_gaps(timed(rows).sort_values("timestamp"))
    times = canvas.stamps(rows["timestamp"])
    fig, axes = canvas.figure(width, 260)
    ax = axes[0, 0]
    if "generation_kwh" in rows and rows["generation_kwh"].notna().any():
        ax.fill_between(times, 0, rows["generation_kwh"], color=light("solar"), alpha=0.25, linewidth=0)
        ax.plot(times, rows["generation_kwh"], color=light("solar"), label="PV production")
    ax.plot(times, rows["kwh"], color=light("ink"), label="load")
    _from_zero(ax)
    canvas.clock(ax, rows["timestamp"].min(), rows["timestamp"].max(), zone, width)
    ax.set_ylabel(f"Energy per interval [{unit}]")
    ax.set_xlabel(f"Local time, {zone}")
    canvas.key(fig, ax.lines, 2)
    return fig


@canvas.style
def importance(rows: pd.DataFrame, width: float) -> Figure:
    """Share of each feature in the total gain; `rows` as Report.importance."""
    shares = (rows.groupby("feature", observed=True)["gain"].sum() / rows["gain"].sum()).sort_values(ascending=False)
    shares = shares.head(_MOST_FEATURES)[::-1]
    fig, axes = canvas.figure(width, 46 + 22 * len(shares))
    ax = axes[0, 0]
    bars = ax.barh([str(name) for name in shares.index], shares, height=0.66, color=light("forecast"))
    ax.bar_label(bars, [percent(share) for share in shares], padding=4, color=light("muted"))
    ax.grid(visible=False)
    ax.tick_params(axis="y", length=0, labelcolor=light("ink"))
    ax.spines["bottom"].set_visible(False)
    ax.set_xticks([])
    ax.set_xlim(0, shares.max() * 1.18)
    ax.margins(y=0.02)
    ax.set_title("Share of the total gain [%]", color=light("muted"), fontsize=11)
    return fig


def _bands(ax: Axes, rows: pd.DataFrame) -> None:
    times = canvas.stamps(rows["timestamp"])
    below = 0.0
    for low, high, _, opacity in _bands_of(rows):
        added = (opacity - below) / (1 - below)  # what is under it shines through
        ax.fill_between(times, rows[low], rows[high], color=light("forecast"), alpha=added, linewidth=0)
        below = opacity
    ax.plot(times, rows["q50"], color=light("forecast"))
    ax.plot(times, rows["actual"], color=light("ink"), linewidth=1.3)
    issued = rows["issue_time"].dropna().drop_duplicates()
    for place in canvas.stamps(issued[issued >= rows["timestamp"].min()]):
        ax.axvline(place, **_ISSUED)


def _bands_of(rows: pd.DataFrame) -> list[tuple[str, str, str, float]]:
    return [band for band in BANDS if band[0] in rows and band[1] in rows]


def _what_is_what(rows: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = [
        Patch(color=light("forecast"), alpha=a, linewidth=0, label=name) for *_, name, a in _bands_of(rows)
    ]
    handles.append(Line2D([], [], color=light("forecast"), label="median (q50)"))
    if rows["actual"].notna().any():
        handles.append(Line2D([], [], color=light("ink"), linewidth=1.3, label="came true"))
    return [*handles, Line2D([], [], **_ISSUED, label="issued")]


def _from_zero(ax: Axes) -> None:
    """Start the axis at zero, unless something is below it."""
    if ax.dataLim.y0 >= 0:
        ax.set_ylim(bottom=0)
