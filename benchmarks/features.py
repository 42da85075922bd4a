"""Features for 1,000 meters x 1 year hourly: Metrify's build beside a polars program of the same columns, in one run.

Both read the same READING files of a lake and write Parquet (zstd 1). Each runs twice; the second pass is the warm
one. Wall time, CPU time and peak memory (sum of the proportional set sizes of all processes) are printed, and a
sample of rows is compared, so that both did the same work.

    make bench-features          or: python benchmarks/features.py --meters 1000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from watch import Watch

from metrify import cluster
from metrify.features.build import build
from metrify.lake.tables import Lake
from metrify.schema import FEATURE, METER, READING, TIME, WEATHER
from metrify.settings import Workspace

START = np.datetime64("2013-01-01", "us")
HOURS = 8760


def fill(workspace: Workspace, meters: int) -> None:
    """A seeded fleet without gaps (so that windows by row, as in polars, equal windows by time) and its weather."""
    lake, random = Lake(workspace), np.random.default_rng(0)
    times = START + np.arange(HOURS) * np.timedelta64(1, "h")
    ids = [f"M{number:06d}" for number in range(meters)]
    for first in range(0, meters, 250):
        some = ids[first : first + 250]
        kwh = random.gamma(2.0, 0.2, (len(some), HOURS)).round(3)
        stamps = np.tile(times, len(some))
        lake.upsert(
            READING,
            pa.table(
                {
                    "meter_id": np.repeat(some, HOURS),
                    "timestamp": pa.array(stamps).cast(TIME),
                    "kwh": kwh.ravel(),
                    "version": np.zeros(len(stamps), np.int32),
                    "available_at": pa.array(stamps + np.timedelta64(1, "h")).cast(TIME),
                }
            ),
        )
    start = pa.array([START] * meters).cast(TIME)
    facts = {"zone": "UTC", "country": "GB", "subdivision": "ENG", "location": "here"}
    columns = {name: [value] * meters for name, value in facts.items()}
    lake.upsert(METER, pa.table({"meter_id": ids, "valid_from": start, **columns}))
    lake.upsert(WEATHER, weather(times, random))


def weather(times: np.ndarray, random: np.random.Generator) -> pa.Table:
    """Hourly forecasts, issued a day before."""
    return pa.table(
        {
            "location": ["here"] * len(times),
            "timestamp": pa.array(times).cast(TIME),
            "kind": ["forecast"] * len(times),
            "available_at": pa.array(times - np.timedelta64(24, "h")).cast(TIME),
            "temperature_c": random.normal(10, 5, len(times)),
            "humidity": random.uniform(20, 100, len(times)),
            "dni_wm2": random.uniform(0, 800, len(times)),
            "ghi_wm2": random.uniform(0, 400, len(times)),
        }
    )


def of_metrify(workspace: Workspace) -> list[dict[str, float | str]]:
    """Cold (the first build of a fresh Ray session) and warm (the second in it)."""
    passes = []
    with cluster.session(workspace):
        for name in ("metrify, cold", "metrify, warm"):
            with Watch() as watch:
                report = build(workspace)
            passes.append(watch.facts(name) | {"rows": report.rows})
    return passes


def of_polars(workspace: Workspace, out: Path) -> list[dict[str, float | str]]:
    """In a process of its own, so that neither pays for the other's memory."""
    files = [path for found in Lake(workspace).paths(READING).values() for path in found]
    weather_files = Lake(workspace).paths(WEATHER)[-1]
    job = json.dumps({"readings": files, "weather": weather_files, "out": str(out)})
    passes = []
    for name in ("polars, cold", "polars, warm"):
        with Watch() as watch:
            program = Path(__file__).with_name("polars_features.py")
            done = subprocess.run([sys.executable, program], input=job, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        # the warm figure leaves out starting Python and importing polars; the cold one holds them
        wall = watch.wall if name.endswith("cold") else answer["seconds"]
        passes.append(watch.facts(name) | {"wall_s": wall, "rows": answer["rows"]})
    return passes


def differences(workspace: Workspace, out: Path) -> dict[str, float]:
    """Largest difference per column over one meter, after the first 35 days."""
    theirs = pq.read_table(out, filters=[("meter_id", "=", "M000007")]).to_pandas().sort_values("timestamp")
    names = [name for name in theirs.columns if name not in FEATURE.names]
    ours = Lake(workspace).read(FEATURE, columns=["timestamp", *names], meter_ids=["M000007"]).to_pandas()
    ours = ours.sort_values("timestamp")
    both = [frame[names].to_numpy(np.float64)[35 * 24 : HOURS] for frame in (ours, theirs)]
    return dict(zip(names, np.nanmax(np.abs(both[0] - both[1]), axis=0, initial=0.0), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace, out = Workspace.open(Path(folder) / "home"), Path(folder) / "polars.parquet"
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # its memory is not the build's
            pool.submit(fill, workspace, arguments.meters).result()
        passes = of_metrify(workspace) + of_polars(workspace, out)
        print(f"{'':16}{'wall s':>8}{'CPU s':>8}{'peak GB':>9}{'rows':>12}")
        for one in passes:
            print(f"{one['who']:16}{one['wall_s']:8.1f}{one['cpu_s']:8.1f}{one['peak_gb']:9.2f}{one['rows']:12,}")
        warm = {one["who"]: one["wall_s"] for one in passes}
        print(f"warm, metrify / polars: {warm['metrify, warm'] / warm['polars, warm']:.2f}")
        worst = max(differences(workspace, out).items(), key=lambda item: item[1])
        print(f"largest difference in any column: {worst[1]:.2g} ({worst[0]})")


if __name__ == "__main__":
    main()
