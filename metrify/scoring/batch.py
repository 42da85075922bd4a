"""Score the whole lake: bucket by bucket on a Ray Data actor pool, into the table of the task's answers."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metrify.errors import BadValue, EmptyTable, NoSuchModel
from metrify.lake.bucketpass import over_buckets
from metrify.lake.tables import Lake, Written
from metrify.models import catalog
from metrify.models.base import Model
from metrify.schema import ESTIMATE, READING, RISK, Table
from metrify.scoring.assets import Progress, score_assets
from metrify.scoring.passes import MeterWorker, Scoring, Tally
from metrify.scoring.recent import lake_until
from metrify.scoring.risk import default_as_of
from metrify.settings import Workspace

__all__ = ["ScoreReport", "score_lake", "score_with"]


@dataclass(frozen=True)
class ScoreReport:
    """What a scoring of the lake came to."""

    task: str
    model: str
    """family and version"""
    rows: int
    """answers, whether they were in the lake already or not"""
    subjects: int
    """meters, or assets, that have an answer"""
    flagged: int
    """anomalies; equipment without a probability; forecasts by a fallback; days whose quality has a reason"""
    written: Written
    """what the lake did not say yet"""
    until: np.datetime64
    """end of what was scored [UTC]"""
    seconds: float


def score_lake(
    workspace: Workspace,
    name: str,
    alias_or_version: str | int = "champion",
    *,
    since: np.datetime64 | None = None,
    until: np.datetime64 | None = None,
    actors: int | None = None,
    progress: Progress | None = None,
) -> ScoreReport:
    """Score the fleet with the champion of the task `name`, or with a model of the family `name`; see `score_with`.

    Raises UnknownName, NoSuchModel.
    """
    from metrify.registry import Registry

    registry = Registry(workspace)
    if "/" not in name:
        catalog.families(name)
        found = registry.champion(name) if alias_or_version == "champion" else None
        if found is None:
            raise NoSuchModel(name, str(alias_or_version), map(str, registry.versions()))
        name, alias_or_version = found.name, found.version
    else:
        catalog.family(name)
    model, version = registry.load(name, alias_or_version)
    return score_with(workspace, model, str(version), since=since, until=until, actors=actors, progress=progress)


def score_with(
    workspace: Workspace,
    model: Model,
    name: str,
    *,
    since: np.datetime64 | None = None,
    until: np.datetime64 | None = None,
    actors: int | None = None,
    progress: Progress | None = None,
) -> ScoreReport:
    """Score the fleet with a model; its answers enter FORECAST, ANOMALY, QUALITY or RISK under `name`.

    Scored are the readings, the local days, or the issue times of the settings from `since` on and before `until`
    [UTC]. `until` defaults to the end of the lake's readings; without `since` it is what a request would be answered
    that names no time: the last 24 hours, the last complete local day, a forecast issued at `until`. Equipment is
    judged as of `until` (default: as RiskScorer) and knows no `since`. No reading of later than `until` is used; of the
    last days there are those that came within the grace of their day.

    Each model's answers stand under its own name, here of one model alone: what the graph makes of several, such as
    the mean of the detectors in serve_configs/, is not stored.

    Runs in the current Ray session; `progress(done, of)` counts buckets, or assets. Each bucket is written as it is
    done: what is there already is not written again, and a run that was killed is completed by the next. Raises
    EmptyTable, BadValue.
    """
    started = time.perf_counter()
    task, table = model.family.partition("/")[0], model.produces
    if table is ESTIMATE:
        raise BadValue("family", "one that answers on its own; estimates enter by `metrify impute`", model.family)
    since = None if since is None else since.astype("datetime64[s]")
    until = _end(Lake(workspace), table, since, until)
    with tempfile.TemporaryDirectory(dir=workspace.folder(workspace.checkpoints), prefix="scoring-") as folder:
        model.save(Path(folder))  # any family can be saved; not all can be pickled
        score = score_assets if table is RISK else _score_meters
        tally = score(workspace, Scoring(table.name, Path(folder), name, since, until), actors, progress)
    seconds = time.perf_counter() - started
    return ScoreReport(task, name, tally.rows, tally.subjects, tally.flagged, tally.written, until, seconds)


def _end(lake: Lake, table: Table, since: np.datetime64 | None, until: np.datetime64 | None) -> np.datetime64:
    """The end of what is scored. Raises EmptyTable, BadValue for a `since` that leaves nothing to score."""
    if table is RISK:
        if since is not None:
            raise BadValue("since", "none for maintenance, which is judged as of until", since)
        return default_as_of(lake) if until is None else until.astype("datetime64[s]")
    latest = lake_until(lake)
    if latest is None:
        raise EmptyTable("READING", "Ingest some with `metrify ingest readings FILE --mapping MAPPING`.")
    end = latest if until is None else until.astype("datetime64[s]")
    if since is not None and since >= end:
        what = "the end of the readings" if until is None else "until"
        raise BadValue("since", f"a time before {what}, {end}", since)
    return end


def _score_meters(workspace: Workspace, scoring: Scoring, actors: int | None, progress: Progress | None) -> Tally:
    lake, total = Lake(workspace), Tally()
    results = over_buckets(lake, (READING,), MeterWorker, (workspace, scoring), actors=actors)
    for done, (buckets, tally) in enumerate(results, 1):
        total += tally
        if progress:
            progress(done, buckets)
    return total
