"""A lake with judgements as `metrify vee` and `metrify impute` would write them, from a seeded fleet."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.lake.tables import Lake
from metrify.schema import EDIT, FINDING, GRADE, METER, QUALITY, QUARANTINE, READING, Table

ZONE = "Europe/London"
LONG = "DISTRIBUTION-TRANSFORMER-0000000000000000000000000000000000042"[:60]
EVIL = "<script>alert('&1')</script>"
NOW = pd.Timestamp("2026-11-01", tz="UTC")


def put(lake: Lake, table: Table, rows: pd.DataFrame) -> None:
    lake.upsert(table, pa.Table.from_pandas(rows, preserve_index=False))


def make_grades(meters: int = 40, days: int = 200, seed: int = 7, first: str = "2024-03-01") -> pd.DataFrame:
    """GRADE rows: most days A, a meter that is silent throughout, outages of some days, one worse from a day on."""
    random = np.random.default_rng(seed)
    names = [f"MAC{number:06d}" for number in range(meters)]
    names[: min(meters, 3)] = ["silent", LONG, EVIL][:meters]
    missing = np.where(random.random((meters, days)) < 0.06, random.random((meters, days)) ** 3, 0.0)
    for meter in range(1, meters):
        at = random.integers(0, max(days - 6, 1))
        missing[meter, at : at + random.integers(1, 6)] = random.random() * (meter % 4 == 0)
    missing[0] = 1.0
    if meters > 2:
        missing[2, days // 2 :] = random.random(days - days // 2)
    levels = np.digitize(missing, [0.001, 0.02, 0.1, 0.3, 0.6])
    estimated = missing * np.where(missing < 1, 0.8, 0)
    rules = np.where(random.random(levels.shape) < 0.7, "gap", "stuck").astype(object)
    empty = (48 * missing).round().astype(int).astype(str).astype(object)
    reasons = np.where(levels == 0, "all 48 intervals measured", empty + " of 48 intervals without a value; " + rules)
    return pd.DataFrame(
        {
            "meter_id": np.repeat(names, days),
            "local_date": np.tile(pd.date_range(first, periods=days).date, meters),
            "grade": np.array(list("ABCDEF"))[levels.ravel()],
            "measured": 1 - missing.ravel(),
            "estimated": estimated.ravel(),
            "reason": reasons.ravel(),
            "graded_at": NOW,
        }
    )


def make_findings(grades: pd.DataFrame, seed: int = 3) -> pd.DataFrame:
    """A finding for each day that is not A, and spikes here and there."""
    random = np.random.default_rng(seed)
    bad = grades[grades["grade"] != "A"]
    spiky = grades.sample(frac=0.01, random_state=seed)
    rows = pd.concat(
        [bad.assign(rule=bad["reason"].str.split("; ").str[1]), spiky.assign(rule="spike", measured=1 - 1 / 48)]
    )
    begun = pd.to_datetime(rows["local_date"]).dt.tz_localize("UTC")
    intervals = np.maximum((48 * (1 - rows["measured"])).round(), 1).astype(int)
    return pd.DataFrame(
        {
            "meter_id": rows["meter_id"],
            "timestamp": begun + pd.to_timedelta(random.integers(0, 24, len(rows)), unit="h"),
            "rule": rows["rule"],
            "intervals": intervals.astype("int32"),
            "severity": rows["rule"].map({"gap": "info", "stuck": "error", "spike": "warning"}),
            "detail": "what was found",
            "found_at": NOW,
        }
    ).assign(until=lambda rows: rows["timestamp"] + pd.to_timedelta(30 * rows["intervals"], unit="min"))


def make_readings(meter_id: str, since: str, days: int, seed: int = 5) -> pd.DataFrame:
    """Half-hourly READING rows of local days of ZONE, however long they are."""
    random = np.random.default_rng(seed)
    start = pd.Timestamp(since, tz=ZONE)
    times = pd.date_range(start, start + pd.DateOffset(days=days), freq="30min", inclusive="left")
    hour = times.hour + times.minute / 60
    kwh = 0.1 + 0.5 * np.exp(-(((hour - 19) / 3) ** 2)) + 0.3 * np.exp(-(((hour - 7.5) / 1.5) ** 2))
    return pd.DataFrame(
        {
            "meter_id": meter_id,
            "timestamp": times.tz_convert("UTC"),
            "kwh": kwh * random.uniform(0.7, 1.3, len(times)),
            "version": 0,
            "ingested_at": NOW,
        }
    )


def make_edits(readings: pd.DataFrame, method: str = "linear", **changes: object) -> pd.DataFrame:
    """Estimates for these intervals."""
    value = readings["kwh"].to_numpy() * 0.9
    rows = pd.DataFrame(
        {
            "meter_id": readings["meter_id"],
            "timestamp": readings["timestamp"],
            "edit_id": [f"{method}-{number}" for number in range(len(readings))],
            "column": "kwh",
            "before": np.nan,
            "after": value,
            "method": method,
            "low": value * 0.6,
            "high": value * 1.5,
            "author": "metrify impute",
            "reason": "gap",
            "edited_at": NOW,
            "undone_at": pd.Series(pd.NaT, readings.index, dtype="datetime64[ns, UTC]"),
        }
    )
    return rows.assign(**changes)


def make_scores(grades: pd.DataFrame, seed: int = 9) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    good = grades["measured"].to_numpy()
    return grades[["meter_id", "local_date"]].assign(
        score=100 * good,
        estimation_risk=np.clip(1 - good + 0.1 * random.random(len(good)), 0, 1),
        reason="tomorrow needs estimation (share of the last week that is missing: 40 %)",
        model="quality/score:2",
    )


def make_quarantine(rows: int = 7, meter_id: str | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "quarantine_id": [f"{meter_id}-{number}" for number in range(rows)],
            "table": "READING",
            "source": "readings.csv",
            "row": np.arange(1, rows + 1),
            "reason": ["kwh is not a finite number", "no IANA time"] * (rows // 2) + ["kwh is missing"] * (rows % 2),
            "content": "{}",
            "ingested_at": NOW,
            "meter_id": pd.Series([meter_id] * rows, dtype="string"),
            "timestamp": pd.Series([pd.NaT] * rows, dtype="datetime64[ns, UTC]"),
        }
    )


def make_meters(names: list[str]) -> pd.DataFrame:
    begin = pd.Timestamp("2020-01-01", tz="UTC")
    return pd.DataFrame({"meter_id": names, "valid_from": begin, "zone": ZONE, "ingested_at": NOW})


def fill_lake(lake: Lake, meters: int = 40, days: int = 200) -> None:
    """Every table of judgements, and the readings of three weeks of the meter called EVIL with what stands in."""
    grades = make_grades(meters, days)
    put(lake, GRADE, grades)
    put(lake, FINDING, make_findings(grades).drop_duplicates(["meter_id", "timestamp", "rule"]))
    put(lake, QUALITY, make_scores(grades))
    put(lake, METER, make_meters([*grades["meter_id"].unique(), "never-heard"]))
    put(lake, QUARANTINE, pd.concat([make_quarantine(7), make_quarantine(3, EVIL)]))
    end = grades["local_date"].max() + dt.timedelta(days=1)
    readings = make_readings(EVIL, str(end - dt.timedelta(days=days // 2)), days // 2)
    gap = readings.iloc[100:124].index.union(readings.sample(frac=0.03, random_state=1).index)
    wrong = readings.sample(frac=0.01, random_state=2).index.difference(gap)
    came = readings.drop(index=gap)
    came.loc[wrong, "kwh"] *= 6
    put(lake, READING, came)
    put(lake, EDIT, make_edits(readings.loc[gap]))
    put(lake, EDIT, make_edits(readings.loc[wrong], "three_like_days", reason="spike", before=came.loc[wrong, "kwh"]))
