"""Small fleets for the contract suite: rows of every frame that a family may need, with what is odd in them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.features.asset import Equipment, as_of_grid, asset_frame
from metrify.features.day import day_frame
from metrify.features.frame import Sources, forecast_frame
from metrify.features.gap import gap_frame
from metrify.features.reading import reading_frame
from metrify.features.rows import issue_times
from metrify.features.sources import Surroundings, Validated, validated
from metrify.localtime import Calendar
from metrify.models.base import Batch
from metrify.panel import Panel
from metrify.sample.gaps import cut
from metrify.schema import METER
from metrify.schema.table import TIME
from metrify.settings import Settings

__all__ = ["batches", "feature_rows"]

DAYS = 60
FORECAST_CUT = np.datetime64("2013-04-20", "s")
METERED_DAYS = 100
METERED_CUT = np.datetime64("2013-05-25", "s")
HORIZON = 180
ASSET_CUT = np.datetime64("2019-01-01", "s")


@lru_cache(maxsize=8)
def batches(frame: str) -> tuple[Batch, Batch]:
    """What teaches a family of this frame, and what it is asked afterwards."""
    return {"forecast": _forecast, "reading": _reading, "day": _day, "asset": _asset, "gap": _gap}[frame]()


@lru_cache(maxsize=1)
def feature_rows() -> pd.DataFrame:
    """Three meters x 60 days: an ordinary one, one that exports more than it takes, one with gaps; and short ones."""
    random = np.random.default_rng(3)
    hours = np.arange(DAYS * 24)
    shape = 0.4 + 0.3 * np.sin(2 * np.pi * (hours % 24 - 12) / 24) ** 2 + 0.1 * (hours // 24 % 7 >= 5)
    values = (shape * random.gamma(8.0, 1 / 8, (5, len(hours)))).astype(np.float32)
    values[1] -= 0.8  # exports
    values[2, random.random(len(hours)) < 0.3] = np.nan
    values[3, :-3] = np.nan  # three readings
    values[4] = np.nan  # none
    ids = np.array(["ordinary", "exporter", "gappy", "three readings", "silent"])
    panel = Panel(ids, np.datetime64("2013-03-01", "s"), 60, values)
    meters = pd.DataFrame({"pv_kw": [None, 5.0, None, None, None], "location": ""}, index=ids)
    sources = Sources(panel, panel, Calendar("Europe/London", "GB", "ENG"), meters)
    # the last issue is the end of the data, so that even the three readings are in its past
    issues = issue_times(panel.start, panel.end + np.timedelta64(1, "h"), "00:00", "UTC")
    rows = forecast_frame(sources, issues, "1d").table().to_pandas()
    for column in ("issue_time", "timestamp"):
        rows[column] = rows[column].dt.tz_localize(None).astype("datetime64[s]")
    return rows.sort_values(["issue_time", "timestamp", "meter_id"], ignore_index=True)


def _forecast() -> tuple[Batch, Batch]:
    rows = feature_rows()
    early = rows[(rows["timestamp"] < FORECAST_CUT) & rows["target"].notna()]
    return Batch(early), Batch(rows[rows["issue_time"] >= FORECAST_CUT])


@lru_cache(maxsize=1)
def _metered() -> Validated:
    """Hourly readings: two ordinary meters, one with gaps, one that is prone to sticking, one of three readings."""
    random = np.random.default_rng(4)
    hours = np.arange(METERED_DAYS * 24)
    shape = 0.4 + 0.3 * np.sin(2 * np.pi * (hours % 24 - 12) / 24) ** 2 + 0.1 * (hours // 24 % 7 >= 5)
    values = shape * random.gamma(8.0, 1 / 8, (5, len(hours)))
    values[2, random.random(len(hours)) < 0.05] = np.nan
    for day in np.flatnonzero(random.random(METERED_DAYS) < 0.3):
        values[3, day * 24 + 4 : day * 24 + 14] = 0.7
    values[4, :-3] = np.nan
    names = np.array(["ordinary", "other", "gappy", "sticky", "three readings"])
    start = np.datetime64("2013-03-01", "s")
    meters, places = np.nonzero(np.isfinite(values))
    times = (start + places * np.timedelta64(3600, "s")).astype("datetime64[us]")
    columns = {
        "meter_id": pa.array(names[meters]),
        "timestamp": pa.array(times).cast(TIME),
        "kwh": pa.array(values[meters, places]),
        "available_at": pa.array(times + np.timedelta64(3600, "s")).cast(TIME),
    }
    held = pd.DataFrame({"meter_id": names, "zone": "Europe/London", "country": "GB"})
    surroundings = Surroundings(held.reindex(columns=METER.names))
    (found,) = validated(pa.table(columns), surroundings, Settings(), step_minutes=60)
    return found


def _reading() -> tuple[Batch, Batch]:
    rows = reading_frame(_metered(), residual=True).reset_index(drop=True)
    early = rows["timestamp"] < METERED_CUT
    return Batch(rows[early]), Batch(rows[~early])


def _day() -> tuple[Batch, Batch]:
    rows = day_frame(_metered(), 24.0).reset_index(drop=True)
    early = (rows["local_date"] < METERED_CUT) & rows["target"].notna()
    return Batch(rows[early]), Batch(rows[rows["local_date"] >= METERED_CUT])


def _gap() -> tuple[Batch, Batch]:
    """Gaps cut out of the hourly meters before and after the day; one exports, one is all zero, one has no readings."""
    found = _metered()
    zero, silent = np.zeros((1, found.raw.values.shape[1]), np.float32), np.full_like(found.raw.values[:1], np.nan)
    values = np.concatenate([found.truth.values, found.truth.values[:1] - 0.8, zero, silent])
    ids = np.append(found.raw.meter_ids, ["exporter", "zero", "silent"])
    panel = Panel(ids, found.raw.start, found.raw.step_minutes, values)
    meters = pd.DataFrame({"zone": "Europe/London", "country": "GB"}, index=ids)
    early, late = panel.between(panel.start, METERED_CUT), panel.between(METERED_CUT, panel.end)
    lengths = (1,) * 12 + (2,) * 6 + (6, 12) * 4 + (24, 48, 72) * 3
    taught = cut(early, lengths, 1, 8)
    rows = gap_frame(taught[0], taught[1], found.calendar).assign(target=early.values[taught[1]])
    holes, wanted, _ = cut(late, (1, 1, 6, 24, 72), 1, 9)
    wanted[-1, :5] = True  # of the silent meter everything is missing
    asked = gap_frame(holes, wanted, found.calendar).assign(target=late.values[wanted])
    return Batch(rows, taught[0], meters), Batch(asked, holes, meters)


def _asset() -> tuple[Batch, Batch]:
    """300 devices that wear out, the older and the one make sooner; and what is asked of devices that cannot fail."""
    random = np.random.default_rng(6)
    installed = np.datetime64("2012-01-01") + random.integers(0, 2500, 300).astype("timedelta64[D]")
    make = random.choice(["Heron", "Kestrel"], 300)
    life = random.weibull(3.0, 300) * np.where(make == "Kestrel", 1200, 2600)
    failed = installed + life.astype("timedelta64[D]")
    end = np.datetime64("2021-01-01")
    ids = np.array([f"d{number:03d}" for number in range(300)])
    assets = pd.DataFrame({"asset_id": ids, "kind": "meter", "make": make, "model": "A", "installed_on": installed})
    assets.loc[0, "installed_on"] = np.datetime64("2030-01-01")
    gone = failed < end
    events = pd.DataFrame(
        {"subject_id": ids[gone], "timestamp": failed[gone].astype("datetime64[s]"), "kind": "failure"}
    )
    last = pd.DataFrame({"subject_id": ["elsewhere"], "timestamp": [end.astype("datetime64[s]")], "kind": ["outage"]})
    equipment = Equipment.of(assets, pd.concat([events, last]))
    days = as_of_grid(equipment, 60, HORIZON)
    known = asset_frame(equipment, days[days + np.timedelta64(HORIZON, "D") <= ASSET_CUT], horizon_days=HORIZON)
    asked = asset_frame(equipment, days[days > ASSET_CUT], horizon_days=HORIZON, in_service_only=False)
    return Batch(known[known["target"].notna()]), Batch(asked)
