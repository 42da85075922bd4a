"""Evidence for the tests of the rules: readings of seeded meters, and everything else that may be known of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules import flagged, validate

SETTINGS = VeeSettings()
LONDON = Calendar("Europe/London", "GB", "ENG")
START = np.datetime64("2020-01-01", "s")


def a_panel(values: np.ndarray, step: int = 60, start: np.datetime64 = START) -> Panel:
    ids = np.array([f"M{m}" for m in range(len(values))])
    return Panel(ids, start, step, values.astype(np.float32))


def ordinary(intervals: int = 24 * 30, meters: int = 1, seed: int = 5) -> np.ndarray:
    """Readings of which no two are alike, and none is zero."""
    return np.random.default_rng(seed).gamma(2.0, 0.2, (meters, intervals)) + 0.01


def home(days: int, seed: int = 5, step: int = 60) -> np.ndarray:
    """A meter with a morning and an evening, [1, T]."""
    hour = np.arange(days * 1440 // step) * step / 60 % 24
    usual = 0.2 + np.exp(-((hour - 7.5) ** 2) / 2) + 2 * np.exp(-((hour - 19) ** 2) / 5)
    return (usual * np.random.default_rng(seed).gamma(4.0, 0.25, len(hour)))[None]


def evidence(panel: Panel, *, exports: bool = False, **known: Any) -> Evidence:
    return Evidence(panel, np.full(len(panel.meter_ids), exports), **known)


def places(
    values: np.ndarray, rule: str, step: int = 60, settings: VeeSettings = SETTINGS, *, hindsight: bool = True, **known
) -> list[int]:
    """The intervals of the first meter that a rule flags."""
    flags = validate(evidence(a_panel(values, step), **known), settings, hindsight=hindsight, only={rule})
    return np.flatnonzero(flagged(flags, rule)[0]).tolist()


def cut(whole: Evidence, rows: Any = slice(None), until: int | None = None) -> Evidence:
    """The same evidence of some meters, or of the first intervals."""

    def of(value: Any) -> Any:
        if isinstance(value, Panel):
            return Panel(value.meter_ids[rows], value.start, value.step_minutes, value.values[rows, :until])
        return value if value is None else value[rows, :until] if value.ndim == 2 else value[rows]

    names = ("panel", "signed", "repeated", "available", "off_grid", "unreadable", "outage", "exchanged")
    parts = {name: of(getattr(whole, name)) for name in (*names, "generation", "pv_kw")}
    return replace(whole, **parts, channels={name: of(panel) for name, panel in whole.channels.items()})
