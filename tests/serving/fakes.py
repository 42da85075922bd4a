"""Fakes at the seams of serving: a forecaster that answers flat lines, a source that hands it out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrify.errors import BadValue, NoSuchModel, NotEnoughHistory, UnknownMeter
from metrify.schema import FORECAST, LEVELS, level_column
from metrify.serving.source import Served

METERS = ("A", "B", "silent")
UNTIL = np.datetime64("2026-03-29T00:00:00", "s")
STEP = np.timedelta64(1800, "s")


class FakeForecaster:
    """Forecasts the level of a meter for 4 half hours; `silent` has no history; horizon 13d takes a while."""

    def __init__(self, name: str, level: float = 0.5):
        self.name, self.level = name, level
        self.lake_version = 7
        self.refreshed = 0

    @property
    def meters(self) -> frozenset[str]:
        return frozenset(METERS)

    @property
    def until(self) -> np.datetime64:
        return UNTIL

    def refresh(self) -> bool:
        self.refreshed += 1
        return True

    def answer(
        self,
        meter_ids: list[str],
        issue_time: np.datetime64 | None = None,
        horizon: str | None = None,
        *,
        history: dict[str, Any] | None = None,
        allow_fallback: bool = True,
    ) -> pd.DataFrame:
        history = history or {}
        if unknown := [meter for meter in meter_ids if meter not in METERS and meter not in history]:
            raise UnknownMeter(unknown, len(METERS))
        if "silent" in meter_ids and not allow_fallback:
            raise NotEnoughHistory("silent", "3 readings", "at least two days of readings", "forecasting/seasonal")
        if horizon == "7min":
            raise BadValue("horizon", "a multiple of 30 minutes", horizon)
        if horizon == "13d":
            time.sleep(1.5)
        if horizon == "12d":
            raise ZeroDivisionError("secret of the inside")
        frames = [self._rows(meter, history.get(meter), issue_time or UNTIL) for meter in sorted(meter_ids)]
        return pd.concat(frames, ignore_index=True)

    def _rows(self, meter: str, history: Any, issue: np.datetime64) -> pd.DataFrame:
        known = [value for value in history.values if value is not None] if history else [self.level]
        times = pd.DatetimeIndex(issue + np.arange(4) * STEP).tz_localize("UTC")
        level = float(np.mean(known))
        rows = pd.DataFrame({"timestamp": times, "lead_minutes": np.arange(4) * 30, "mean": level})
        for quantile in LEVELS:
            rows[level_column(quantile)] = level * (0.5 + quantile)
        rows["reason"] = "forecasting/seasonal: 3 readings" if meter == "silent" else ""
        rows["meter_id"], rows["model"] = meter, self.name
        rows["issue_time"] = pd.Timestamp(issue).tz_localize("UTC")
        return rows[FORECAST.names]


@dataclass
class FakeSource:
    """Names and loads what a test tells it to: no champion while `wanted` is empty, a bug while it is `crash`."""

    wanted: str = "forecasting/fake:1"
    loads: list[str] = field(default_factory=list)
    served: Served | None = None

    def current(self) -> str:
        if not self.wanted:
            raise NoSuchModel("forecasting", "champion", [])
        if self.wanted == "crash":
            raise ZeroDivisionError
        return self.wanted

    def load(self) -> Served:
        self.loads.append(self.current())
        facts = {"release": None, "aliases": ["champion"], "registered": None, "metrics": {"wape": 0.42}}
        self.served = Served(self.current(), "kWh", FakeForecaster(self.current()), facts)
        return self.served


@dataclass
class PromotedSource(FakeSource):
    """Serves what a file says, so that a test can promote a model under a running graph."""

    path: str = ""

    def current(self) -> str:
        self.wanted = Path(self.path).read_text()
        return super().current()
