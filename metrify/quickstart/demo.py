"""The demo: the main job from files to answers over HTTP, on the sample that ships with the package."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from metrify import cluster
from metrify.quickstart.data import only_the_sample, prepare, put_in
from metrify.quickstart.forecasting import Dates, forecasts, served, task_of_homes
from metrify.quickstart.log import Log, Tell
from metrify.quickstart.page import page
from metrify.quickstart.served import ask_the_others
from metrify.quickstart.tasks import Taught, teach_the_others
from metrify.report import Link, Report, Stage, write
from metrify.report.quality import write_quality
from metrify.scoring.batch import score_lake
from metrify.serving.local import deployed
from metrify.settings import Workspace

__all__ = ["Demo", "demo"]


@dataclass
class Demo:
    """What the demo did."""

    report: Path
    league: pd.DataFrame
    """of forecasts"""
    tasks: dict[str, pd.DataFrame]
    """leagues of the other tasks"""
    served: pd.DataFrame
    stages: list[Stage] = field(default_factory=list)
    links: tuple[Link, ...] = ()


def demo(workspace: Workspace, tell: Tell, *, search_seconds: float = 30.0) -> Demo:
    """The whole way: ingest, validate, impute, features, search, backtest, register, score, deploy, ask, report.

    Nothing is left running. Doing it again in the same workspace changes no data, searches anew and registers further
    versions. Raises BadValue for a workspace that holds other meters than the sample's and simulated ones.
    """
    log = Log(tell)
    only_the_sample(workspace)
    put_in(workspace, log)
    with ExitStack() as stack:
        with log.stage("Start Ray") as say:
            say(f"a cluster of one at {stack.enter_context(cluster.session(workspace))}")
        return _with_ray(workspace, log, search_seconds)


def _with_ray(workspace: Workspace, log: Log, search_seconds: float) -> Demo:
    prepare(workspace, log)
    task = task_of_homes(workspace)
    dates = Dates.of(task)
    found = forecasts(workspace, log, task, dates, search_seconds)
    others = teach_the_others(workspace, log, dates.live_from)
    _score(workspace, log, others, dates.last_issue)
    with log.stage("Serve") as say, deployed(workspace) as url:
        say(f"graph is up at {url}")
        forecast = served(url, say, task, dates)
        answers = ask_the_others(workspace, url, say, dates.last_issue)
        say(f"four tasks asked, {answers.requests + 1} requests answered")
    content = page(workspace, log.stages, found, others, forecast, answers)
    return _report(workspace, log, content, found.judged.league, others)


def _score(workspace: Workspace, log: Log, others: dict[str, Taught], until: np.datetime64) -> None:
    """Each champion answers for the whole fleet, on Ray Data."""
    with log.stage("Score") as say:
        told = []
        for name in others:
            report = score_lake(workspace, name, until=until)
            told.append(f"{report.rows:,} {name}")
            say(", ".join(told))
        say(f"answers for the whole fleet: {', '.join(told)}")


def _report(workspace: Workspace, log: Log, content: Report, league: pd.DataFrame, tasks: dict[str, Taught]) -> Demo:
    with log.stage("Report") as say:
        path = write(content, workspace.reports / "demo.html")
        quality = write_quality(workspace)
        say(f"{path}, and the grades of all days in {quality.path}")
    leagues = {name: taught.judged.league for name, taught in tasks.items()}
    return Demo(path, league, leagues, content.served, log.stages, content.links)
