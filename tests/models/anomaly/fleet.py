"""A small fleet with known faults, as reading frames."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from metrify.features.reading import reading_frame
from metrify.features.sources import Validated
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.sample.faults import FaultPlan, inject
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules import validate

START = np.datetime64("2013-03-01", "s")
CUT = START + np.timedelta64(80, "D")
DAYS = 140


def panel(meters: int = 30, seed: int = 5) -> Panel:
    """Households: an evening peak, weekends, bursts; each of its own size."""
    random = np.random.default_rng(seed)
    hours = np.arange(DAYS * 24)
    shape = 0.15 + 0.7 * np.exp(-((hours % 24 - 19) ** 2) / 8) + 0.15 * (hours // 24 % 7 >= 5)
    values = shape * random.gamma(3.0, 1 / 3, (meters, len(hours))) * random.lognormal(0, 0.5, (meters, 1))
    # rounded as meters do, so that a value happens to be repeated
    return Panel(np.array([f"m{k:02d}" for k in range(meters)]), START, 60, values.round(2).astype(np.float32))


def frame(of: Panel) -> pd.DataFrame:
    evidence = Evidence(of, np.zeros(len(of.meter_ids), bool))
    flags = [validate(evidence, VeeSettings(), hindsight=hindsight) for hindsight in (False, True)]
    found = Validated(of, *flags, Calendar("Europe/London"), pd.DataFrame(index=of.meter_ids), None)
    return reading_frame(found, residual=True)


@lru_cache(maxsize=1)
def ordinary() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to learn from, and later ones."""
    rows = frame(panel())
    return rows[rows["timestamp"] < CUT], rows[rows["timestamp"] >= CUT]


@lru_cache(maxsize=8)
def faulty(*kinds: str) -> pd.DataFrame:
    """Later rows of other meters into which such faults were put; `target` says whether a row has one."""
    clean = panel(meters=15, seed=6)
    late = clean.between(CUT, clean.end)
    injected = inject(late, FaultPlan(kinds=kinds, events_per_meter=1.0), seed=1, zone="Europe/London")
    values = clean.values.copy()
    values[:, -late.values.shape[1] :] = injected.panel.values
    rows = frame(clean.replace(values))
    rows = rows[rows["timestamp"] >= CUT]
    labels = injected.labels()[injected.panel.mask]
    return rows.assign(target=(labels >= 0).astype(np.float32))
