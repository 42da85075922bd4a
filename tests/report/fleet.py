"""A report as a run makes it, from a seeded fleet."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from metrify.metrics.forecasts import score
from metrify.report import Facts, Link, Quality, Report, Stage, TaskResult
from metrify.schema import LEVELS, level_column

ZONE = "America/Chicago"
SPREAD = dict(zip(LEVELS, (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645), strict=True))


def make_forecasts(meters: int = 17, days: int = 14, seed: int = 3) -> pd.DataFrame:
    """Day-ahead forecasts of homes, issued at local midnight: calibrated, better at night, with a gap in one meter."""
    random = np.random.default_rng(seed)
    start = pd.Timestamp("2024-03-04", tz=ZONE)  # the clock goes forward on the 10th
    times = pd.date_range(start, start + pd.DateOffset(days=days), freq="h", inclusive="left")
    hour = times.hour.to_numpy()
    shape = 0.35 + 0.5 * np.exp(-(((hour - 7.5) / 2) ** 2)) + 1.1 * np.exp(-(((hour - 19) / 2.6) ** 2))
    frames = []
    for meter in range(meters):
        level, noise = random.uniform(0.5, 2), random.uniform(0.12, 0.5)
        mean = level * shape * random.uniform(0.85, 1.15, len(times))
        sigma = noise * mean
        frames.append(
            pd.DataFrame(
                {
                    "meter_id": f"Building_{meter + 1}",
                    "timestamp": times.tz_convert("UTC"),
                    "zone": ZONE,
                    "issue_time": times.normalize().tz_convert("UTC"),
                    "actual": np.maximum(mean + sigma * random.standard_normal(len(times)), 0.02),
                    "mean": mean * 1.02,
                    **{level_column(q): np.maximum(mean + z * sigma, 0) for q, z in SPREAD.items()},
                }
            )
        )
    rows = pd.concat(frames, ignore_index=True)
    rows.loc[(rows["meter_id"] == "Building_1") & rows["timestamp"].dt.hour.between(3, 6), "actual"] = np.nan
    return rows


def make_league(rows: pd.DataFrame) -> pd.DataFrame:
    """The champion's true score and three rivals that are a little worse."""
    names = ["family", "version", "role", "seconds"]
    table = pd.DataFrame(
        [
            ("forecasting/seasonal", 1, "challenger", 0.31),
            ("forecasting/lightgbm", 3, "champion", 21.4),
            ("naive/yesterday", None, "baseline", 0.02),
            ("naive/last week", None, "baseline", 0.02),
        ],
        columns=names,
    )
    scores = score(rows) | {"mase": 0.71}
    worse = pd.Series([1.06, 1.0, 1.34, 1.21])
    for name in ("wape", "mae", "rmse", "mase", "pinball"):
        table[name] = scores[name] * worse
    table["r2"] = 1 - (1 - scores["r2"]) * worse**2
    return table.assign(coverage_80=[0.771, scores["coverage_80"], np.nan, np.nan])


def make_report(meters: int = 17) -> Report:
    """A report with every section filled."""
    rows = make_forecasts(meters)
    home = rows[rows["meter_id"] == "Building_2"].head(7 * 24)
    sun = np.maximum(np.sin((home["timestamp"].dt.tz_convert(ZONE).dt.hour - 6) / 12 * np.pi), 0)
    return Report(
        title="Day-ahead forecasts of 17 homes",
        generated_at=dt.datetime(2026, 11, 23, 8, 12, tzinfo=dt.UTC),
        facts=Facts(
            meters=meters,
            readings=148_920,
            first=dt.datetime(2023, 8, 1, 5, tzinfo=dt.UTC),
            until=dt.datetime(2024, 7, 31, 5, tzinfo=dt.UTC),
            zone=ZONE,
            source="CityLearn Challenge 2022, hourly readings of 17 homes; licence and attribution lie beside it.",
        ),
        stages=(
            Stage("ingest", 3.2, "148,920 readings, 8,760 hours of weather, 12 rows in quarantine"),
            Stage("validate", 1.1, "6 rules, 214 findings"),
            Stage("features", 6.4, "28 columns of 143,208 rows"),
            Stage("search", 58.7, "24 trials, best pinball 0.081"),
            Stage("backtest", 41.5, "4 folds of 3 families"),
            Stage("deploy", 12.9, "answered after 9 s"),
        ),
        quality=Quality(
            pd.DataFrame(
                [("stuck", "warning", 9, 131, 3), ("spike", "warning", 41, 41, 12), ("gap", "info", 4, 60, 2)],
                columns=["rule", "severity", "findings", "intervals", "meters"],
            ),
            pd.DataFrame(
                [("READING", "kwh is not a finite number", 8), ("READING", "kwh is below -1e+06 kWh", 4)],
                columns=["table", "reason", "rows"],
            ),
        ),
        league=make_league(rows),
        forecasts=rows,
        week=home[["timestamp"]].assign(kwh=home["actual"], generation_kwh=1.6 * sun**1.4),
        served=rows.groupby("meter_id").tail(24).head(48).drop(columns="actual").assign(model="forecasting/lightgbm:3"),
        importance=pd.DataFrame({"feature": [f"median_{d}d" for d in range(1, 21)], "gain": 1000 / np.arange(1, 21)}),
        settings={"trees": 400, "leaves": 63, "learning_rate": 0.05, "min_rows": 120, "calibrate": True},
        tasks=make_tasks(),
        links=(
            Link("MLflow", "http://127.0.0.1:5000", "make up"),
            Link("Ray dashboard", "http://127.0.0.1:8265", "make up"),
            Link("API docs", "http://127.0.0.1:8000/docs", "make up"),
        ),
        limits=("One year of 17 homes of one place.", "Weather of the target day is not used."),
    )


def make_tasks(seed: int = 5) -> tuple[TaskResult, ...]:
    """The tasks beside forecasting: a drop and a spike of one meter, 400 assets, four weeks of six meters."""
    random = np.random.default_rng(seed)
    times = pd.date_range("2024-03-04", periods=24 * 10, freq="h")
    usual = 0.5 + 0.3 * np.sin(np.arange(len(times)) / 24 * 2 * np.pi)
    value, target = usual * random.uniform(0.8, 1.2, len(times)), np.zeros(len(times))
    value[100:160] *= 0.1
    value[200] = 6.0
    target[100:160] = target[200] = 1
    detected = pd.DataFrame({"timestamp": times, "value": value, "usual": usual, "target": target})
    chance = random.beta(1, 8, 400)
    risks = pd.DataFrame({"probability": chance, "actual": (random.random(400) < chance).astype(float)})
    days = pd.MultiIndex.from_product([[f"Building_{n}" for n in range(6)], pd.date_range("2024-03-04", periods=28)])
    scores = days.to_frame(index=False, name=["meter_id", "local_date"])
    scores["score"] = np.where(random.random(len(scores)) < 0.1, random.uniform(20, 99, len(scores)), 100.0)
    families = {"family": ["x/best", "as usual"], "role": ["champion", "baseline"], "seconds": [2.5, np.nan]}
    league = pd.DataFrame({**families, "auc_roc": [0.912, 0.5], "f1": [0.7, np.nan]})
    shown = {"auc_roc": "AUC-ROC", "f1": "F1"}
    served = pd.DataFrame({"Subject": ["M-1 & co"], "Score": [3.14159], "Reason": ["9 kWh where 0.4 is usual"]})
    detected["verdict"] = detected["target"] > 0
    pictures = {"anomaly": detected, "maintenance": risks, "quality": scores}
    titles = {"anomaly": "Anomalies", "maintenance": "Maintenance", "quality": "Data quality"}
    return tuple(
        TaskResult(task, titles[task], f"What {task} is.", "AUC: more is better.", league, shown, picture, served)
        for task, picture in pictures.items()
    )
