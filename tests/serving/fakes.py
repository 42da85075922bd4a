"""Fakes at the seams of serving: scorers of every task that answer flat lines, a source that hands them out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrify.errors import BadValue, NoSuchModel, NotEnoughHistory, UnknownAsset, UnknownMeter
from metrify.schema import ANOMALY, FORECAST, LEVELS, QUALITY, RISK, level_column
from metrify.scoring.answers import SILENT
from metrify.serving.source import Served
from metrify.serving.wanted import Wanted

METERS = ("A", "B", "silent")
ASSETS = ("D", "E")
UNTIL = np.datetime64("2026-03-29T00:00:00", "s")
STEP = np.timedelta64(1800, "s")
FORECASTING = Wanted("forecasting")


@dataclass
class FakeScorer:
    """Knows meters; remembers what it was asked."""

    name: str
    lake_version: int = 7
    refreshed: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def meters(self) -> frozenset[str]:
        return frozenset(METERS)

    @property
    def until(self) -> np.datetime64:
        return UNTIL

    def refresh(self) -> bool:
        self.refreshed += 1
        return True

    def _check(self, meter_ids: list[str], history: dict[str, Any]) -> None:
        if unknown := [meter for meter in meter_ids if meter not in METERS and meter not in history]:
            raise UnknownMeter(unknown, len(METERS))


@dataclass
class FakeForecaster(FakeScorer):
    """Forecasts the level of a meter for 4 half hours; `silent` has no history; horizon 13d takes a while."""

    level: float = 0.5

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
        self._check(meter_ids, history)
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
class FakeAnomalyScorer(FakeScorer):
    """Judges 4 half hours of a meter, the last one strange; fails, or takes its time, where its orders say so."""

    score: float = 4.0
    orders: Path | None = None
    """a file that a test writes `crash` or `sleep` into"""

    def answer(
        self,
        meter_ids: list[str],
        since: np.datetime64 | None = None,
        until: np.datetime64 | None = None,
        *,
        history: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        self.asked.append({"meter_ids": meter_ids, "since": since, "until": until, "history": history})
        self._check(meter_ids, history or {})
        self._obey(self.orders.read_text() if self.orders else "")
        heard = [meter for meter in sorted(meter_ids) if meter != "silent"]
        frames = [self._rows(meter, until or UNTIL) for meter in heard]
        answer = pd.concat(frames, ignore_index=True) if frames else self._rows("", UNTIL).head(0)
        answer.attrs[SILENT] = {meter: "no readings in the period" for meter in meter_ids if meter not in heard}
        return answer

    def _obey(self, order: str) -> None:
        if order == "crash":
            raise ZeroDivisionError("secret of the inside")
        if order == "sleep":
            time.sleep(6.0)

    def _rows(self, meter: str, until: np.datetime64) -> pd.DataFrame:
        times = pd.DatetimeIndex(until - np.arange(4, 0, -1) * STEP).tz_localize("UTC")
        rows = pd.DataFrame({"timestamp": times, "score": [0.5, 0.5, np.nan, self.score]})
        rows["value"], rows["expected"], rows["threshold"] = 0.25, 0.2, 3.0
        rows["reason"] = ["", "", "no reading", "spike" if self.score >= 3 else ""]
        rows["verdict"] = rows["score"] >= rows["threshold"]
        rows["meter_id"], rows["model"] = meter, self.name
        return rows[[*ANOMALY.names, "value", "threshold"]]


@dataclass
class FakeQualityScorer(FakeScorer):
    """Finds every day whole but the last."""

    def answer(
        self,
        meter_ids: list[str],
        first: np.datetime64 | None = None,
        last: np.datetime64 | None = None,
        *,
        history: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        self.asked.append({"meter_ids": meter_ids, "first": first, "last": last, "history": history})
        self._check(meter_ids, history or {})
        end = np.datetime64("2026-03-28") if last is None else last
        days = np.arange(end if first is None else first, end + 1)
        frames = [self._rows(meter, days) for meter in sorted(meter_ids)]
        return pd.concat(frames, ignore_index=True)

    def _rows(self, meter: str, days: np.ndarray) -> pd.DataFrame:
        rows = pd.DataFrame({"local_date": days.astype(object), "score": 100.0, "estimation_risk": 0.02, "reason": ""})
        rows.loc[rows.index[-1], ["score", "reason"]] = [62.5, "gap of 6 intervals"]
        rows["meter_id"], rows["model"] = meter, self.name
        return rows[QUALITY.names]


@dataclass
class FakeRiskScorer:
    """Gives every asset the same chance; one that came with the request, twice of it."""

    name: str
    lake_version: int = 3
    until: np.datetime64 = UNTIL
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def assets(self) -> frozenset[str]:
        return frozenset(ASSETS)

    def refresh(self) -> bool:
        return False

    def answer(
        self, asset_ids: list[str], as_of: np.datetime64 | None = None, *, assets: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        self.asked.append({"asset_ids": asset_ids, "as_of": as_of, "assets": assets})
        given = set() if assets is None else set(assets["asset_id"])
        if unknown := [asset for asset in asset_ids if asset not in ASSETS and asset not in given]:
            raise UnknownAsset(unknown, len(ASSETS))
        rows = pd.DataFrame({"asset_id": sorted(asset_ids), "horizon_days": 365, "model": self.name})
        rows["probability"] = rows["asset_id"].map(lambda asset: 0.06 if asset in given else 0.03)
        rows["as_of"] = pd.Timestamp(as_of or UNTIL).tz_localize("UTC")
        return rows.assign(health=97.0, consequence=np.nan, risk=np.nan, reason="")[RISK.names]


@dataclass
class FakeSource:
    """Names and loads what a test tells it to: no champion while `name` is empty, a bug while it is `crash`."""

    name: str = "forecasting/fake:1"
    wanted: Wanted = FORECASTING
    make: Callable[[str], Any] = FakeForecaster
    loads: list[str] = field(default_factory=list)
    served: Any = None
    """the Served that was loaded last"""

    def current(self) -> str:
        if not self.name:
            raise NoSuchModel(self.wanted.task, "champion", [])
        if self.name == "crash":
            raise ZeroDivisionError
        return self.name

    def load(self) -> Served:
        self.loads.append(self.current())
        facts = {"release": None, "aliases": ["champion"], "registered": None, "metrics": {"wape": 0.42}}
        unit = "kWh" if self.wanted.task in ("forecasting", "anomaly") else None
        self.served = Served(self.current(), unit, self.make(self.current()), facts)
        return self.served


@dataclass
class PromotedSource(FakeSource):
    """Serves what a file says, so that a test can promote a model under a running graph."""

    path: str = ""

    def current(self) -> str:
        self.name = Path(self.path).read_text()
        return super().current()
