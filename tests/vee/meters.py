"""Meters whose readings say where they come from, and evidence about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from metrify.localtime import Calendar, local_times
from metrify.panel import Panel
from metrify.vee.evidence import Evidence, Found

__all__ = ["LONDON", "evidence_of", "hours_of", "panel_of", "telling"]

LONDON = Calendar("Europe/London", "GB", "ENG")


def panel_of(values: np.ndarray, start: str = "2013-06-03", step: int = 60) -> Panel:
    """By default from a Monday on."""
    ids = np.array([f"M{m}" for m in range(len(values))])
    return Panel(ids, np.datetime64(start, "s"), step, values.astype(np.float32))


def telling(days: int = 60, start: str = "2013-06-03", calendar: Calendar = LONDON, step: int = 60) -> Panel:
    """One meter that reads 100 times the local day, counted from 1, plus the local slot."""
    panel = panel_of(np.zeros((1, days * 1440 // step)), start, step)
    clock = local_times(panel.times, calendar.zone)
    values = (clock.day - clock.day[0] + 1) * 100 + clock.minute // step
    return panel.replace(values[None].astype(np.float32))


def hours_of(panel: Panel, first: str, until: str, row: int = 0) -> Found:
    """The intervals of one meter from one time [UTC] up to another."""
    found = np.zeros(panel.values.shape, bool)
    found[row, panel.index(np.datetime64(first)) : panel.index(np.datetime64(until))] = True
    return found


def evidence_of(panel: Panel, **known: Any) -> Evidence:
    """Evidence on meters that take energy only, in London, unless it is said otherwise."""
    return Evidence(panel, **{"signed": np.zeros(len(panel.meter_ids), bool), "calendar": LONDON, **known})
