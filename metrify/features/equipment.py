"""Equipment as the lake knows it: what it is, what happened to it, and how warm its places were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import MissingColumns
from metrify.lake.tables import Lake
from metrify.schema import ASSET, EVENT, WEATHER, Table

__all__ = ["CATEGORIES", "DAY", "Equipment"]

Times = NDArray[np.datetime64]

CATEGORIES = ("kind", "make", "model", "firmware")
"""Text columns of ASSET that tell kinds of equipment apart; "" where unknown."""
DAY = np.timedelta64(86_400, "s")

_WEATHER_COLUMNS = ["location", "timestamp", "kind", "available_at", "temperature_c"]


@dataclass(frozen=True)
class Equipment:
    """Three frames whose times are datetime64[s] in UTC; make it with `of` or `read`."""

    assets: pd.DataFrame
    """by asset_id: CATEGORIES, location (text), installed_on and retired_on (NaT: unknown, still there), rating_kva"""
    events: pd.DataFrame
    """sorted by timestamp: `asset` (row of `assets`), timestamp, kind, known_at (when it could be known)"""
    weather: pd.DataFrame
    """sorted by location and day: location, day, mean, maximum [degC], known_at"""
    known_until: np.datetime64
    """the last time at which an event became known, whatever its subject; NaT without events"""

    @classmethod
    def of(cls, assets: pd.DataFrame, events: pd.DataFrame, weather: pd.DataFrame | None = None) -> Equipment:
        """From rows with columns of ASSET, EVENT and WEATHER; columns that may be empty may be absent."""
        found = _whole(assets, ASSET).drop_duplicates("asset_id", keep="last").set_index("asset_id")
        texts = {name: found[name].fillna("").astype(str) for name in (*CATEGORIES, "location")}
        # a date beyond the calendar of pandas, such as 9999-12-31, is a way to say: none
        dates = {name: _seconds(found[name], errors="coerce") for name in ("installed_on", "retired_on")}
        rating = found["rating_kva"].astype(np.float32)
        clean = pd.DataFrame({**texts, **dates, "rating_kva": rating}, index=found.index)
        happened = _events(events, clean.index)
        known_until = happened["known_at"].max().to_datetime64()
        mine = happened[happened["asset"] >= 0].reset_index(drop=True)
        observed = weather if weather is not None else pd.DataFrame(columns=_WEATHER_COLUMNS)
        return cls(clean, mine, daily_temperature(observed), known_until.astype("datetime64[s]"))

    @classmethod
    def read(cls, lake: Lake) -> Equipment:
        """From the lake's ASSET, EVENT and WEATHER tables; a table that does not exist yet has no rows."""
        weather = lake.read(WEATHER, columns=_WEATHER_COLUMNS).to_pandas()
        return cls.of(lake.read(ASSET).to_pandas(), lake.read(EVENT).to_pandas(), weather)


def daily_temperature(weather: pd.DataFrame) -> pd.DataFrame:
    """Mean and maximum [degC] of each UTC day and location over its observations, however many the day has.

    A day counts from one day after it was over and its first observation was there: what comes later, or corrects
    what was there, would be hindsight.
    """
    known = weather[(weather["kind"] == "observed") & weather["temperature_c"].notna()]
    rows = pd.DataFrame(
        {
            "location": known["location"].astype(str),
            "temperature_c": known["temperature_c"].astype(np.float64),
            "timestamp": _seconds(known["timestamp"]),
            "available_at": _seconds(known["available_at"]),
        }
    )
    rows["day"] = rows["timestamp"].dt.floor("D")
    first = rows.groupby(["location", "day"])["available_at"].transform("min")
    rows["known_at"] = np.maximum(first, rows["day"] + pd.Timedelta(days=1)) + pd.Timedelta(days=1)
    rows = rows[rows["available_at"] <= rows["known_at"]].sort_values("available_at", kind="stable")
    rows = rows.drop_duplicates(["location", "timestamp"])
    days = rows.groupby(["location", "day"], as_index=False)
    return days.agg(
        mean=("temperature_c", "mean"), maximum=("temperature_c", "max"), known_at=("known_at", "first")
    ).sort_values(["location", "day"], ignore_index=True)


def _events(events: pd.DataFrame, asset_ids: pd.Index) -> pd.DataFrame:
    rows = _whole(events, EVENT)
    timestamp, available = _seconds(rows["timestamp"]), _seconds(rows["available_at"])
    return pd.DataFrame(
        {
            "asset": asset_ids.get_indexer(pd.Index(rows["subject_id"])),
            "timestamp": timestamp,
            "kind": rows["kind"].astype("category"),
            # what is announced beforehand has not happened yet
            "known_at": np.maximum(available.fillna(timestamp), timestamp),
        }
    ).sort_values(["timestamp", "asset", "kind"], ignore_index=True)


def _whole(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The rows with every column of the table. Raises MissingColumns for an absent one that must be there."""
    missing = [column.name for column in table.columns if column.required and column.name not in rows.columns]
    if missing:
        raise MissingColumns(missing, map(str, rows.columns), f"rows of {table.name}")
    return rows.reindex(columns=table.names)


def _seconds(values: pd.Series, errors: Literal["raise", "coerce"] = "raise") -> pd.Series:
    """Dates or times, with or without a zone, as datetime64[s] in UTC."""
    return pd.to_datetime(values, utc=True, errors=errors).dt.tz_localize(None).astype("datetime64[s]")
