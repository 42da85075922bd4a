"""The part of a search that is Ray Tune; imported by a search that has trials to run."""

# ruff: noqa: ARG002  Tune names the arguments of a callback

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import optuna
import ray
from ray import tune
from ray.actor import ActorHandle
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.logger import JsonLoggerCallback
from ray.tune.schedulers import AsyncHyperBandScheduler
from ray.tune.search.optuna import OptunaSearch

from metrify.cluster import variables
from metrify.models.base import Batch, Model
from metrify.training.journal import Journal, State, TrialRow
from metrify.training.space import default_point, distributions
from metrify.training.trial import ERROR, FINISHED, METRICS, Objective, Trial

__all__ = ["Plan", "run"]

FIRST_RUNG = 2
"""reports of a trial before ASHA may stop it"""
REDUCTION = 3
"""of so many trials that reach a rung one goes on"""
TUNE = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # JSON is enough: TensorBoard's logger costs imports and files
    "MLFLOW_DISABLE_TELEMETRY": "true",  # Tune imports MLflow, only to count who uses it
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one is not silent when told to be
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # errors are in the table of trials
}


@dataclass(frozen=True)
class Plan:
    """What is to be searched, and how far."""

    family: type[Model]
    objective: Objective
    metric: str
    mode: Literal["min", "max"]
    trials: int
    """in all, with those that ended in earlier calls"""
    deadline: float
    """seconds since the epoch"""
    seed: int
    workers: int | None


def run(plan: Plan, journal: Journal, train: Batch, valid: Batch, ended: Callable[[], None]) -> None:
    """Run the trials that the journal does not hold yet, until the plan's trials or time are used up.

    `ended` is called whenever a trial has ended. Raises KeyboardInterrupt when a person interrupts it.
    """
    done = journal.rows()
    trial = Trial(plan.family, plan.objective, plan.metric)

    def fit(config: dict[str, float], train: Batch, valid: Batch) -> None:
        trial(config, train, valid)

    for name in ("ray.tune.tune", "ray.tune.search.optuna.optuna_search"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # failed trials are in the table
    with variables(TUNE):
        tune.run(
            tune.with_parameters(fit, train=train, valid=valid),
            name=f"call-{int(time.time() * 1000)}",
            storage_path=str(journal.tune.resolve()),
            search_alg=_searcher(plan, done),
            scheduler=_scheduler(plan),
            num_samples=plan.trials - len(done),
            time_budget_s=max(plan.deadline - time.time(), 0.1),
            resources_per_trial={"cpu": 1},
            max_concurrent_trials=plan.workers or max(int(ray.cluster_resources().get("CPU", 1)), 1),
            reuse_actors=True,
            callbacks=[Watch(journal, plan.deadline, ended), JsonLoggerCallback()],
            raise_on_failed_trial=False,
            verbose=0,
        )
    if len(journal.rows()) < plan.trials and time.time() < plan.deadline:
        raise KeyboardInterrupt  # Tune takes the signal for itself and returns


def _scheduler(plan: Plan) -> AsyncHyperBandScheduler:
    return AsyncHyperBandScheduler(
        metric=plan.metric, mode=plan.mode, grace_period=FIRST_RUNG, reduction_factor=REDUCTION
    )


def _searcher(plan: Plan, done: Sequence[TrialRow]) -> OptunaSearch | None:
    """Optuna, told what earlier calls found out; None for a family without a space, whose one trial is its defaults."""
    space = distributions(plan.family)
    if not space:
        return None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    first = [] if any(row.trial == 0 for row in done) else [default_point(plan.family)]
    # with the seed of the first call the sampler would propose the same random trials once more
    sampler = optuna.samplers.TPESampler(seed=plan.seed + len(done))
    searcher = OptunaSearch(space, plan.metric, plan.mode, first, sampler)
    for row in done:
        value = row.metrics.get(plan.metric)
        searcher.add_evaluated_point(row.point, value, error=value is None)
    return searcher


class Watch(tune.Callback):
    """Numbers the trials, writes each into the journal as it ends, and ends those that run when the time is up."""

    def __init__(self, journal: Journal, deadline: float, ended: Callable[[], None]):
        taken = {row.trial for row in journal.rows()}
        self.journal = journal
        self.deadline = deadline
        self.ended = ended
        self.free = (number for number in count() if number not in taken)
        self.numbers: dict[str, int] = {}
        self.started: dict[str, float] = {}
        self.actors: dict[str, ActorHandle] = {}
        self.written: set[str] = set()

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        self._number(trials)
        self.started[trial.trial_id] = time.monotonic()
        self.actors[trial.trial_id] = trial.temporary_state.ray_actor

    def on_trial_complete(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        error = trial.last_result.get(ERROR, "")
        self._write(trial, "failed" if error else "finished" if trial.last_result.get(FINISHED) else "stopped", error)

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        self._number(trials)  # its worker may not even have started
        self._write(trial, "failed", f"its worker died: {_cause(trial)}")

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        if time.time() < self.deadline:
            return
        for trial in trials:
            if trial.trial_id in self.actors and trial.trial_id not in self.written:
                self._write(trial, "out of time")
                ray.kill(self.actors[trial.trial_id])  # Tune would wait for the end of the fit

    def _number(self, trials: list[TuneTrial]) -> None:
        """In the order in which they were proposed, the defaults first; their workers start in any order."""
        for trial in trials:
            if trial.trial_id not in self.numbers:
                self.numbers[trial.trial_id] = next(self.free)

    def _write(self, trial: TuneTrial, state: State, error: str = "") -> None:
        """Once per trial: one that ran out of time fails in the eyes of Tune, because it was killed."""
        if trial.trial_id in self.written:
            return
        self.written.add(trial.trial_id)
        result = trial.last_result or {}
        row = TrialRow(
            trial=self.numbers[trial.trial_id],
            state=state,
            point=trial.config,
            metrics=result.get(METRICS, {}),
            reports=result.get("training_iteration", 0),
            seconds=round(time.monotonic() - self.started.get(trial.trial_id, time.monotonic()), 3),
            error=error,
        )
        self.journal.write(row)
        self.ended()


def _cause(trial: TuneTrial) -> str:
    """Why the worker died, as Ray names it."""
    path = Path(trial.error_file or "")
    return path.read_text() if path.is_file() else "for no known reason"
