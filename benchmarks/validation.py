"""The validation rules: what they find, on which data, and what they cost beside pandera's schema checks.

Faults are put into London homes that nothing was developed on (every second one by name), with seeds that nothing was
developed on; the same homes without faults say how often a rule speaks for nothing. The masks of pv_quality are scored
reading by reading. Real junk of one transformer is shown beside it. Then all rules run over 8.76 million simulated
readings (1,000 meters by the hour for a year, with their counters and other channels), decoded and compiled before.

    make bench-validation         or: python benchmarks/validation.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from metrify.localtime import Calendar, local_times
from metrify.metrics.events import score_events
from metrify.panel import Panel
from metrify.sample.faults import FaultPlan, Injected, inject
from metrify.sample.simulator.fleet import simulate
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags
from metrify.vee.rules import RULES, flagged, validate

DATA = Path(__file__).parents[2] / "shared" / "data"
LONDON = Calendar("Europe/London", "GB", "ENG")
SEEDS = (2001, 2002, 2003)
KINDS = ("gap", "negative", "stuck", "spike", "clock_shift")
PLAN = FaultPlan(kinds=KINDS, events_per_meter=5.0)
DUPLICATES = 5
"""Intervals of each meter that were reported twice."""
SETTINGS = VeeSettings()
CHANNELS = ("kwh_export", "voltage_v", "current_a", "register_kwh", "register_export_kwh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of london_lcl, pv_quality and the others")
    parser.add_argument("--meters", type=int, default=1000, help="of the speed test")
    asked = parser.parse_args()
    if (asked.data / "london_lcl").is_dir():
        print_findings(asked.data)
    else:
        print(f"No real readings: {asked.data} is not there; name the folder with --data.", file=sys.stderr)
    print_speed(asked.meters)


def print_findings(data: Path) -> None:
    homes = london(data / "london_lcl")
    rows = [scored(kind, frame) for kind, frame in injected_frames(homes).items()]
    rows.append(scored("dst_shift", summers(homes)))
    rows += [masks(data / "pv_quality", "stale", "stuck"), masks(data / "pv_quality", "interpolated", "interpolated")]
    print(f"\n{len(homes.meter_ids)} unseen London homes, seeds {SEEDS}; pv_quality by reading\n")
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    flags = {"London": validate(of(homes), SETTINGS)}
    panels = {"London": homes}
    for name, known in transformer(data / "transformer_monitoring").items():
        flags[name], panels[name] = validate(known, SETTINGS), known.panel
    print("\nShare of readings that each rule flags [%]: untouched London homes, and one real transformer\n")
    print(shares(panels, flags).round(4).to_string())


def london(folder: Path) -> Panel:
    """The homes that nothing was developed on."""
    rows = pd.read_parquet(folder / "readings.parquet")
    names, place = np.unique(rows["meter_id"].astype(str), return_inverse=True)
    panel = Panel.from_long(names, place, rows["ts"].to_numpy(), rows["kwh"].to_numpy(), 30)
    return panel.select(np.arange(1, len(names), 2))


def of(panel: Panel, **known) -> Evidence:
    return Evidence(panel, np.zeros(len(panel.meter_ids), bool), calendar=LONDON, **known)


def injected_frames(homes: Panel) -> dict[str, pd.DataFrame]:
    """By kind of fault: what its rule said of every reading that it flagged or that a fault of the kind covers."""
    found: dict[str, list[pd.DataFrame]] = {kind: [] for kind in (*KINDS, "duplicate")}
    for seed in SEEDS:
        faulty = inject(homes, PLAN, seed=seed, zone=LONDON.zone)
        repeated = duplicates(faulty.panel, seed)
        flags = validate(of(faulty.panel, repeated=repeated), SETTINGS)
        for kind in KINDS:
            found[kind].append(frame(faulty.panel, flags, kind, events(faulty, kind), seed))
        number = np.where(repeated > 0, np.arange(repeated.size).reshape(repeated.shape), -1)
        found["duplicate"].append(frame(faulty.panel, flags, "duplicate", number, seed))
    return {kind: pd.concat(frames, ignore_index=True) for kind, frames in found.items()}


def duplicates(panel: Panel, seed: int) -> np.ndarray:
    """When a second report could be known, of a few readings of each meter."""
    rng, repeated = np.random.default_rng(seed), np.zeros(panel.values.shape, np.int64)
    ends = panel.times.astype(np.int64) + panel.step_minutes * 60
    for row, known in zip(repeated, panel.mask, strict=True):
        places = rng.choice(np.flatnonzero(known), DUPLICATES, replace=False)
        row[places] = ends[places] + rng.integers(0, 86_400, DUPLICATES)
    return repeated


def events(faulty: Injected, kind: str) -> np.ndarray:
    """Number of the event of that kind at each reading, -1 for none."""
    labels = faulty.labels()
    return np.where(np.append(faulty.faults["kind"].to_numpy() == kind, False)[labels], labels, -1)


def frame(panel: Panel, flags: Flags, rule: str, event: np.ndarray, seed: int) -> pd.DataFrame:
    """Rows for score_events; a gap that was there before, or that a wrong clock moved, is right and no event."""
    said = flagged(flags, rule)
    told = (said | (event >= 0)) & ~((rule == "gap") & (event < 0) & ~panel.mask)
    meter, place = np.nonzero(told)
    names = np.where(event[told] >= 0, np.char.add(f"{seed} {rule} ", event[told].astype(str)), "")
    return pd.DataFrame(
        {
            "meter_id": np.char.add(panel.meter_ids[meter], f" {seed}"),
            "timestamp": panel.times[place],
            "verdict": said[told],
            "event": names,
        }
    )


def scored(kind: str, rows: pd.DataFrame) -> dict[str, object]:
    score = score_events(rows)
    return {"kind": kind, "events": int(score["events"])} | {
        name: score[f"event_{name}"] for name in ("precision", "recall", "f1")
    }


def summers(homes: Panel) -> pd.DataFrame:
    """Every second home an hour off, early or late, from the change in March to the one in October."""
    clock = local_times(homes.times, LONDON.zone)
    ahead = clock.day.astype(np.int64) * 1440 + clock.minute > homes.times.astype(np.int64) // 60
    values, event = homes.values.copy(), np.full(homes.values.shape, -1)
    for meter in range(0, len(values), 2):
        by = (60 if meter % 4 else -60) // homes.step_minutes
        values[meter, ahead] = np.roll(homes.values[meter], by)[ahead]
        event[meter, ahead] = meter
    panel = homes.replace(values)
    return frame(panel, validate(of(panel), SETTINGS, only={"dst_shift"}), "dst_shift", event, 0)


def masks(folder: Path, name: str, rule: str) -> dict[str, object]:
    """How well a rule finds the readings that people marked."""
    rows = pd.read_csv(folder / f"ac_power_inv_2173_{name}_data.csv.gz", parse_dates=["timestamp"])
    start = rows["timestamp"].iloc[0].tz_convert("UTC").tz_localize(None).to_datetime64().astype("datetime64[s]")
    values = rows["value_normalized"].to_numpy(np.float32)[None]
    flags = validate(of(Panel(np.array(["plant"]), start, 15, values)), SETTINGS)
    found, true = flagged(flags, rule)[0], rows[f"{name}_data_mask"].to_numpy(bool)
    precision, recall = (found & true).sum() / found.sum(), (found & true).sum() / true.sum()
    f1 = 2 * precision * recall / (precision + recall)
    return {"kind": f"pv {name} ({rule})", "events": true.sum(), "precision": precision, "recall": recall, "f1": f1}


def transformer(folder: Path) -> dict[str, Evidence]:
    """Load [kW], a current [A], oil temperature [degrees C] and oil level [%] of one transformer, each as a series."""
    power = pd.read_parquet(folder / "Power.parquet")
    power["load"] = power[["WL1", "WL2", "WL3"]].sum(axis=1)
    current, oil = pd.read_parquet(folder / "CurrentVoltage.parquet"), pd.read_parquet(folder / "Overview.parquet")
    columns = {"load": (power, "load"), "current": (current, "IL1"), "oil": (oil, "OTI"), "oil level": (oil, "OLI")}
    return {name: _series(name, *column) for name, column in columns.items()}


def _series(name: str, rows: pd.DataFrame, column: str) -> Evidence:
    times = pd.to_datetime(rows["DeviceTimeStamp"]).to_numpy().astype("datetime64[s]")
    differs = rows.groupby(times)[column].transform("nunique").to_numpy() > 1
    first = ~pd.Series(times).duplicated().to_numpy()
    nobody = np.zeros(first.sum(), np.int64)
    values = rows[column].to_numpy()
    panel = Panel.from_long(np.array([name]), nobody, times[first], values[first], 15, add_up=False)
    place = (times - panel.start) // np.timedelta64(900, "s")
    off_grid, repeated = np.zeros(panel.values.shape, bool), np.zeros(panel.values.shape, np.int64)
    off_grid[0, place] = (times - panel.start).astype(np.int64) % 900 != 0
    repeated[0, place[differs]] = panel.times[place[differs]].astype(np.int64) + 900
    known = of(panel, off_grid=off_grid, repeated=repeated)
    return replace(known, calendar=Calendar("Asia/Kolkata", "IN"))


def shares(panels: dict[str, Panel], flags: dict[str, Flags]) -> pd.DataFrame:
    """Rules by series: per cent of the readings, of a gap per cent of the intervals."""
    table = pd.DataFrame(index=[f"{rule.name} ({rule.severity})" for rule in RULES])
    for name, found in flags.items():
        known = panels[name].mask
        table[name] = [
            100 * (flagged(found, rule.name) & (known | (rule.name == "gap"))).sum() / known.sum() for rule in RULES
        ]
    table = table[(table > 0).any(axis=1)]
    told = {name: np.zeros(found.shape, bool) for name, found in flags.items()}
    for name, found in flags.items():
        for rule in RULES:
            told[name] |= flagged(found, rule.name) if rule.severity != "info" else False
    known = {name: panels[name].mask for name in told}
    table.loc["any error or warning"] = {
        name: 100 * (found & known[name]).sum() / known[name].sum() for name, found in told.items()
    }
    return table


def print_speed(meters: int) -> None:
    known = simulated(meters)
    readings = known.panel.values.size
    validate(known, SETTINGS)  # compiles, or loads what was compiled
    rows = [{"what": rule.name, "CPU s": cpu(lambda rule=rule: rule.find(known, SETTINGS))} for rule in RULES]
    rows.append({"what": "all rules, one mask", "CPU s": cpu(lambda: validate(known, SETTINGS))})
    rows.append({"what": "all rules, at once", "CPU s": cpu(lambda: validate(known, SETTINGS, hindsight=False))})
    rows.append({"what": "pandera: not null, >= 0, range, unique key", "CPU s": pandera_seconds(known.panel)})
    table = pd.DataFrame(rows)
    table["readings/s"] = (readings / table["CPU s"].clip(lower=1e-3)).round(-3).astype(int).map("{:,}".format)
    print(f"\nCPU seconds for {readings:,} simulated readings with {len(known.channels)} other channels\n")
    print(table.round(3).to_string(index=False))


def cpu(work) -> float:
    """User and system seconds of this process; best of two."""
    taken = []
    for _ in range(2):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def simulated(meters: int, days: int = 365) -> Evidence:
    """A simulated year of hours with its faults and channels; a channel that a meter does not have is empty."""
    fleet = simulate(meters, days, seed=2001)
    around = fleet.around()["METER"].to_pandas().drop_duplicates("meter_id", keep="last").sort_values("meter_id")
    names = around["meter_id"].to_numpy(str)
    start, shape = fleet.clock.times[0].astype("datetime64[s]"), (len(names), len(fleet.clock.times))
    types = {name: np.float64 if name.startswith("register") else np.float32 for name in ("kwh", *CHANNELS)}
    values = {name: np.full(shape, np.nan, kind) for name, kind in types.items()}
    for part in fleet.parts():
        rows = part.tables["READING"]
        meter = np.searchsorted(names, rows["meter_id"].to_numpy().astype(str))
        place = (rows["timestamp"].to_numpy().astype("datetime64[s]") - start) // np.timedelta64(3600, "s")
        for name, grid in values.items():
            grid[meter, place] = rows[name].to_numpy()
    panels = {name: Panel(names, start, 60, grid) for name, grid in values.items()}
    pv_kw = around["pv_kw"].to_numpy(np.float64)
    calendar = Calendar(str(around["zone"].iloc[0]), str(around["country"].iloc[0]))
    return Evidence(panels.pop("kwh"), np.nan_to_num(pv_kw) > 0, calendar=calendar, channels=panels, pv_kw=pv_kw)


def pandera_seconds(panel: Panel) -> float:
    """The same readings as a frame of long rows, through a schema with the checks that pandera has for them."""
    import pandera.pandas as pandera

    frame = pd.DataFrame(
        {
            "meter_id": pd.Categorical.from_codes(
                np.repeat(np.arange(len(panel.meter_ids)), panel.values.shape[1]), list(panel.meter_ids)
            ),
            "timestamp": np.tile(panel.times, len(panel.meter_ids)),
            "kwh": panel.values.ravel(),
        }
    )
    checks = [pandera.Check.ge(0), pandera.Check.in_range(0, 1000)]
    columns = {
        "meter_id": pandera.Column("category"),
        "timestamp": pandera.Column("datetime64[s]"),
        "kwh": pandera.Column("float32", checks, nullable=False),
    }
    schema = pandera.DataFrameSchema(columns, unique=["meter_id", "timestamp"])
    found: list[int] = []

    def check() -> None:
        try:
            schema.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            found.append(len(errors.failure_cases))

    return cpu(check)


if __name__ == "__main__":
    main()
