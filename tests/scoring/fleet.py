"""A small fleet in a lake, and small models of every task that remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.lake.tables import Lake
from metrify.models.base import Batch, Model, Needs
from metrify.schema import ANOMALY, ASSET, EVENT, QUALITY, READING, RISK, TIME, Table

START = np.datetime64("2020-01-01", "s")
HOUR = np.timedelta64(3600, "s")
DAY = 24 * HOUR
DAYS = 80
END = START + DAYS * DAY


def stamps(times: np.ndarray) -> pa.Array:
    return pa.array(times.astype("datetime64[us]")).cast(TIME)


def readings(
    meter: str, first: np.datetime64, kwh: np.ndarray, *, version: int = 0, delay: np.timedelta64 = HOUR
) -> pa.Table:
    """Hourly READING rows from `first` on, each available `delay` after its begin."""
    times = first + np.arange(len(kwh)) * HOUR
    return pa.table(
        {
            "meter_id": [meter] * len(kwh),
            "timestamp": stamps(times),
            "kwh": kwh,
            "available_at": stamps(times + delay),
            "version": np.full(len(kwh), version, np.int32),
        }
    )


def load(hours: int, seed: int) -> np.ndarray:
    """Hourly kWh of a home, with a daily shape and noise."""
    shape = 0.5 + 0.4 * np.sin(2 * np.pi * np.arange(hours) / 24)
    return shape * np.random.default_rng(seed).gamma(9, 1 / 9, hours)


def fill(lake: Lake) -> None:
    """Two ordinary meters, one that began two days ago, one silent for months; `two` has a spike in its last hours."""
    two = load(DAYS * 24, 2)
    two[-5] = 9.0
    lake.upsert(READING, readings("one", START, load(DAYS * 24, 1)))
    lake.upsert(READING, readings("two", START, two))
    lake.upsert(READING, readings("new", END - 2 * DAY, load(48, 3)))
    lake.upsert(READING, readings("silent", START - 200 * DAY, load(24, 4)))


def equip(lake: Lake) -> None:
    """Three devices: an old one, one that failed, one that will be installed next year."""
    dates = [np.datetime64(day, "D").astype(object) for day in ("2015-01-01", "2016-01-01", "2021-01-01")]
    assets = {"asset_id": ["old", "broken", "planned"], "kind": ["meter"] * 3, "make": ["Acme", "Acme", "Bolt"]}
    lake.upsert(ASSET, pa.table({**assets, "installed_on": pa.array(dates, pa.date32())}))
    happened = np.array(["2019-03-01", "2019-06-01"], "datetime64[s]")
    events = {"subject_id": ["old", "broken"], "timestamp": stamps(happened), "kind": ["tamper", "failure"]}
    lake.upsert(EVENT, pa.table(events))


@dataclass
class _Simple(Model):
    """Learns nothing."""

    asked: list[pd.DataFrame] = field(init=False, repr=False, compare=False, default_factory=list)

    def fit(self, train: Batch, valid=None, *, report=None, resume=None) -> Self:
        return self

    def predict(self, batch: Batch) -> pd.DataFrame:
        self.asked.append(batch.rows)
        return self.judge(batch.rows)

    def save_state(self, folder: Path) -> None:
        pass

    def load_state(self, folder: Path) -> None:
        pass

    judge: ClassVar[Callable[[pd.DataFrame], pd.DataFrame]]


@dataclass
class Strange(_Simple):
    """Finds a reading stranger the higher it is; its own verdict is from 2 kWh on."""

    family: ClassVar[str] = "anomaly/strange"
    produces: ClassVar[Table] = ANOMALY
    needs: ClassVar[Needs] = Needs("reading", lookback_days=36)

    @staticmethod
    def judge(rows: pd.DataFrame) -> pd.DataFrame:
        value = rows["value"].astype(float)
        keys = rows[["meter_id", "timestamp"]]
        told = np.where(value >= 2, "more than 2 kWh", "")
        return keys.assign(score=value, verdict=value >= 2, expected=rows["usual"].astype(float), reason=told)

    def reasons(self, rows: pd.DataFrame) -> list[str]:
        return [f"{value:.1f} kWh" for value in rows["value"]]


@dataclass
class Clean(_Simple):
    """The score is the share of valid intervals."""

    family: ClassVar[str] = "quality/clean"
    produces: ClassVar[Table] = QUALITY
    needs: ClassVar[Needs] = Needs("day", lookback_days=28)

    @staticmethod
    def judge(rows: pd.DataFrame) -> pd.DataFrame:
        share = rows["valid_share"].astype(float)
        reason = np.where(share < 1, "something is wrong", "")
        return rows[["meter_id", "local_date"]].assign(score=100 * share, estimation_risk=1 - share, reason=reason)


@dataclass
class Aging(_Simple):
    """A device of a hundred years has failed for certain."""

    family: ClassVar[str] = "maintenance/aging"
    produces: ClassVar[Table] = RISK
    needs: ClassVar[Needs] = Needs("asset")

    @staticmethod
    def judge(rows: pd.DataFrame) -> pd.DataFrame:
        serving = rows["standing"] == ""
        chance = (rows["age_years"] / 100).where(serving)
        keys = rows[["asset_id", "as_of", "horizon_days"]]
        return keys.assign(probability=chance, health=np.nan, consequence=np.nan, risk=np.nan, reason=rows["standing"])
