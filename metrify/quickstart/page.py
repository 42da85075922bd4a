"""What the demo's report says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

from metrify.lake.tables import Lake
from metrify.quickstart.forecasting import Forecasts
from metrify.quickstart.served import Served
from metrify.quickstart.tasks import Taught
from metrify.report import Facts, Link, Quality, Report, Stage, TaskResult
from metrify.schema import FINDING, QUARANTINE, READING, SOLAR
from metrify.serving.doors import doors
from metrify.settings import Workspace
from metrify.training.anomaly import with_verdicts

__all__ = ["page"]

SOURCE = (
    "17 homes in Fontana, California, 2016-08 to 2017-07: CityLearn Challenge 2022 (MIT licence), shipped with "
    "Metrify; beside them 100 simulated meters over the last four months and the histories of 1,000 simulated devices"
)
LIMITS = (
    "One year of 17 homes of one town: a leader here need not lead on your meters.",
    "The search saw the days before the test only; the test saw no day that the graph was asked for.",
    "Faults and devices are simulated, because their truth is known: real ones are more varied.",
    "The sample's weather forecasts are exact, and its weather is that of a typical year: real forecasts are worse.",
)


PARTS = {
    "anomaly": (
        "Anomalies",
        "Detectors learned from the simulated meters, and were examined on the real homes, into whose readings spikes, "
        "stuck displays and drops were put. A reading is flagged where its score passes the alert budget.",
        "AUC-ROC, average precision: by reading. Found, right: share of the faults that were found, and of the "
        "incidents that were faults. False incidents: per 1,000 meters and day; less is better, of all others more.",
        {
            "auc_roc": "AUC-ROC", "average_precision": "Average precision", "event_recall": "Found",
            "event_precision": "Right", "event_f1": "F1 by event", "false_incidents": "False incidents",
        },
    ),
    "maintenance": (
        "Maintenance",
        "The chance that a device fails within a year, learned from the histories of the years before, and judged by "
        "the failures of the last one.",
        "Brier skill: share of the squared error of always saying the mean rate that is saved. Worst tenth: share of "
        "the failures among the tenth of the devices with the highest chance. Less calibration error is better, of all "
        "others more.",
        {
            "auc_roc": "AUC-ROC", "average_precision": "Average precision", "brier_skill": "Brier skill",
            "recall_worst": "Failures in the worst tenth", "calibration_error": "Calibration error",
        },
    ),
    "quality": (
        "Data quality",
        "The quality of each day of each meter by the rules, and the chance that the next day needs estimation, "
        "judged by whether it did.",
        "Brier skill: share of the squared error of always saying the mean rate that is saved. Less calibration error "
        "is better, of all others more.",
        {
            "auc_roc": "AUC-ROC", "average_precision": "Average precision", "brier_skill": "Brier skill",
            "calibration_error": "Calibration error",
        },
    ),
}  # fmt: skip
"""Title, text, note and shown metrics of each section."""


def page(
    workspace: Workspace,
    stages: Sequence[Stage],
    found: Forecasts,
    others: dict[str, Taught],
    served: pd.DataFrame,
    answers: Served,
) -> Report:
    """The whole report."""
    lake = Lake(workspace)
    zones = lake.meters().set_index("meter_id")["zone"]
    home = sorted(served["meter_id"])[0]
    champion = found.trained.version.name
    forecasts = found.judged.answers[found.judged.answers["model"] == champion]
    league = _league(found.judged.league, champion)
    versions = league["family"].map({champion: str(found.trained.version.version)})
    importance = getattr(found.trained.model, "importance", dict)()
    return Report(
        title="From meter readings to answers",
        generated_at=datetime.now(UTC),
        facts=_facts(lake, zones[home]),
        stages=tuple(stages),
        quality=_quality(lake),
        league=league.assign(version=versions),
        forecasts=forecasts.assign(zone=forecasts["meter_id"].astype(str).map(zones)),
        week=_week(lake, home),
        served=served.assign(zone=served["meter_id"].map(zones)),
        importance=pd.DataFrame({"feature": list(importance), "gain": list(importance.values())}),
        settings=found.trained.model.settings,
        tasks=tuple(_section(workspace, taught, answers) for taught in others.values()),
        links=tuple(Link(door.name, door.address, door.how) for door in doors(workspace)),
        limits=LIMITS,
    )


def _league(league: pd.DataFrame, champion: str) -> pd.DataFrame:
    roles = league["role"].mask(league["family"] == champion, "champion").replace("entrant", "challenger")
    return league.rename(columns={"fit_seconds": "seconds"}).assign(role=roles)


def _section(workspace: Workspace, taught: Taught, answers: Served) -> TaskResult:
    name = taught.task.name
    title, text, note, shown = PARTS[name]
    league = _league(taught.judged.league, taught.champion.partition(":")[0])
    pictures = {"anomaly": _detected, "maintenance": _said, "quality": _scored}
    text = f"{text} Asked in the test: {taught.task.asked(taught.judged.exam)}."
    return TaskResult(name, title, text, note, league, shown, pictures[name](workspace, taught), answers.tables[name])


def _of_champion(taught: Taught) -> pd.DataFrame:
    """What the champion answered in the test, in the order of its rows."""
    answers = taught.judged.answers
    return answers[answers["model"] == taught.champion.partition(":")[0]].reset_index(drop=True)


def _detected(workspace: Workspace, taught: Taught) -> pd.DataFrame:
    """The home with the most kinds of faults, and what was flagged of it."""
    exam = taught.judged.exam
    told = with_verdicts(_of_champion(taught), exam, workspace.settings.anomaly.alert_budget)
    rows = exam.assign(verdict=told["verdict"].to_numpy(bool), meter_id=exam["meter_id"].astype(str))
    meter = rows.groupby("meter_id")["kind"].nunique().idxmax()
    return rows.loc[rows["meter_id"] == meter, ["timestamp", "value", "usual", "target", "verdict"]]


def _said(workspace: Workspace, taught: Taught) -> pd.DataFrame:  # noqa: ARG001
    return _of_champion(taught)[["probability", "actual"]]


def _scored(workspace: Workspace, taught: Taught) -> pd.DataFrame:  # noqa: ARG001
    return _of_champion(taught)[["meter_id", "local_date", "score"]]


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
