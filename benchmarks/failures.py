"""The failure model on simulated devices, judged by the failures of the next year, beside the true hazard.

For each seed a fleet of devices with six years of history: the model learns from what was known at the begin of the
last year. The truth is the chance that the simulator itself gave each device. Seeds are ones that nothing was
developed on.

    make bench-failures           or: python benchmarks/failures.py --devices 1000 10000
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from metrify.features.asset import Equipment, as_of_grid, asset_frame
from metrify.metrics.classes import score_probabilities
from metrify.models.base import Batch
from metrify.models.catalog import family
from metrify.sample.simulator import simulate_devices

HORIZON = 365
END = np.datetime64("2017-08-01", "s")
SHOWN = ("auc_roc", "brier_skill", "average_precision", "recall_worst", "calibration_error")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[201, 202, 203, 204, 205])
    given = parser.parse_args()
    for devices in given.devices:
        rows = [row for seed in given.seeds for row in judged(devices, seed)]
        table = pd.DataFrame(rows).groupby("of", sort=False)[[*SHOWN, "failures"]].agg(["mean", "min", "max"])
        print(f"\n{devices:,} devices, next year, {len(given.seeds)} seeds: mean, worst and best of the seeds")
        print(table.round(3).T.to_string())


def judged(devices: int, seed: int) -> list[dict[str, float | str]]:
    """Scores of the true hazard and of the model for one fleet."""
    histories = simulate_devices(devices, 6, seed, until=END)
    frames = (histories.assets, histories.events, histories.weather)
    equipment = Equipment.of(*(table.to_pandas() for table in frames))
    begin = END - np.timedelta64(HORIZON, "D")
    days = as_of_grid(equipment, 91, HORIZON, until=begin)
    train = asset_frame(equipment, days, horizon_days=HORIZON, labels_until=begin)
    exam = asset_frame(equipment, np.array([begin]), horizon_days=HORIZON)
    model = family("maintenance/failure")().fit(Batch(train[train["target"].notna()]))
    said = model.predict(Batch(exam.drop(columns="target")))["probability"]
    truth = histories.probability(begin, HORIZON).set_index("asset_id")["probability"]
    actual = exam["target"].to_numpy()
    answers = {"the true hazard": exam["asset_id"].map(truth), "maintenance/failure": said}
    found = {name: score_probabilities(actual, chance.to_numpy(float)) for name, chance in answers.items()}
    return [
        {"of": name, **{key: scores[key] for key in SHOWN}, "failures": scores["positives"]}
        for name, scores in found.items()
    ]


if __name__ == "__main__":
    main()
