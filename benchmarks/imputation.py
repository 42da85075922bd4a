"""Learned imputers beside the rungs of the ladder: gaps cut out of real London homes, in one table.

Families learn from one half of the homes and are examined on the other half, on which nothing was developed, with gaps
at other places. Error and coverage are those of the intervals that a method answers; a gain is one minus the ratio of
the mean absolute errors, over the intervals that both answer.

    make bench-imputation         or: python benchmarks/imputation.py --data ../shared/data/london_lcl
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from metrify.features.gap import RUNGS
from metrify.lake.files import ingest
from metrify.lake.tables import Lake
from metrify.metrics.forecasts import coverage, mae, wape
from metrify.models.catalog import family, league
from metrify.settings import Workspace
from metrify.training.estimation import EXAM, EstimationTask, teachers

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "london_lcl"
SEEDS = (5001, 5002)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of london_lcl")
    parser.add_argument("--developing", action="store_true", help="within the half that families learn from")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"Nothing measured: {arguments.data} is not there; name the folder of london_lcl with --data.")
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace.open(home)
        mappings = ROOT / "examples" / "london"
        ingest(workspace, "readings", [arguments.data / "readings.parquet"], mappings / "readings.toml")
        ingest(workspace, "meters", [arguments.data / "households.csv"], mappings / "meters.toml")
        learn, exam = halves(sorted(Lake(workspace).meters()["meter_id"]))
        if arguments.developing:
            learn, exam = learn[::2], learn[1::2]
        examine(workspace, learn, exam)


def halves(meter_ids: list[str]) -> tuple[list[str], list[str]]:
    """The homes that families learn from, and the others."""
    ranked = sorted(meter_ids, key=lambda meter: zlib.crc32(f"imputation {meter}".encode()))
    middle = len(ranked) // 2
    return sorted(ranked[:middle]), sorted(ranked[middle:])


def examine(workspace: Workspace, learn: list[str], exam: list[str]) -> None:
    teaching = EstimationTask(workspace, teachers(workspace, learn))
    known = teaching.batch(teaching.known_at(teaching.end))
    print(f"{len(learn)} homes teach {len(known.rows):,} intervals, {len(exam)} others are examined", file=sys.stderr)
    models = {}
    for name in league("quality/imputer"):
        started = time.process_time()
        models[name] = family(name).configured({}).fit(known)
        print(f"{name} learned in {time.process_time() - started:.0f} CPU-s", file=sys.stderr)
    groups, frames = teachers(workspace, exam), []
    for seed in SEEDS:
        task = EstimationTask(workspace, groups, seed)
        rows = task.exam(task.moments[0], task.end)
        asked = task.batch(rows.drop(columns="target"))
        answers = {rung.name: rows[["target"]].assign(value=rows[rung.name]) for rung in RUNGS}
        answers |= {name: model.predict(asked) for name, model in models.items()}
        frames += [
            pd.DataFrame({"method": name, "actual": rows["target"], **_sides(answer), **_beside(rows)})
            for name, answer in answers.items()
        ]
    print(table(pd.concat(frames, ignore_index=True)).to_string(index=False, na_rep="-"))


def _sides(answer: pd.DataFrame) -> dict[str, pd.Series | float]:
    return {side: answer.get(side, np.nan) for side in ("value", "low", "high")}


def _beside(rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {"gap_hours": rows["gap_hours"], "like_days": rows["like_days"], "linear": rows["linear"]}


def table(answers: pd.DataFrame) -> pd.DataFrame:
    """One row per length of gap and method, from what no natural gap makes longer."""
    return pd.DataFrame(
        [
            {"gap_hours": hours, "method": name, **scores(some)}
            for hours in EXAM
            for name, some in answers[answers["gap_hours"] == hours].groupby("method", sort=False)
        ]
    )


def scores(some: pd.DataFrame) -> dict[str, str | float]:
    there = some[some["value"].notna()]
    gains = {
        f"gain_over_{base}": f"{1 - mae(both['actual'], both['value']) / mae(both['actual'], both[base]):.1%}"
        for base in ("like_days", "linear")
        for both in [there[there[base].notna()]]
        if len(both)
    }
    banded = there[there["low"].notna()]
    return {
        "answered": f"{len(there) / len(some):.1%}",
        "mae_kwh": round(mae(there["actual"], there["value"]), 4),
        "wape": round(wape(there["actual"], there["value"]), 3),
        **gains,
        "coverage_80": f"{coverage(banded['actual'], banded['low'], banded['high']):.1%}" if len(banded) else "-",
    }


if __name__ == "__main__":
    main()
