"""The demo's forecasts: searched, judged, registered, and asked for over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metrify.quickstart.data import homes
from metrify.quickstart.graph import ask
from metrify.quickstart.log import Log, Say
from metrify.registry import Registry
from metrify.settings import Workspace
from metrify.training.backtest import Backtest, backtest
from metrify.training.forecasting import ForecastingTask
from metrify.training.split import folds
from metrify.training.train import Trained, find_settings, train

__all__ = ["Dates", "Forecasts", "forecasts", "served", "task_of_homes"]

FAMILY = "forecasting/lightgbm"
FLOOR = "forecasting/seasonal"
SHOWN = 4
"""Homes that the report shows and the graph is asked for."""


@dataclass(frozen=True)
class Dates:
    """The end of the data is kept for the graph's answers, the weeks before it for the backtests."""

    test_from: np.datetime64
    live_from: np.datetime64
    last_issue: np.datetime64

    @classmethod
    def of(cls, task: ForecastingTask) -> Dates:
        issues = task.moments
        return cls(issues[-36], issues[-8], issues[-2])


@dataclass(frozen=True)
class Forecasts:
    """Who competed, and the winner."""

    judged: Backtest
    trained: Trained


def task_of_homes(workspace: Workspace) -> ForecastingTask:
    """Of the real homes alone: a league of simulated meters would say nothing about forecasts."""
    rows = ForecastingTask.of(workspace).rows
    return ForecastingTask(rows[rows["meter_id"].isin(homes())].reset_index(drop=True))


def forecasts(workspace: Workspace, log: Log, task: ForecastingTask, dates: Dates, seconds: float) -> Forecasts:
    """Search, backtest, and let the winner learn once more, up to the days that are kept for the graph."""
    settings = _search(workspace, log, task, dates, seconds)
    with log.stage("Backtest") as say:
        parts = folds(task.moments, train_until=dates.test_from, test_until=dates.live_from)
        judged = backtest(task, {FLOOR: {}, FAMILY: settings}, parts, progress=say)
        best = judged.league.iloc[0]
        say(f"{best['family']} leads with WAPE {best['wape']:.3f} over 28 days")
    with log.stage("Register") as say:
        trained = _register(workspace, task, dates, settings, judged)
        say(f"{trained.version} is champion, learned from {trained.rows:,} rows")
    return Forecasts(judged, trained)


def _search(workspace: Workspace, log: Log, task: ForecastingTask, dates: Dates, seconds: float) -> dict[str, Any]:
    with log.stage("Search") as say:
        result = find_settings(
            workspace,
            task,
            FAMILY,
            until=dates.test_from,
            trials=12,
            seconds=seconds,
            most_rows=25_000,
            resume=False,
            progress=lambda at: say(f"trial {at.ended} of {at.trials}, best WAPE {at.best or float('nan'):.4f}"),
        )
        say(f"{len(result.trials)} trials, best WAPE {result.value:.4f} on the 28 days before the test")
    return result.settings


def _register(
    workspace: Workspace, task: ForecastingTask, dates: Dates, settings: dict[str, Any], judged: Backtest
) -> Trained:
    winner = judged.league[judged.league["role"] == "entrant"].iloc[0]
    chosen = settings if winner["family"] == FAMILY else {}
    measured = {name: float(winner[name]) for name in task.measured}
    trained = train(workspace, task, winner["family"], chosen, until=dates.live_from, measured=measured)
    registry = Registry(workspace)
    registry.promote(trained.version.name, trained.version.version)
    registry.set_leader(task.name, trained.version.name)
    return trained


def served(url: str, say: Say, task: ForecastingTask, dates: Dates) -> pd.DataFrame:
    """What the graph forecasts for the first homes on a day that no model has seen, beside what came true."""
    meters = sorted(task.rows["meter_id"].unique())[:SHOWN]
    answer = ask(url, "/v1/forecast", {"meter_ids": meters, "issue_time": f"{dates.last_issue}Z"}, say)
    rows = pd.concat([pd.DataFrame(forecast) for forecast in answer["forecasts"]], ignore_index=True)
    for name in ("timestamp", "issue_time"):
        rows[name] = pd.to_datetime(rows[name], utc=True).dt.tz_localize(None).astype("datetime64[s]")
    truth = task.rows[["meter_id", "issue_time", "timestamp", "target"]].rename(columns={"target": "actual"})
    truth["meter_id"] = truth["meter_id"].astype(str)
    return rows.merge(truth, on=["meter_id", "issue_time", "timestamp"], how="left")
