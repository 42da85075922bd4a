"""A small lake to validate, impute and edit, and the passes over it in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.lake.bucketpass import BucketFiles
from metrify.lake.commit import commit
from metrify.lake.tables import Lake
from metrify.schema import EDIT, FINDING, GRADE, READING, TIME
from metrify.vee.gather import TABLES
from metrify.vee.grades.table import Graded, commit_grades, span
from metrify.vee.imputing import ImputeWorker, MakeLearned, Repaired
from metrify.vee.validate import ValidationWorker
from tests.lake.rows import START

__all__ = ["DAYS", "START", "at", "buckets", "fill", "grades", "impute", "load", "put", "stamp", "validate"]

DAYS = 35


def load(days: int, seed: int, step: int = 60) -> np.ndarray:
    """kWh of a home with a daily shape."""
    count = days * 24 * 60 // step
    shape = 0.6 + 0.4 * np.sin(2 * np.pi * np.arange(count) * step / 1440)
    return np.round(shape * np.random.default_rng(seed).gamma(30, 1 / 30, count), 4)


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def stamp(hour: float) -> str:
    return at(hour).strftime("%Y-%m-%dT%H:%M:%SZ")


def put(
    lake: Lake, meter: str, values: Sequence[float] | np.ndarray, *, first: float = 0, step: int = 60, version: int = 1
) -> None:
    """Readings from hour `first` on; NaN is left out."""
    hours = first + np.arange(len(values)) * step / 60
    known = np.isfinite(values)
    times = pa.array([at(hour) for hour in hours[known]], TIME)
    rows = {"meter_id": pa.array([meter] * int(known.sum())), "timestamp": times}
    rows |= {"kwh": pa.array(np.asarray(values)[known]), "version": pa.array(np.full(known.sum(), version, np.int32))}
    lake.upsert(READING, pa.table(rows))


def fill(lake: Lake) -> None:
    """Four meters in 35 days: `whole`; `holes` with gaps of 1 h, 2 h and a day; `spike`; `short`, silent at the end."""
    put(lake, "whole", load(DAYS, 1))
    holes = load(DAYS, 2)
    holes[[100, 200, 201]] = holes[24 * 20 : 24 * 21] = np.nan
    put(lake, "holes", holes)
    spike = load(DAYS, 3)
    spike[24 * 30 + 5] = 60.0
    put(lake, "spike", spike)
    put(lake, "short", load(DAYS - 2, 4))


def buckets(lake: Lake) -> Iterator[BucketFiles]:
    files = {table.name: lake.paths(table) for table in (*TABLES, EDIT, GRADE)}
    for bucket in files[READING.name]:
        yield BucketFiles(bucket, {name: found.get(bucket, []) for name, found in files.items()})


def validate(lake: Lake) -> Graded:
    """What `validate_lake` does, without Ray."""
    within = span(lake)
    worker = ValidationWorker(lake.workspace, within.until)
    done = [worker(bucket) for bucket in buckets(lake)]
    schema = pa.schema([column.with_nullable(True) for column in FINDING.schema])
    parts = [part for _, written, _ in done for part in written]
    commit(lake.workspace.lake / FINDING.name, schema, parts, "overwrite")
    return commit_grades(lake.workspace, [graded for *_, graded in done], within)


def impute(
    lake: Lake, learned: MakeLearned | None = None, *, renew: bool = False, after: Callable[[], Any] = lambda: None
) -> Repaired:
    """What `impute_lake` does, without Ray; `after` is called after each bucket."""
    within = span(lake)
    worker = ImputeWorker(lake.workspace, within.until, learned, renew)
    report, graded = Repaired(), []
    for bucket in list(buckets(lake)):
        some, days = worker(bucket)
        report.add(some)
        graded.append(days)
        after()
    commit_grades(lake.workspace, graded, within)
    return report


def grades(lake: Lake, meter: str | None = None) -> pd.DataFrame:
    """GRADE rows by meter and date."""
    rows = lake.read(GRADE, meter_ids=None if meter is None else [meter]).to_pandas()
    return rows.sort_values(["meter_id", "local_date"], ignore_index=True)
