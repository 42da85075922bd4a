"""The demo's other three tasks: each judged on what its families had not seen, taught, registered and promoted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metrify.models.catalog import league
from metrify.quickstart.data import homes
from metrify.quickstart.log import Log
from metrify.registry import Registry
from metrify.settings import Workspace
from metrify.training.anomaly import AnomalyTask
from metrify.training.backtest import Backtest, backtest
from metrify.training.maintenance import MaintenanceTask
from metrify.training.quality import QualityTask
from metrify.training.split import Fold, folds
from metrify.training.task import Task
from metrify.training.train import train

__all__ = ["Taught", "teach_the_others"]


@dataclass(frozen=True)
class Taught:
    """A task whose families are registered, with the league that they were judged in."""

    task: Task
    judged: Backtest
    champion: str
    """family and version that leads"""


def teach_the_others(workspace: Workspace, log: Log, live_from: np.datetime64) -> dict[str, Taught]:
    """Anomalies, maintenance and quality; nothing that is taught knows what came after `live_from`."""
    with log.stage("Anomalies") as say:
        anomalies = _teach(workspace, AnomalyTask.examined_on(workspace, homes()), live_from)
        best = anomalies.judged.league.iloc[0]
        say(f"{best['family']} finds {best['event_recall']:.0%} of {best['events']:.0f} faults put into unseen homes")
    with log.stage("Maintenance") as say:
        maintenance = _teach(workspace, MaintenanceTask.of(workspace), live_from)
        best = maintenance.judged.league.iloc[0]
        say(f"{best['family']}: AUC {best['auc_roc']:.3f}, Brier skill {best['brier_skill']:.3f} on the last year")
    with log.stage("Quality") as say:
        quality = _teach(workspace, QualityTask.of(workspace), live_from)
        best = quality.judged.league.iloc[0]
        say(f"{best['family']}: AUC {best['auc_roc']:.3f} for days that will need estimation")
    return {found.task.name: found for found in (anomalies, maintenance, quality)}


def _teach(workspace: Workspace, task: Task, until: np.datetime64) -> Taught:
    """Judge all families on the last moments before `until`, then register each, and let the best one lead."""
    names = league(task.name)
    (fold,) = _last(task, until)
    judged = backtest(task, {name: {} for name in names}, [fold], known_at=until)
    registry, scores = Registry(workspace), judged.league.set_index("family")
    versions = {}
    for name in names:
        measured = {metric: float(scores.at[name, metric]) for metric in task.measured}
        known = {metric: value for metric, value in measured.items() if np.isfinite(value)}
        versions[name] = train(workspace, task, name, {}, until=until, measured=known).version
        registry.promote(name, versions[name].version)
    best = next(str(name) for name in judged.league["family"] if name in versions)
    registry.set_leader(task.name, best)
    return Taught(task, judged, str(versions[best]))


def _last(task: Task, until: np.datetime64) -> list[Fold]:
    moments = task.judged_by(until)
    first = moments[moments > moments[-1] - np.timedelta64(task.holdout_days, "D")][0]
    return [replace(fold, test_until=until) for fold in folds(moments, train_until=first, test_until=None)]
