"""What an actor does to impute a bucket: estimate, keep what stands, write what is new, take back what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.bucketpass import BucketFiles
from metrify.lake.longrows import FileRows
from metrify.lake.tables import Lake
from metrify.panel import Panel
from metrify.schema import EDIT, READING
from metrify.schema.table import TEXT, TIME
from metrify.settings import Workspace
from metrify.vee.edits.bucketedits import BucketEdits
from metrify.vee.edits.edit import edit_rows, undone
from metrify.vee.edits.inforce import MANUAL, STALE
from metrify.vee.edits.repairplan import AUTHOR, RepairPlan
from metrify.vee.evidence import Flags, Found
from metrify.vee.gather import Around, Gathered, gather
from metrify.vee.grades.table import Graded, Grader
from metrify.vee.ladder import Estimates, Learned, estimate, revalidate, usable
from metrify.vee.ladder.classprofile import ClassProfiles, class_profiles
from metrify.vee.rules import RULES, to_estimate, validate

__all__ = ["ImputeWorker", "MakeLearned", "Repaired"]

_SILENT = "silent since its last reading"
MakeLearned = Callable[[], Learned | None]
"""Makes the learned imputer in the process that uses it; None: there is none."""


@dataclass
class Repaired:
    """What was done, in intervals."""

    readings: int = 0
    meters: int = 0
    wanted: int = 0
    """missing, or flagged by a rule of severity error"""
    written: int = 0
    """new edits"""
    undone: int = 0
    """edits that were taken back: their reading changed, nobody wants them any more, or a new estimate is better"""
    methods: Counter[str] = field(default_factory=Counter)
    """of the edits that hold now"""
    no_estimate: Counter[str] = field(default_factory=Counter)
    """intervals that have no value, by reason"""
    not_scaled: Counter[str] = field(default_factory=Counter)
    """stretches between two states of the register of which the estimates do not add up to it, by reason"""
    doubtful: Counter[str] = field(default_factory=Counter)
    """estimates of which a rule of severity warning holds, by rule"""

    def add(self, other: Repaired) -> None:
        """Count what another bucket's counts."""
        for name in other.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class ImputeWorker:
    """Writes the EDIT rows of one bucket after the other, each bucket's at once, and files of GRADE."""

    def __init__(self, workspace: Workspace, until: np.datetime64, learned: MakeLearned | None, renew: bool):
        self._lake = Lake(workspace)
        self._around = Around.read(self._lake)
        self._settings = workspace.settings
        self._grader, self._until = Grader(workspace, until), until
        self._learned = learned() if learned else None
        self._renew = renew

    def __call__(self, bucket: BucketFiles) -> tuple[Repaired, Graded]:
        target = self._settings.forecasting.target
        files = bucket.files[READING.name]
        readings = FileRows(READING, files).table(["meter_id", "timestamp", target])
        report, days = Repaired(readings.num_rows), []
        edits = BucketEdits.read(bucket, target)
        changes = [self._take_back_stale(edits)]
        edits = edits.on_target()
        for gathered in gather(bucket, self._around, self._settings):
            flags = validate(gathered.evidence, self._settings.vee)
            edits, changed = self._repair(gathered, flags, readings, edits, report)
            changes.append(changed)
            repairs = edits.repairs_on(gathered.evidence.panel)
            report.methods.update(repairs["method"])
            report.no_estimate.update(_silent(gathered, repairs, self._until))
            days.append(self._grader.frame(gathered, flags, repairs))
        self._write(changes, report)
        return report, self._grader.write(days, bucket)

    def _take_back_stale(self, edits: BucketEdits) -> pa.Table:
        """Estimates of any column whose reading is no longer what they stood for: what was measured late wins.

        Edits by hand are left as they are: should the old reading come back, they hold again.
        """
        stale = (edits.state == STALE) & pc.not_equal(edits.rows["method"], MANUAL).to_numpy()
        return undone(edits.rows.filter(pa.array(stale)), AUTHOR)

    def _repair(
        self, gathered: Gathered, flags: Flags, readings: pa.Table, edits: BucketEdits, report: Repaired
    ) -> tuple[BucketEdits, pa.Table]:
        """The edits as they are afterwards, and those that changed."""
        panel, wanted = gathered.evidence.panel, to_estimate(flags)
        estimates = self._estimate(gathered, flags, wanted)
        plan = RepairPlan.of(panel, wanted, estimates, readings, edits, self._renew)
        _count(report, panel, wanted, estimates, plan)
        report.doubtful.update(revalidate(gathered.evidence, estimates, self._settings.vee))
        taken_back = undone(edits.rows.take(pa.array(plan.undo)), AUTHOR)
        new = _edits(panel, flags, plan.write, edits)
        return edits.changed(plan.undo, taken_back, new), pa.concat_tables([taken_back, new])

    def _estimate(self, gathered: Gathered, flags: Flags, wanted: Found) -> Estimates:
        evidence, settings = gathered.evidence, self._settings.vee
        profiles = _profiles(gathered, flags, wanted)
        return estimate(evidence, flags, settings, learned=self._learned, profiles=profiles, wanted=wanted)

    def _write(self, changes: list[pa.Table], report: Repaired) -> None:
        rows = pa.concat_tables(changes)
        if rows.num_rows:
            self._lake.upsert(EDIT, rows)
        report.undone = rows.num_rows - rows["undone_at"].null_count
        report.written = rows["undone_at"].null_count


def _profiles(gathered: Gathered, flags: Flags, wanted: Found) -> ClassProfiles | None:
    """Profiles by the customer class that METER names; None where it names none: all meters are one class."""
    classes = gathered.group.meters["customer_class"]
    if not wanted.any() or classes.isna().all():
        return None
    evidence = gathered.evidence
    values = np.where(wanted, np.float32(np.nan), usable(evidence, flags))
    labels = classes.fillna("").to_numpy(str)
    return class_profiles(evidence.panel.replace(values), evidence.calendar, labels, evidence.signed)


def _count(report: Repaired, panel: Panel, wanted: Found, estimates: Estimates, plan: RepairPlan) -> None:
    report.meters += len(panel.meter_ids)
    report.wanted += int(np.count_nonzero(wanted))
    told = estimates.reasons
    step = np.timedelta64(panel.step_minutes * 60, "s")
    intervals = ((told["until"] - told["timestamp"]) // step).astype(int)
    none = told["kind"] == "no_estimate"
    report.no_estimate.update(intervals[none].groupby(told["reason"][none]).sum().to_dict())
    report.no_estimate.update(plan.refused)
    report.not_scaled.update(told["reason"][told["kind"] == "not_scaled"])


def _silent(gathered: Gathered, repairs: pd.DataFrame, until: np.datetime64) -> dict[str, int]:
    """Intervals without a value after a meter's last reading, up to the end of its service or of the lake's readings.

    No rule asks for them, because their readings may only be late, but their days are graded as empty.
    """
    panel = gathered.evidence.panel
    if not panel.values.size:
        return {}
    step = np.timedelta64(panel.step_minutes * 60, "s")
    last = panel.mask.shape[1] - 1 - np.argmax(panel.mask[:, ::-1], axis=1)  # all of it, where there is no reading
    served = pd.to_datetime(gathered.group.meters["valid_to"], utc=True).dt.tz_localize(None)
    ends = served.fillna(until).clip(upper=until).to_numpy().astype("datetime64[s]")
    end = -((panel.start - ends) // step)
    row, column = repairs["row"].to_numpy(), repairs["column"].to_numpy()
    filled = int(np.count_nonzero((column > last[row]) & (column < end[row])))
    total = int(np.maximum(end - last - 1, 0).sum()) - filled
    return {_SILENT: total} if total else {}


def _edits(panel: Panel, flags: Flags, write: pd.DataFrame, known: BucketEdits) -> pa.Table:
    """EDIT rows of what is to be written, beside those that are `known`."""
    stamps = pa.array(write["timestamp"].to_numpy().astype("datetime64[us]")).cast(TIME)
    amounts = {name: pa.array(write[name].to_numpy(np.float64), from_pandas=True) for name in ("value", "low", "high")}
    names = pa.array(panel.meter_ids[write["row"]].astype(object), TEXT)
    cells = {"meter_id": names, "timestamp": stamps, "column": pa.repeat(pa.scalar(known.target, TEXT), len(write))}
    reasons = _reasons(flags[write["row"], write["column"]], write["scaled"].to_numpy(bool))
    method = write["method"].to_numpy(object)
    before = write["before"].to_numpy(np.float64)
    return edit_rows(pa.table(cells | amounts), before, method, AUTHOR, reasons, known.rows)


def _reasons(flags: Flags, scaled: NDArray[np.bool_]) -> NDArray[np.object_]:
    """The rules that asked for each estimate, in words."""
    asking = [rule for rule in RULES if rule.severity == "error" or rule.name == "gap"]
    masks, place = np.unique(flags, return_inverse=True)
    named = [", ".join(rule.name for rule in asking if int(mask) >> rule.bit & 1) for mask in masks]
    found = np.array(named, object)[place] if len(masks) else np.empty(0, object)
    return np.where(scaled, found + "; scaled to the register", found)
