"""From an empty figure to SVG that lives in a page: text stays text, colours become CSS variables."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib import dates
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from metrify.report.palette import PALETTE, light

__all__ = ["NARROW", "WIDE", "clock", "figure", "key", "save_png", "stamps", "style", "svg"]

WIDE, NARROW = 920, 340
"""Widths that figures are drawn for [px]: a laptop, a phone."""

_INCH = 72  # px of the SVG
_TICK = 78  # room that the name of a day takes [px]
_TWO_DAYS, _HALF_A_DAY, _HOUR = (pd.Timedelta(hours=hours) for hours in (48, 12, 1))

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": light("rule"),
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": light("muted"),
    "axes.labelsize": 11,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": light("ink"),
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.titlesize": 12,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "grid.color": light("rule"),
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.labelcolor": light("ink"),
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",  # text stays text: it can be read aloud, found and copied
    "svg.hashsalt": "metrify",
    "text.color": light("ink"),
    "text.parse_math": False,  # a meter may be called $1
    "xtick.color": light("rule"),
    "xtick.labelcolor": light("muted"),
    "ytick.color": light("rule"),
    "ytick.labelcolor": light("muted"),
    "ytick.left": False,
}

style = mpl.rc_context(_STYLE)
"""Decorates whatever draws, so that no setting of the process is changed for good."""


@style
def figure(width: float, height: float, rows: int = 1, columns: int = 1, **share: Any) -> tuple[Figure, NDArray]:
    """An empty figure of that size [px] and its axes, shape [rows, columns]."""
    room = ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.05)
    made = Figure(figsize=(width / _INCH, height / _INCH), layout=room)
    axes = made.subplots(rows, columns, squeeze=False, **share)
    for ax in axes.flat:
        ax.margins(x=0.01)
        ax.tick_params(length=3)
    return made, axes


@style
def key(fig: Figure, handles: list[Artist], columns: int) -> None:
    """What is what, above the figure, from the labels of the handles."""
    fig.legend(handles=handles, loc="outside upper left", ncols=columns, handlelength=1.4, columnspacing=1.4)


@style
def clock(ax: Axes, first: Any, until: Any, zone: str, width: float) -> None:
    """A time axis by the clock of `zone`: days named from their midnight on, hours where the time is short."""
    until = max(until, first + _HOUR)
    hours = pd.date_range(first.floor("h"), until, freq="h").tz_convert(zone)
    days = until - first > _TWO_DAYS
    ticks = hours[(hours.hour == 0) & (hours <= until - _HALF_A_DAY)] if days else hours[hours.hour % 6 == 0]
    every = max(1, math.ceil(len(ticks) * _TICK / width))
    texts = [f"{tick:%a} {tick.day} {tick:%b}" if tick.hour == 0 else f"{tick:%H:%M}" for tick in ticks]
    ax.set_xticks(stamps(ticks)[::every], texts[::every], ha="left" if days else "center")
    ax.set_xlim(*stamps(pd.DatetimeIndex([first, until])))


def stamps(times: pd.Series | pd.DatetimeIndex) -> NDArray[np.float64]:
    """Places of UTC times on a time axis."""
    return dates.date2num(pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None).to_numpy())


@style
def svg(fig: Figure, name: str, alt: str) -> Markup:
    """The figure as an SVG element; `name` is unique in the page and starts the ids within, `alt` is read aloud."""
    drawn = io.StringIO()
    fig.savefig(drawn, format="svg", transparent=True)
    _, _, inside = drawn.getvalue().partition("<svg ")
    head, _, body = inside.removesuffix("</svg>\n").partition(">")
    box = head.partition('viewBox="')[2].partition('"')[0]
    body = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</defs>", "", body, count=2, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'(<path id="|<clipPath id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", body).replace("xlink:", "")
    body = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), body)
    body = re.sub(r"; font-family: [^;\"]*", "", body)
    body = re.sub(r"(fill|stroke): (#[0-9a-f]{6})", lambda paint: f"{paint[1]}: var(--{_ROLES[paint[2]]})", body)
    return Markup(f'<svg viewBox="{box}" role="img" aria-label="{escape(alt)}">{body}</svg>')


@style
def save_png(fig: Figure, path: Path, *, dpi: float = 2 * _INCH) -> Path:
    """Write the figure as a PNG in the colours for light ground."""
    FigureCanvasAgg(fig).print_figure(path, format="png", dpi=dpi, facecolor=light("card"))
    return path


_ROLES = {colours[0]: role for role, colours in PALETTE.items()}
