"""Validated readings for tests of meter-days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.features.dayrecord import DEFECTS
from metrify.features.sources import Validated
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules import validate

__all__ = ["judged"]


def judged(
    values: np.ndarray,
    start: str = "2023-01-01",
    *,
    step: int = 60,
    zone: str = "UTC",
    available: np.ndarray | None = None,
    repeated: np.ndarray | None = None,
) -> Validated:
    """Readings [M, T] from `start` [UTC] on, with what the rules say of them; no meter may be below zero."""
    ids = np.array([f"M{m:03}" for m in range(len(values))])
    panel = Panel(ids, np.datetime64(start, "s"), step, values.astype(np.float32))
    calendar = Calendar(zone, "GB", "ENG")
    evidence = Evidence(panel, np.zeros(len(ids), bool), repeated, calendar)
    at_once, later = (validate(evidence, VeeSettings(), hindsight=late, only=DEFECTS) for late in (False, True))
    meters = pd.DataFrame({"pv_kw": None}, index=ids)
    return Validated(panel, at_once, later, calendar, meters, available, repeated)
