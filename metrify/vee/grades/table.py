"""The GRADE table: written bucket by bucket, visible at once; what stays as it was keeps its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.bucketpass import BucketFiles
from metrify.lake.buckets import bucket_of
from metrify.lake.commit import Part, commit
from metrify.lake.keys import match
from metrify.lake.monthfiles import write_months
from metrify.lake.scan import scan
from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.schema import GRADE, READING
from metrify.schema.table import TIME
from metrify.settings import Workspace
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.gather import Gathered
from metrify.vee.grades.grade import grades
from metrify.vee.grades.points import GRADES

__all__ = ["Graded", "Grader", "Span", "commit_grades", "span"]

_SAID = ("grade", "measured", "estimated", "reason")
_NO_REPAIRS = pd.DataFrame({"row": np.empty(0, np.int64), "column": np.empty(0, np.int64), "method": ""})


@dataclass(frozen=True)
class Span:
    """From when to when the lake has readings [UTC]."""

    first: np.datetime64
    until: np.datetime64
    """just after the latest reading's start, never to come"""


@dataclass(frozen=True)
class Graded:
    """What was graded."""

    parts: tuple[Part, ...] = ()
    meters: frozenset[str] = frozenset()
    days: tuple[int, ...] = (0,) * len(GRADES)
    """meter-days of each grade"""
    changed: int = 0
    """meter-days whose grade is new or says something else than before"""

    def __add__(self, other: Graded) -> Graded:
        days = tuple(np.add(self.days, other.days).tolist())
        return Graded(self.parts + other.parts, self.meters | other.meters, days, self.changed + other.changed)


def span(lake: Lake) -> Span:
    """From when to when the lake has readings, of which there is at least one; two months of files are opened."""
    months = sorted(
        {Path(path).parent.name.partition("=")[2] for found in lake.paths(READING).values() for path in found}
    )
    ends = lake.read(READING, columns=["timestamp"], since=f"{months[-1]}-01")["timestamp"]
    following = np.datetime64(months[0], "M") + 1
    begins = lake.read(READING, columns=["timestamp"], until=following.astype("datetime64[s]"))["timestamp"]
    first, last = (np.datetime64(found.as_py().replace(tzinfo=None), "s") for found in (pc.min(begins), pc.max(ends)))
    now = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "s")
    return Span(first, max(min(last, now), first) + np.timedelta64(1, "s"))


class Grader:
    """Grades one bucket after the other; one an actor."""

    def __init__(self, workspace: Workspace, until: np.datetime64):
        self._root = workspace.lake / GRADE.name
        self._settings = workspace.settings.grade
        self._until = until

    def frame(self, found: Gathered, flags: Flags, repairs: pd.DataFrame) -> pd.DataFrame:
        """GRADE rows of a group, without `graded_at`."""
        ends = np.minimum(_moments(found.group.meters["valid_to"], self._until), self._until)
        return grades(found.evidence, flags, repairs, self._settings, ends)

    def write(self, frames: Sequence[pd.DataFrame], bucket: BucketFiles) -> Graded:
        """Write a bucket's rows as files that no reader sees yet; a day of which nothing changed keeps `graded_at`."""
        held = scan(GRADE, bucket.files.get(GRADE.name, []), GRADE.names)
        return _write(self._root, pd.concat(frames, ignore_index=True), held, bucket.bucket)


def commit_grades(workspace: Workspace, graded: Sequence[Graded], within: Span) -> Graded:
    """Make all of it visible in place of what GRADE held, where anything is new, and what was graded in all.

    A meter that METER names and that never had a reading is graded, too: each day of its service that the lake's
    readings span is an F.
    """
    lake = Lake(workspace)
    total = reduce(Graded.__add__, graded, Graded())
    total += _silent(lake, total.meters, within)
    if total.changed or sum(total.days) != lake.count(GRADE):
        schema = pa.schema([field.with_nullable(True) for field in GRADE.schema])
        commit(workspace.lake / GRADE.name, schema, total.parts, "overwrite")
    return total


def _silent(lake: Lake, seen: frozenset[str], within: Span) -> Graded:
    """Grades of the meters that are not among those `seen`."""
    workspace = lake.workspace
    meters = lake.meters()
    meters = meters[~meters["meter_id"].isin(list(seen))]
    meters = meters.assign(bucket=bucket_of(meters["meter_id"].astype(str), workspace.buckets) if len(meters) else 0)
    total = Graded()
    for bucket, some in meters.groupby("bucket"):
        frames = [_silent_days(meter, within, workspace) for meter in some.to_dict("records")]
        held = lake.read(GRADE, meter_ids=some["meter_id"].tolist())
        total += _write(workspace.lake / GRADE.name, pd.concat(frames, ignore_index=True), held, int(bucket))
    return total


def _silent_days(meter: dict, within: Span, workspace: Workspace) -> pd.DataFrame:
    """An F for each local day, as hours of which none has a reading where METER names no interval length."""
    minutes = meter["interval_minutes"]
    step = np.timedelta64(int(minutes if np.isfinite(minutes) else 60) * 60, "s")
    service = pd.DataFrame({name: [meter[name]] for name in ("valid_from", "valid_to")})
    first = max(_moments(service["valid_from"], within.first)[0], within.first)
    until = min(_moments(service["valid_to"], within.until)[0], within.until)
    count = max(-int((first - until) // step), 0)
    panel = Panel(
        np.array([meter["meter_id"]]), first, int(step.astype(int)) // 60, np.full((1, count), np.nan, np.float32)
    )
    evidence = Evidence(panel, np.zeros(1, bool), calendar=Calendar(meter["zone"]))
    flags = np.zeros(panel.values.shape, np.uint32)
    return grades(evidence, flags, _NO_REPAIRS, workspace.settings.grade, np.array([until]))


def _moments(times: pd.Series, otherwise: np.datetime64) -> NDArray[np.datetime64]:
    """Times [UTC] as datetime64[s]; `otherwise` where there is none."""
    found = pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(found), otherwise, found)


def _write(root: Path, frame: pd.DataFrame, held: pa.Table, bucket: int) -> Graded:
    now = pa.repeat(pa.scalar(datetime.now(UTC), TIME), len(frame))
    dates = pa.array(frame["local_date"].to_numpy().astype("datetime64[D]"))
    plain = pa.Table.from_pandas(frame.drop(columns="local_date"), preserve_index=False)
    rows = GRADE.conform(plain.append_column("local_date", dates).append_column("graded_at", now))
    place = match(rows, held, [*GRADE.key, *_SAID])
    kept = held["graded_at"].take(pa.array(place, mask=place < 0))
    rows = rows.set_column(rows.column_names.index("graded_at"), "graded_at", pc.coalesce(kept, rows["graded_at"]))
    counts = frame["grade"].value_counts()
    days = tuple(int(counts.get(letter, 0)) for letter in GRADES)
    parts = tuple(write_months(root, GRADE, rows, bucket))
    return Graded(parts, frozenset(frame["meter_id"]), days, int((place < 0).sum()))
