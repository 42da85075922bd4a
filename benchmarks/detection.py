"""Anomaly detectors on real London homes with faults put in, event by event: a table per family and kind of fault.

Detectors learn from one part of the homes before October 2013 and are examined on the others in October to December,
with seeds that nothing was developed on. Verdicts are those of the alert budget of the settings.

    make bench-detection          or: python benchmarks/detection.py --data ../shared/data/london_lcl
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from metrify.lake.files import ingest
from metrify.metrics.events import by_kind, score_events
from metrify.models.catalog import league
from metrify.settings import Workspace
from metrify.training.anomaly import AnomalyTask, with_verdicts
from metrify.training.backtest import backtest
from metrify.training.split import Fold

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "london_lcl"
BEGIN, END = np.datetime64("2013-10-01", "s"), np.datetime64("2014-01-01", "s")
FIRST = np.datetime64("2013-01-01", "s")
SEEDS = (1001, 1002, 1003)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of london_lcl")
    data = parser.parse_args().data
    if not data.is_dir():
        sys.exit(f"Nothing measured: {data} is not there; name the folder of london_lcl with --data.")
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace.open(home)
        mappings = ROOT / "examples" / "london"
        ingest(workspace, "readings", [data / "readings.parquet"], mappings / "readings.toml")
        ingest(workspace, "meters", [data / "households.csv"], mappings / "meters.toml")
        print_tables(workspace)


def print_tables(workspace: Workspace) -> None:
    """Pooled over the seeds: events by kind, then all of them with what was raised for nothing."""
    task, fold = AnomalyTask.of(workspace), Fold(FIRST, BEGIN, BEGIN, END)
    budget = workspace.settings.anomaly.alert_budget
    names = league("anomaly")
    told: dict[str, list[pd.DataFrame]] = {}
    for seed in SEEDS:
        judged = backtest(replace(task, seed=seed), {name: {} for name in names}, [fold])
        exam = judged.exam.assign(
            meter_id=judged.exam["meter_id"].astype(str) + f" {seed}",
            event=judged.exam["event"].where(judged.exam["event"] == "", judged.exam["event"] + f" {seed}"),
        )
        for name, answers in judged.answers.groupby("model", sort=False):
            verdict = with_verdicts(answers.reset_index(drop=True), judged.exam, budget)["verdict"]
            told.setdefault(str(name), []).append(exam.assign(verdict=verdict.to_numpy(bool)))
        print(f"seed {seed}: {task.asked(judged.exam)}", file=sys.stderr)
        print(judged.league[["family", "average_precision", "auc_roc", "f1"]].round(3).to_string(index=False))
    rows = []
    for name, frames in told.items():
        whole = pd.concat(frames, ignore_index=True)
        found = score_events(whole)
        kinds = by_kind(whole).set_index("kind")["recall"]
        names = ("event_recall", "event_precision", "event_f1", "false_incidents", "event_delay_hours")
        rows.append({"family": name, **kinds.to_dict(), **{key: found[key] for key in names}})
    print(f"\nAlert budget: {budget:g} ordinary readings per 1,000 meters and day; false incidents in the same unit.")
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
