"""The demo: the main job from files to answers over HTTP, on the sample that ships with the package."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from metrify import cluster, sample
from metrify.errors import BadValue, MetrifyError
from metrify.features.build import build
from metrify.lake.tables import Lake
from metrify.registry import Registry
from metrify.report import Facts, Link, Quality, Report, Stage, write
from metrify.schema import FINDING, QUARANTINE, READING, SOLAR
from metrify.serving.doors import doors
from metrify.serving.local import deployed
from metrify.settings import Workspace
from metrify.training.backtest import MEASURED, Backtest, backtest
from metrify.training.rows import feature_rows
from metrify.training.split import folds
from metrify.training.train import Trained, find_settings, train
from metrify.vee.validate import validate_lake

__all__ = ["Demo", "demo"]

FAMILY = "forecasting/lightgbm"
FLOOR = "forecasting/seasonal"
SHOWN = 4
"""Homes that the report shows and the graph is asked for."""
SOURCE = (
    "17 homes in Fontana, California, 2016-08 to 2017-07: CityLearn Challenge 2022 (MIT licence), shipped with Metrify"
)

Tell = Callable[[str, str], None]
"""tell(stage, text): what is happening now; an empty stage name closes the one before with its result"""


@dataclass
class Demo:
    """What the demo did."""

    report: Path
    league: pd.DataFrame
    served: pd.DataFrame
    stages: list[Stage] = field(default_factory=list)
    links: tuple[Link, ...] = ()


@dataclass
class _Log:
    """Times the stages and tells how they go."""

    tell: Tell
    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str], None]]:
        """Yields a function that says how far the stage is; its last text is the stage's result."""
        started = time.perf_counter()
        said = [""]

        def say(text: str) -> None:
            said[0] = text
            self.tell(name, text)

        self.tell(name, "")
        yield say
        self.stages.append(Stage(name, time.perf_counter() - started, said[0]))
        self.tell("", f"{name}: {said[0]} ({self.stages[-1].seconds:.1f} s)")


@dataclass(frozen=True)
class _Dates:
    """The end of the data is kept for the graph's answers, the weeks before it for the backtest."""

    test_from: np.datetime64
    live_from: np.datetime64
    last_issue: np.datetime64

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Dates:
        issues = np.unique(rows["issue_time"].to_numpy())
        return cls(issues[-36], issues[-8], issues[-2])


def demo(workspace: Workspace, tell: Tell, *, search_seconds: float = 45.0) -> Demo:
    """Ingest, validate, build features, search, backtest, register, deploy, ask, report; nothing is left running.

    Doing it again in the same workspace changes no data, searches anew and registers another version. Raises BadValue
    for a workspace that holds other meters than the sample's.
    """
    log = _Log(tell)
    _only_the_sample(workspace)
    with log.stage("Ingest") as say:
        _ingest(workspace, say)
    with log.stage("Start Ray") as say:
        running = cluster.session(workspace)
        say(f"a cluster of one at {running.__enter__()}")
    try:
        return _with_ray(workspace, log, search_seconds)
    finally:
        running.__exit__(None, None, None)


def _only_the_sample(workspace: Workspace) -> None:
    """A model of the sample must not come to answer for somebody's own meters."""
    ours = pq.read_table(sample.FOLDER / "meters.parquet", columns=["meter_id"])["meter_id"].to_pylist()
    others = sorted(set(Lake(workspace).meters()["meter_id"]).difference(ours))
    if others:
        wanted = "one without meters of your own for the demo: name another folder with --home or METRIFY_HOME"
        raise BadValue(f"workspace {workspace.home}", wanted, f"{len(others)} other meters, such as {others[0]}")


def _with_ray(workspace: Workspace, log: _Log, search_seconds: float) -> Demo:
    _prepare(workspace, log)
    rows = feature_rows(workspace)
    dates = _Dates.of(rows)
    settings = _search(workspace, log, rows, dates, search_seconds)
    judged = _backtest(log, rows, dates, settings)
    trained = _register(workspace, log, rows, dates, settings, judged)
    served = _ask(workspace, log, rows, dates)
    with log.stage("Report") as say:
        content = _report(workspace, log, judged, trained, served)
        path = write(content, workspace.reports / "demo.html")
        say(str(path))
    return Demo(path, judged.league, served, log.stages, content.links)


def _ingest(workspace: Workspace, say: Callable[[str], None]) -> None:
    reports = sample.load(workspace, lambda rows: say(f"{rows:,} rows"))
    refused = sum(report.quarantined for report in reports)
    new = sum(report.written.inserted + report.written.updated for report in reports)
    say(f"{sum(r.rows for r in reports):,} rows of {len(reports)} files, {new:,} new, {refused} quarantined")


def _prepare(workspace: Workspace, log: _Log) -> None:
    with log.stage("Validate") as say:
        found = validate_lake(workspace, progress=lambda done, of: say(f"bucket {done} of {of}"))
        counts = ", ".join(f"{count:,} {rule}" for rule, count in found.intervals.items())
        say(f"{found.readings:,} readings of {found.meters} homes: {counts}")
    with log.stage("Features") as say:
        built = build(workspace, progress=lambda done, of: say(f"bucket {done} of {of}"))
        say(f"{built.rows:,} rows x {built.features} features")


def _search(workspace: Workspace, log: _Log, rows: pd.DataFrame, dates: _Dates, seconds: float) -> dict[str, Any]:
    with log.stage("Search") as say:
        result = find_settings(
            workspace,
            rows,
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


def _backtest(log: _Log, rows: pd.DataFrame, dates: _Dates, settings: dict[str, Any]) -> Backtest:
    with log.stage("Backtest") as say:
        parts = folds(np.unique(rows["issue_time"]), train_until=dates.test_from, test_until=dates.live_from)
        judged = backtest(rows, {FLOOR: {}, FAMILY: settings}, parts, progress=say)
        best = judged.league.iloc[0]
        say(f"{best['family']} leads with WAPE {best['wape']:.3f} over 28 days")
    return judged


def _register(
    workspace: Workspace, log: _Log, rows: pd.DataFrame, dates: _Dates, settings: dict[str, Any], judged: Backtest
) -> Trained:
    """The winner of the backtest learns once more, up to the days that are kept for the graph, and is champion."""
    entrants = judged.league[judged.league["role"] == "entrant"]
    winner = entrants.iloc[0]
    chosen = settings if winner["family"] == FAMILY else {}
    measured = {name: float(winner[name]) for name in MEASURED}
    with log.stage("Register") as say:
        trained = train(workspace, rows, winner["family"], chosen, until=dates.live_from, measured=measured)
        registry = Registry(workspace)
        registry.promote(trained.version.name, trained.version.version)
        registry.set_leader("forecasting", trained.version.name)
        say(f"{trained.version} is champion, learned from {trained.rows:,} rows")
    return trained


def _ask(workspace: Workspace, log: _Log, rows: pd.DataFrame, dates: _Dates) -> pd.DataFrame:
    import httpx

    meters = sorted(rows["meter_id"].unique())[:SHOWN]
    body = {"meter_ids": meters, "issue_time": f"{dates.last_issue}Z"}
    with log.stage("Serve") as say, deployed(workspace) as url:
        say(f"graph is up at {url}")
        started = time.perf_counter()
        answer = httpx.post(f"{url}/v1/forecast", json=body, timeout=60)
        if answer.status_code != 200:
            raise MetrifyError(f"The graph answered {answer.status_code}: {answer.text}")
        milliseconds = (time.perf_counter() - started) * 1000
        say(f"POST /v1/forecast answered for {len(meters)} homes in {milliseconds:.0f} ms")
    return _with_truth(answer.json(), rows)


def _with_truth(answer: dict[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    """The served columns as one long table beside what came true."""
    served = pd.concat([pd.DataFrame(forecast) for forecast in answer["forecasts"]], ignore_index=True)
    for name in ("timestamp", "issue_time"):
        served[name] = pd.to_datetime(served[name], utc=True).dt.tz_localize(None).astype("datetime64[s]")
    truth = rows[["meter_id", "issue_time", "timestamp", "target"]].rename(columns={"target": "actual"})
    truth["meter_id"] = truth["meter_id"].astype(str)
    return served.merge(truth, on=["meter_id", "issue_time", "timestamp"], how="left")


def _report(workspace: Workspace, log: _Log, judged: Backtest, trained: Trained, served: pd.DataFrame) -> Report:
    lake = Lake(workspace)
    meters = lake.meters()
    zone = meters["zone"].mode()[0]
    zones = meters.set_index("meter_id")["zone"]
    champion = trained.version.name
    forecasts = judged.forecasts[judged.forecasts["model"] == champion]
    league = judged.league.rename(columns={"fit_seconds": "seconds"})
    roles = league["role"].mask(league["family"] == champion, "champion").replace("entrant", "challenger")
    versions = league["family"].map({champion: str(trained.version.version)})
    importance = getattr(trained.model, "importance", dict)()
    return Report(
        title="From meter readings to forecasts",
        generated_at=datetime.now(UTC),
        facts=_facts(lake, zone),
        stages=tuple(log.stages),
        quality=_quality(lake),
        league=league.assign(role=roles, version=versions),
        forecasts=forecasts.assign(zone=forecasts["meter_id"].astype(str).map(zones)),
        week=_week(lake, sorted(served["meter_id"])[0]),
        served=served.assign(zone=served["meter_id"].map(zones)),
        importance=pd.DataFrame({"feature": list(importance), "gain": list(importance.values())}),
        settings=trained.model.settings,
        links=tuple(Link(door.name, door.address, door.how) for door in doors(workspace)),
        limits=LIMITS,
    )


LIMITS = (
    "One year of 17 homes of one town: a leader here need not lead on your meters.",
    "The search saw the days before the test only; the test saw no day that the graph was asked for.",
    "The sample's weather forecasts are exact, and its weather is that of a typical year: real forecasts are worse.",
)


def _facts(lake: Lake, zone: str) -> Facts:
    stamps = lake.read(READING, columns=["meter_id", "timestamp"]).to_pandas()
    first, last = stamps["timestamp"].min(), stamps["timestamp"].max()
    until = last + pd.Timedelta(hours=1)
    return Facts(stamps["meter_id"].nunique(), len(stamps), first, until, zone, SOURCE)


def _quality(lake: Lake) -> Quality:
    found = lake.read(FINDING).to_pandas()
    findings = found.groupby(["rule", "severity"], as_index=False).agg(
        findings=("timestamp", "size"), intervals=("intervals", "sum"), meters=("meter_id", "nunique")
    )
    refused = lake.read(QUARANTINE).to_pandas().groupby(["table", "reason"], as_index=False).size()
    return Quality(findings, refused.rename(columns={"size": "rows"}))


def _week(lake: Lake, meter: str) -> pd.DataFrame:
    """The last week of load and production of one home."""
    load = lake.read(READING, columns=["timestamp", "kwh"], meter_ids=[meter]).to_pandas()
    sun = lake.read(SOLAR, columns=["timestamp", "generation_kwh"], meter_ids=[meter]).to_pandas()
    both = load.merge(sun, on="timestamp", how="left").sort_values("timestamp")
    both["timestamp"] = both["timestamp"].dt.tz_localize(None)
    return both.tail(24 * 7).reset_index(drop=True)
