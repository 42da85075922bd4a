"""The same feature columns in polars, as one would write them there; reads a job from stdin, answers on stdout."""

from __future__ import annotations

import json
import sys
import time

import holidays
import polars as pl

SLOT, DAY_TYPE, WEEKDAY = ["meter_id", "slot"], ["meter_id", "slot", "is_day_off"], ["meter_id", "slot", "weekday"]
LEVELS = {"level_1d": 1, "level_2d": 2, "level_7d": 7, "level_14d": 14, "level_28d": 28}


def past(function: str, days: int, keys: list[str], **options: float | str) -> pl.Expr:
    """A rolling statistic over the days before the row's day, within the groups of `keys`."""
    rolling = getattr(pl.col("kwh"), f"rolling_{function}_by")
    return rolling("day", window_size=f"{days}d", closed="left", **options).over(keys)


def quantile(level: float, days: int) -> pl.Expr:
    return past("quantile", days, SLOT, quantile=level, interpolation="linear")


def with_calendar(readings: pl.DataFrame) -> pl.DataFrame:
    off = pl.Series(list(holidays.country_holidays("GB", subdiv="ENG", years=[2012, 2013, 2014])))
    day = pl.col("timestamp").dt.date()
    weekday = day.dt.weekday() - 1
    tomorrow = day.dt.offset_by("1d")
    return readings.with_columns(
        day=day,
        slot=pl.col("timestamp").dt.hour(),
        minute_of_day=pl.col("timestamp").dt.hour().cast(pl.Float32) * 60,
        weekday=weekday.cast(pl.Float32),
        day_of_year=day.dt.ordinal_day().cast(pl.Float32),
        is_holiday=day.is_in(off.implode()).cast(pl.Float32),
        is_day_off=(day.is_in(off.implode()) | (weekday >= 5)).cast(pl.Float32),
        is_eve=(tomorrow.is_in(off.implode()) | (tomorrow.dt.weekday() >= 6)).cast(pl.Float32),
    )


def with_like_days(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        lag_1d=pl.col("kwh").shift(1).over(SLOT),
        lag_2d=pl.col("kwh").shift(2).over(SLOT),
        lag_7d=pl.col("kwh").shift(7).over(SLOT),
        slot_mean_7d=past("mean", 7, SLOT),
        slot_min_7d=past("min", 7, SLOT),
        slot_q25_7d=quantile(0.25, 7),
        slot_median_7d=past("median", 7, SLOT),
        slot_q75_7d=quantile(0.75, 7),
        slot_mean_28d=past("mean", 28, SLOT),
        slot_min_28d=past("min", 28, SLOT),
        slot_q10_28d=quantile(0.10, 28),
        slot_q25_28d=quantile(0.25, 28),
        slot_median_28d=past("median", 28, SLOT),
        slot_q75_28d=quantile(0.75, 28),
        slot_q90_28d=quantile(0.90, 28),
        daytype_median_28d=past("median", 28, DAY_TYPE),
        weekday_median_28d=past("median", 28, WEEKDAY),
    ).with_columns(
        smooth_median_7d=smooth("slot_median_7d"),
        smooth_mean_28d=smooth("slot_mean_28d"),
    )


def smooth(name: str) -> pl.Expr:
    """Weights 1 2 1 over neighbouring hours of the day, around midnight too."""
    column, day = pl.col(name), ["meter_id", "day"]
    before = column.shift(1).over(day).fill_null(column.last().over(day))
    after = column.shift(-1).over(day).fill_null(column.first().over(day))
    return (before + 2 * column + after) / 4


def with_levels(rows: pl.DataFrame) -> pl.DataFrame:
    days = (
        rows.group_by("meter_id", "day", maintain_order=True)
        .agg(
            sum=pl.col("kwh").sum(),
            square=(pl.col("kwh") ** 2).sum(),
            size=pl.col("kwh").abs().sum(),
            count=pl.col("kwh").count(),
            last_3h=pl.col("kwh").tail(3).mean(),
            last_6h=pl.col("kwh").tail(6).mean(),
        )
        .sort("meter_id", "day")
    )

    def window(name: str, length: int) -> pl.Expr:
        return pl.col(name).rolling_sum_by("day", window_size=f"{length}d", closed="left").over("meter_id")

    found = days.select(
        "meter_id",
        "day",
        level_3h=pl.col("last_3h").shift(1).over("meter_id"),
        level_6h=pl.col("last_6h").shift(1).over("meter_id"),
        **{name: window("sum", length) / window("count", length) for name, length in LEVELS.items()},
        scale_14d=window("size", 14) / window("count", 14),
        spread_7d=(window("square", 7) / window("count", 7) - (window("sum", 7) / window("count", 7)) ** 2).sqrt(),
        known_14d=window("count", 14) / (14 * 24),
    )
    return rows.join(found, on=["meter_id", "day"], how="left")


def main() -> None:
    job = json.load(sys.stdin)
    started = time.perf_counter()
    readings = pl.scan_parquet(job["readings"]).select("meter_id", "timestamp", "kwh").collect()
    readings = readings.with_columns(pl.col("kwh").cast(pl.Float32)).sort("meter_id", "timestamp")
    rows = with_levels(with_like_days(with_calendar(readings)))
    forecast = pl.read_parquet(job["weather"]).select(
        "timestamp",
        forecast_temperature_c="temperature_c",
        forecast_humidity="humidity",
        forecast_dni_wm2="dni_wm2",
        forecast_ghi_wm2="ghi_wm2",
    )
    rows = rows.join(forecast, on="timestamp", how="left").drop("day", "slot").rename({"kwh": "target"})
    floats = [name for name, kind in rows.schema.items() if kind.is_float()]
    rows = rows.with_columns(pl.col(floats).cast(pl.Float32))
    rows.write_parquet(job["out"], compression="zstd", compression_level=1)
    json.dump({"seconds": time.perf_counter() - started, "rows": rows.height}, sys.stdout)


if __name__ == "__main__":
    main()
