"""The estimation ladder on real London homes: gaps cut out of valid readings, and what each rung makes of them.

The homes are those that nothing was developed on: every second one by name. Error and coverage are those of the
intervals that a rung answers; the gain over three like days is that of the intervals that both answer.

    make bench-estimation         or: python benchmarks/estimation.py --data ../shared/data/london_lcl
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metrify.localtime import Calendar
from metrify.metrics.forecasts import mae, wape
from metrify.panel import Panel
from metrify.sample.gaps import cut
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.ladder import climbable, estimate
from metrify.vee.ladder.bands import band
from metrify.vee.ladder.rungs import RUNGS
from metrify.vee.ladder.segments import Segments
from metrify.vee.rules import trusted, validate

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "london_lcl"
LONDON = Calendar("Europe/London", "GB", "ENG")
HOURS = (1, 6, 24, 72)
PER_METER = 6
SEED = 4001
BASE = "like_days"


@dataclass(frozen=True)
class Answer:
    """What one method says of the holes, [M, T]; NaN where it says nothing."""

    name: str
    values: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of london_lcl")
    data = parser.parse_args().data
    if not data.is_dir():
        sys.exit(f"Nothing measured: {data} is not there; name the folder of london_lcl with --data.")
    homes = london(data)
    homes = homes.select(np.arange(1, len(homes.meter_ids), 2))
    truth, mask, gaps, evidence, flags = examination(homes)
    print(f"{len(homes.meter_ids)} homes, {len(gaps)} gaps, {np.count_nonzero(mask)} half hours", file=sys.stderr)
    answers = list(every_rung(evidence, flags, mask))
    print(table(truth, gaps, answers).to_string(index=False, na_rep="-"))


def london(data: Path) -> Panel:
    """kWh per half hour of all homes; stamps are GMT."""
    rows = pq.read_table(data / "readings.parquet", columns=["meter_id", "ts", "kwh"]).to_pandas()
    meter_ids, place = np.unique(rows["meter_id"].to_numpy(str), return_inverse=True)
    times = rows["ts"].to_numpy().astype("datetime64[s]")
    return Panel.from_long(meter_ids, place, times, rows["kwh"].to_numpy(), 30)


def examination(homes: Panel, seed: int = SEED) -> tuple[Panel, NDArray[np.bool_], pd.DataFrame, Evidence, Flags]:
    """The valid readings, where gaps were cut out of them, which gaps, and what is left with its flags."""
    signed = np.zeros(len(homes.meter_ids), bool)
    truth = trusted(homes, validate(Evidence(homes, signed, calendar=LONDON), VeeSettings()))
    holes, mask, gaps = cut(truth, HOURS, PER_METER, seed)
    evidence = Evidence(holes, signed, calendar=LONDON)
    return truth, mask, gaps, evidence, validate(evidence, VeeSettings())


def every_rung(evidence: Evidence, flags: Flags, wanted: NDArray[np.bool_]) -> Iterator[Answer]:
    """Each rung by itself, then the ladder of all."""
    settings = VeeSettings()
    ladder = climbable(evidence, flags, settings, wanted)
    segments = Segments.of(ladder.values, *np.nonzero(wanted), ladder.days)
    for rung in RUNGS:
        values = ladder.solve(rung, segments)
        laid = [segments.scatter(array, wanted.shape) for array in (values, *band(ladder, rung, segments, values))]
        yield Answer(rung, *laid)
    found = estimate(evidence, flags, settings, wanted=wanted)
    yield Answer("ladder", found.values, found.low, found.high)


def table(truth: Panel, gaps: pd.DataFrame, answers: list[Answer]) -> pd.DataFrame:
    """One row a length of gap and method."""
    row = {meter_id: place for place, meter_id in enumerate(truth.meter_ids)}
    base = next(answer.values for answer in answers if answer.name == BASE)
    lines = []
    for hours, some in gaps.groupby("hours"):
        cells = np.zeros(truth.values.shape, bool)
        for gap in some.itertuples():
            first, until = (truth.index(np.datetime64(time)) for time in (gap.timestamp, gap.until))
            cells[row[gap.meter_id], first:until] = True
        actual = truth.values[cells]
        lines += [{"gap_hours": hours, **scores(actual, base[cells], answer, cells)} for answer in answers]
    return pd.DataFrame(lines)


def scores(actual: NDArray, base: NDArray, answer: Answer, cells: NDArray[np.bool_]) -> dict[str, object]:
    values, low, high = (array[cells] for array in (answer.values, answer.low, answer.high))
    there = np.isfinite(values)
    both = there & np.isfinite(base)
    gain = 1 - mae(actual[both], values[both]) / mae(actual[both], base[both]) if both.any() else np.nan
    inside = (low <= actual) & (actual <= high)
    return {
        "method": answer.name,
        "answered": f"{there.mean():.1%}",
        "mae_kwh": round(mae(actual[there], values[there]), 4),
        "wape": round(wape(actual[there], values[there]), 3),
        "gain_over_like_days": f"{gain:.1%}" if both.any() else "-",
        "coverage_80": f"{inside[there].mean():.1%}" if there.any() else "-",
    }


if __name__ == "__main__":
    main()
