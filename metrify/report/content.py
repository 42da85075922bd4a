"""What a report is made of. Everything but the title may be missing: its section then says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

__all__ = ["Facts", "Link", "Quality", "Report", "Stage", "TaskResult"]


@dataclass(frozen=True)
class Facts:
    """What the report is about."""

    meters: int
    readings: int
    first: datetime
    """start of the first interval, UTC"""
    until: datetime
    """end of the last interval, UTC"""
    zone: str
    """IANA time zone"""
    source: str
    """where the readings come from, with licence and attribution"""


@dataclass(frozen=True)
class Stage:
    """One step of the run."""

    name: str
    seconds: float
    result: str
    """what came of it, in one line"""


@dataclass(frozen=True)
class Quality:
    """What was wrong with the readings."""

    findings: pd.DataFrame = field(default_factory=pd.DataFrame)
    """columns rule, severity, findings, intervals, meters: one row per rule"""
    quarantined: pd.DataFrame = field(default_factory=pd.DataFrame)
    """columns table, reason, rows: one row per reason"""


@dataclass(frozen=True)
class Link:
    """A door to what runs beside the report."""

    name: str
    address: str
    how: str
    """how it is started"""


@dataclass(frozen=True)
class TaskResult:
    """A task beside forecasting: who competed in it, a picture, and what the graph answered."""

    task: str
    """anomaly, maintenance or quality; it decides what the picture is"""
    title: str
    text: str
    """what was asked and on what, in a sentence or two"""
    note: str
    """what the metrics mean"""
    league: pd.DataFrame = field(default_factory=pd.DataFrame)
    """columns family, role (champion, challenger, baseline), seconds (to fit) and metrics; the best first"""
    shown: dict[str, str] = field(default_factory=dict)
    """metrics of the league that are shown: column and heading"""
    picture: pd.DataFrame = field(default_factory=pd.DataFrame)
    """rows of `metrify.report.tasks`' picture of the task"""
    served: pd.DataFrame = field(default_factory=pd.DataFrame)
    """what the graph answered, as a table: the columns' names are the headings"""


@dataclass(frozen=True)
class Report:
    """Everything that the page shows. Times in frames are UTC; `quantity` and `unit` are those of the target."""

    title: str
    generated_at: datetime
    facts: Facts | None = None
    stages: tuple[Stage, ...] = ()
    quality: Quality | None = None
    league: pd.DataFrame = field(default_factory=pd.DataFrame)
    """columns family, version, role (champion, challenger, baseline), seconds (to fit) and those of metrics.score"""
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)
    """columns meter_id, timestamp, zone, issue_time, actual, mean, q05 ... q95: a backtest of the champion"""
    week: pd.DataFrame = field(default_factory=pd.DataFrame)
    """columns timestamp, kwh, generation_kwh: one home, by the clock of facts.zone"""
    served: pd.DataFrame = field(default_factory=pd.DataFrame)
    """what the deployed graph answered: as `forecasts`, with or without actual, maybe with model and reason"""
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    """columns feature, gain"""
    settings: dict[str, Any] = field(default_factory=dict)
    """hyperparameters of the champion"""
    tasks: tuple[TaskResult, ...] = ()
    """the tasks beside forecasting"""
    links: tuple[Link, ...] = ()
    limits: tuple[str, ...] = ()
    """what the report does not show"""
    quantity: str = "Energy per interval"
    unit: str = "kWh"
