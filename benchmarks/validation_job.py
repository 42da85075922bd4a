"""`metrify vee` and `metrify impute` as jobs on Ray, in readings per second, beside pandera over the same files.

A simulated fleet with all channels and its faults: 1,000 meters x 1 year hourly by default. The jobs decode the lake's
files, validate, grade and write; a second impute has nothing new to write. pandera reads the same files with pyarrow
and checks, bucket by bucket in this process, the contract that `metrify contract readings` checks: types, nulls, ranges
and unique keys.

    make bench-validation-job          or: python benchmarks/validation_job.py --meters 1000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from watch import Watch

from metrify import cluster
from metrify.lake.tables import Lake
from metrify.models.quality.contract import contract
from metrify.sample.simulator import load, simulate
from metrify.schema import READING
from metrify.settings import Workspace
from metrify.vee.impute import impute_lake
from metrify.vee.validate import validate_lake


def jobs(workspace: Workspace) -> list[dict[str, float | str]]:
    """Each job in one Ray session; the first validation also starts the actors."""
    work = {
        "vee, cold": lambda: validate_lake(workspace),
        "vee, warm": lambda: validate_lake(workspace),
        "impute, first": lambda: impute_lake(workspace),
        "impute, again": lambda: impute_lake(workspace),
    }
    passes = []
    with cluster.session(workspace):
        for name, run in work.items():
            with Watch() as watch:
                run()
            passes.append(watch.facts(name))
    return passes


def of_pandera(workspace: Workspace) -> dict[str, float | str]:
    """Every bucket's readings through the contract of the table; what breaks it is counted, not raised."""
    import pandera.pandas as pandera

    schema = contract(READING)
    with Watch() as watch:
        for files in Lake(workspace).paths(READING).values():
            parts = [pq.read_table(file, columns=READING.names, partitioning=None) for file in files]
            frame = pd.concat([part.to_pandas() for part in parts], ignore_index=True)
            try:
                schema.validate(frame, lazy=True)
            except pandera.errors.SchemaErrors as errors:
                print(f"pandera found {len(errors.failure_cases):,} breaches")
    return watch.facts("pandera")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.open(Path(folder) / "home")
        load(workspace, simulate(arguments.meters, 365, 7))
        readings = Lake(workspace).count(READING)
        passes = [*jobs(workspace), of_pandera(workspace)]
    print(f"{readings:,} readings\n{'':16}{'wall s':>8}{'CPU s':>8}{'peak GB':>9}{'readings/s':>14}{'per CPU-s':>14}")
    for one in passes:
        rates = f"{readings / one['wall_s']:14,.0f}{readings / one['cpu_s']:14,.0f}"
        print(f"{one['who']:16}{one['wall_s']:8.1f}{one['cpu_s']:8.1f}{one['peak_gb']:9.2f}{rates}")


if __name__ == "__main__":
    main()
