"""The frames of a report made ready to draw: one clock, one answer per interval, gaps that show as gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.localtime import local_times
from metrify.metrics.forecasts import wape
from metrify.report.words import percent

__all__ = ["answers", "chosen_meters", "last_days", "meter_wapes", "timed", "with_gaps"]

_RANKS = {0.1: "easy", 0.5: "typical", 0.9: "hard"}


def answers(rows: pd.DataFrame) -> pd.DataFrame:
    """Forecast rows in order, times in UTC, with `lead_minutes`, local `hour` and `actual`, empty where none came."""
    if rows.empty:
        return rows
    rows = timed(rows)
    rows["issue_time"] = pd.to_datetime(rows["issue_time"], utc=True)
    hours = pd.Series(0, index=rows.index)
    for zone, group in rows.groupby("zone", observed=True):
        times = group["timestamp"].dt.tz_localize(None).to_numpy()
        hours.loc[group.index] = local_times(times, str(zone)).minute // 60
    lead = (rows["timestamp"] - rows["issue_time"]) / pd.Timedelta(minutes=1)
    rows = rows.assign(hour=hours, lead_minutes=lead.astype(int), actual=rows.get("actual", np.nan))
    return rows.sort_values(["meter_id", "timestamp", "issue_time"], ignore_index=True)


def timed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with `timestamp` in UTC, numbered anew."""
    return rows.assign(timestamp=pd.to_datetime(rows["timestamp"], utc=True)).reset_index(drop=True)


def chosen_meters(rows: pd.DataFrame) -> dict[str, str]:
    """Up to three meters to show and why: those at a tenth, half and nine tenths of all when sorted by WAPE."""
    shares = meter_wapes(rows)
    if shares.empty:
        return dict.fromkeys(rows["meter_id"].astype(str).unique()[:3], "")
    places = {round(share * (len(shares) - 1)): name for share, name in reversed(_RANKS.items())}
    return {shares.index[place]: f"{places[place]}, WAPE {percent(shares.iloc[place], 0)}" for place in sorted(places)}


def meter_wapes(rows: pd.DataFrame) -> pd.Series:
    """WAPE by meter, the least first; meters of which nothing came true are left out."""
    shares = {
        str(meter): wape(group["actual"], group["q50"])
        for meter, group in rows.groupby("meter_id", observed=True)[["actual", "q50"]]
    }
    return pd.Series(shares, dtype=float).dropna().sort_values()


def last_days(rows: pd.DataFrame, days: int) -> pd.DataFrame:
    """The last whole days of the rows by the clock of their zone, the freshest answer for each interval."""
    zone = str(rows["zone"].iloc[0])
    last = rows["timestamp"].max().tz_convert(zone).normalize()
    recent = rows.loc[rows["timestamp"] >= last - pd.DateOffset(days=days - 1)]
    return recent.drop_duplicates(["meter_id", "timestamp"], keep="last")


def with_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one meter with an empty row in each gap, so that no line is drawn across it."""
    if len(rows) <= 1:
        return rows
    distances = rows["timestamp"].diff()
    step = distances.median()
    before = rows.loc[distances > 1.5 * step, "timestamp"] - step
    if before.empty:
        return rows
    return pd.concat([rows, pd.DataFrame({"timestamp": before})]).sort_values("timestamp", ignore_index=True)
