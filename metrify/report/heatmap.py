"""The heat map of meter x day: one small picture, with names and months around it that any screen can lay out."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.report.grades import GradeMatrix
from metrify.report.palette import PALETTE
from metrify.report.words import count, percent
from metrify.vee.grades.points import GRADES

__all__ = ["NAMED", "HeatMap", "Tick", "heat_map", "ticks"]

_MOST_METERS, _MOST_CELLS = 2_000, 750_000
NAMED = 60
"""As many meters have room for their names."""
_TALLEST, _ROW, _COLUMN = 960, 17, 26  # px
_CRISP, _DOUBLE = 200, 500
"""So many days are never scaled down; up to so many are drawn twice as wide, to stay sharp when scaled up."""
_LINED = 62
"""Up to so many days are told apart by lines."""
_WIDE, _NARROW = 0.062, 0.16
"""Room that the name of a tick takes, as a share of the picture on a laptop and on a phone."""
_MONTHS = 62
"""From so many days on ticks are months, before it weeks."""


@dataclass(frozen=True)
class Tick:
    """A mark beside the picture: a date under it, a place at its left."""

    at: float
    """share of the width or height"""
    text: str
    minor: bool
    """left out where the screen is narrow"""


@dataclass(frozen=True)
class HeatMap:
    """What the template draws: the same picture in the colours for light and for dark ground."""

    light: str
    dark: str
    """PNG as a data address"""
    names: list[str]
    """of the meters from the top; empty where there is no room"""
    ranks: list[Tick]
    """places from the top, where there is no room for names"""
    ticks: list[Tick]
    meters: int
    days: int
    height: int
    """px"""
    widest: int
    """px"""
    style: str
    """classes: smooth where cells are smaller than pixels, rows and columns where lines tell them apart"""
    caption: str


def heat_map(found: GradeMatrix, most: int = _MOST_METERS) -> HeatMap:
    """The worst meters from the top, local days from the left; as many meters as a page of two megabytes bears."""
    shown = min(len(found.meters), most, max(_MOST_CELLS // max(found.days, 1), 1))
    named = shown <= NAMED
    height = shown * _ROW if named else shown * (_TALLEST // shown) if shown <= _TALLEST else max(_TALLEST, shown // 2)
    smooth = found.days > _CRISP or shown > _TALLEST
    levels = _enlarged(found.levels[:shown], max(height // shown, 1)) if smooth else found.levels[:shown]
    styles = {"smooth": smooth, "rows": named, "columns": found.days <= _LINED}
    return HeatMap(
        *_pngs(levels),
        [str(name) for name in found.meters[:shown]] if named else [],
        [] if named else _ranks(shown),
        ticks(found.first, found.days),
        shown,
        found.days,
        height,
        max(found.days * _COLUMN, 120),
        " ".join(name for name, holds in styles.items() if holds),
        _caption(found, shown),
    )


def grade_colours(ground: int) -> list[str]:
    """Colours of A to F on light (0) or dark (1) ground."""
    return [PALETTE[f"grade-{grade.lower()}"][ground] for grade in GRADES]


def ticks(first: np.datetime64, days: int) -> list[Tick]:
    """Months, or Mondays where the days are few, as far apart as their names need."""
    dates = first + np.arange(days)
    if days > _MONTHS:
        firsts = dates.astype("datetime64[M]")
        places = np.flatnonzero(dates == firsts.astype("datetime64[D]"))
    else:
        places = np.flatnonzero((dates.astype(int) - 4) % 7 == 0) if days > 7 else np.arange(days)
    at = places / days
    texts = [_name(dates[place], months=days > _MONTHS) for place in places]
    wide, narrow = _apart(at, _WIDE), _apart(at, _NARROW)
    return [Tick(float(at[k]), texts[k], bool(not narrow[k])) for k in range(len(at)) if wide[k]]


def _enlarged(levels: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    """Each cell as tall as it is shown, so that smoothing leaves it sharp."""
    return levels.repeat(rows, axis=0).repeat(2 if levels.shape[1] <= _DOUBLE else 1, axis=1)


def _ranks(shown: int) -> list[Tick]:
    """1 and some round numbers after it."""
    step = next(size for size in (20, 50, 100, 200, 500) if shown / size <= 8)
    places = [1, *range(step, shown + 1, step)]
    return [Tick((place - 1) / shown, count(place), minor=False) for place in places]


def _name(date: np.datetime64, *, months: bool) -> str:
    day = date.astype("datetime64[D]").item()
    if not months:
        return f"{day.day} {day:%b}"
    return f"{day:%Y}" if day.month == 1 else f"{day:%b}"


def _apart(at: NDArray[np.float64], room: float) -> NDArray[np.bool_]:
    """Every k-th tick, so that none comes closer than `room`; none so near to the end that it would stick out."""
    near = np.diff(at).min() if len(at) > 1 else 1.0
    every = max(1, int(np.ceil(room / near)))
    return (np.arange(len(at)) % every == 0) & ((at < 1 - room) | (len(at) == 1))


def _pngs(levels: NDArray[np.uint8]) -> tuple[str, str]:
    """The picture on light and on dark ground, one pixel a cell: the same bytes but for the colours of the grades.

    Written by hand (PNG, RFC 2083), because compressing takes most of the time and is done once.
    """
    height, width = levels.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = levels
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
    clear, cells = _chunk(b"tRNS", b"\0"), _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6))
    whole = []
    for ground in (0, 1):
        colours = bytes.fromhex("000000" + "".join(grade_colours(ground)).replace("#", ""))
        parts = (b"\x89PNG\r\n\x1a\n", head, _chunk(b"PLTE", colours), clear, cells, _chunk(b"IEND", b""))
        whole.append(f"data:image/png;base64,{base64.b64encode(b''.join(parts)).decode()}")
    return whole[0], whole[1]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _caption(found: GradeMatrix, shown: int) -> str:
    best = percent(found.shares[0])
    bad = percent(found.shares[3:].sum())
    every = len(found.meters)
    who = f"the worst {count(shown)} of {count(every)} meters" if shown < every else _meters(every)
    what = f"Grades of {who} {found.dates}, the worst meter on top. "
    return f"{what}Of {found.meter_days} of all meters {best} are graded A, {bad} D to F."


def _meters(number: int) -> str:
    return f"{count(number)} meter{'s' * (number != 1)}"
