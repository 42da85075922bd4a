"""Put estimates where readings are missing or wrong, over the whole lake, as edits that can be undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from metrify.lake.bucketpass import over_buckets
from metrify.lake.tables import Lake
from metrify.schema import EDIT, GRADE
from metrify.settings import Workspace
from metrify.vee.gather import TABLES
from metrify.vee.grades.points import GRADES
from metrify.vee.grades.table import commit_grades, span
from metrify.vee.imputing import ImputeWorker, MakeLearned, Repaired
from metrify.vee.validate import require_readings

__all__ = ["ImputeReport", "impute_lake"]


@dataclass
class ImputeReport(Repaired):
    """What an imputation of the lake came to."""

    grades: dict[str, int] = field(default_factory=dict)
    """meter-days by grade"""
    seconds: float = 0.0


def impute_lake(
    workspace: Workspace,
    learned: MakeLearned | None = None,
    *,
    renew: bool = False,
    actors: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImputeReport:
    """Estimate every gap and every reading that an error rule flags, and grade the days again.

    Runs bucket by bucket in the current Ray session; each bucket's edits enter EDIT at once, so that a run that was
    killed is completed by the next, and the same again writes nothing. No reading is changed. An estimate that stands
    stays, unless `renew` is set or its gap or register changed; one whose reading came late, or is no longer wanted, is
    undone; nothing is put where an edit by hand holds or a person undid an estimate of the same reading. `learned` is
    called in each actor. Raises EmptyTable without readings, LakeConflict.
    """
    started = time.perf_counter()
    lake = Lake(workspace)
    require_readings(lake)
    within = span(lake)
    report, graded = ImputeReport(), []
    arguments = (workspace, within.until, learned, renew)
    results = over_buckets(lake, (*TABLES, EDIT, GRADE), ImputeWorker, arguments, actors=actors)
    for done, (buckets, (some, days)) in enumerate(results, 1):
        report.add(some)
        graded.append(days)
        if progress:
            progress(done, buckets)
    report.grades = dict(zip(GRADES, commit_grades(workspace, graded, within).days, strict=True))
    report.seconds = time.perf_counter() - started
    return report
