"""What a finding says in words: the figures of its run, in the unit of what was looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.schema import READING
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules.counter import continued
from metrify.vee.rules.nominal import nominal_voltage
from metrify.vee.rules.register import REGISTERS, Pair, dropped, pairs

__all__ = ["Runs", "details"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Runs:
    """Runs of neighbouring intervals, R of them, by meter and time."""

    meter: NDArray[np.int64]
    """row of the panel, [R]"""
    first: NDArray[np.int64]
    """column of the first interval"""
    until: NDArray[np.int64]
    """column after the last interval"""
    cells: NDArray[np.int64]
    """places in the flat matrix of all their intervals"""

    @classmethod
    def of(cls, cells: NDArray[np.int64], intervals: int) -> Runs:
        """From sorted places in the flat matrix of `intervals` columns."""
        begins = np.flatnonzero((np.diff(cells, prepend=-2) > 1) | (cells % max(intervals, 1) == 0))
        length = np.diff(begins, append=len(cells))
        meter, first = np.divmod(cells[begins], max(intervals, 1))
        return cls(meter, first, first + length, cells)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return self.until - self.first

    def figure(self, how: np.ufunc, panel: Panel) -> Numbers:
        """The values of each run, put together by `how`, [R]."""
        begins = np.cumsum(self.lengths) - self.lengths
        return how.reduceat(panel.values.ravel()[self.cells].astype(np.float64), begins)

    def at(self, panel: Panel, column: NDArray[np.int64]) -> Numbers:
        """The value of one interval a run, NaN beyond the panel, [R]."""
        inside = (column >= 0) & (column < panel.values.shape[1])
        return np.where(inside, panel.values[self.meter, np.where(inside, column, 0)], np.nan)


def details(rule: str, runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    """The figures of each run that a rule found; empty where there is nothing to add to what the rule means."""
    return _DETAILS[rule](runs, evidence, settings) if rule in _DETAILS and len(runs.meter) else [""] * len(runs.meter)


def _unit(evidence: Evidence) -> str:
    return READING[evidence.column].unit


def _lasting(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    hours = runs.lengths * evidence.panel.step_minutes / 60
    return [f"{h / 24:.4g} days" if h >= 48 else f"{h:.4g} h" for h in hours.tolist()]


def _lowest(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    found, unit = runs.figure(np.fmin, evidence.panel), _unit(evidence)
    return [f"lowest {value:g} {unit}" for value in found.tolist()]


def _highest(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    found, unit = runs.figure(np.fmax, evidence.panel), _unit(evidence)
    return [f"highest {value:g} {unit}" for value in found.tolist()]


def _level(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    found, unit = runs.at(evidence.panel, runs.first), _unit(evidence)
    lasting = _lasting(runs, evidence, settings)
    return [f"{value:g} {unit} for {time}" for value, time in zip(found.tolist(), lasting, strict=True)]


def _stands(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    found, unit = runs.at(evidence.panel, runs.first), _unit(evidence)
    return ["" if isnan(value) else f"{value:g} {unit} stands" for value in found.tolist()]


def _used(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    found, unit = runs.figure(np.add, evidence.panel.replace(np.nan_to_num(evidence.panel.values))), _unit(evidence)
    lasting = _lasting(runs, evidence, settings)
    return [f"{value:.6g} {unit} in {time}" for value, time in zip(found.tolist(), lasting, strict=True)]


def _step(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    return _from_to(runs.at(evidence.panel, runs.first - 1), runs.at(evidence.panel, runs.first), _unit(evidence))


def _slope(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    return _from_to(runs.at(evidence.panel, runs.first), runs.at(evidence.panel, runs.until - 1), _unit(evidence))


def _from_to(before: Numbers, after: Numbers, unit: str, digits: int = 6) -> list[str]:
    both = zip(before.tolist(), after.tolist(), strict=True)
    return ["" if isnan(a) or isnan(b) else f"from {a:.{digits}g} to {b:.{digits}g} {unit}" for a, b in both]


def _disagreement(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    """Of the counters of a meter the one that is further from its intervals."""
    moved, total = np.full((2, len(runs.meter)), np.nan)
    for pair in pairs(evidence):
        mine, one, other = _both_ways(runs, pair, len(evidence.panel.meter_ids))
        further = ~(np.abs(one - other) <= np.abs(moved[mine] - total[mine])) & np.isfinite(one)
        moved[mine[further]], total[mine[further]] = one[further], other[further]
    both = zip(total.tolist(), moved.tolist(), strict=True)
    return ["" if isnan(b) else f"intervals {a:.6g} kWh, counter {b:.6g} kWh" for a, b in both]


def _both_ways(runs: Runs, pair: Pair, meters: int) -> tuple[NDArray[np.int64], Numbers, Numbers]:
    """The runs of the pair's meters, and of each what the counter moved and what the intervals add up to."""
    some = np.zeros(meters, bool)
    some[pair.rows] = True
    mine = np.flatnonzero(some[runs.meter] & (runs.first > 0))
    used, place = np.unique((np.cumsum(some) - 1)[runs.meter[mine]], return_inverse=True)
    fresh = pair.fresh[used] if pair.fresh.size else pair.fresh
    counter = pair.counter[used] if pair.net else continued(pair.counter[used], fresh)
    sums = np.cumsum(np.pad(np.nan_to_num(pair.values[used].astype(np.float64)), ((0, 0), (1, 0))), axis=1)
    first, until = runs.first[mine], runs.until[mine]
    return mine, counter[place, until - 1] - counter[place, first - 1], sums[place, until] - sums[place, first]


def _drop(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    """From which reading to which the counter went down, at the first interval of the run."""
    found = np.full((2, len(runs.meter)), np.nan)
    for register in REGISTERS:
        rows, counter = dropped(evidence, register), evidence.channel(register)
        if counter is not None and len(rows):
            width = counter.values.shape[1]
            known, wanted = rows[:, 0] * width + rows[:, 1], runs.meter * width + runs.first
            place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            hit = np.flatnonzero(known[place] == wanted)
            meter, first, before, _ = rows[place[hit]].T
            found[:, hit] = counter.values[meter, before], counter.values[meter, first]
    return _from_to(*found, "kWh", digits=12)


def _given_back(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    export = evidence.channel("kwh_export")
    if export is None:
        return [""] * len(runs.meter)
    return [f"{value:g} kWh" for value in runs.figure(np.add, export).tolist()]


def _factor(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    kwh, kvarh = evidence.channel("kwh"), evidence.channel("kvarh")
    if kwh is None or kvarh is None:
        return [""] * len(runs.meter)
    active, reactive = (panel.values.ravel()[runs.cells].astype(np.float64) for panel in (kwh, kvarh))
    with np.errstate(invalid="ignore"):
        factor = np.abs(active) / np.hypot(active, reactive)
    begins = np.cumsum(runs.lengths) - runs.lengths
    lowest = np.fmin.reduceat(factor, begins).tolist()
    limit = f"limit {settings.least_power_factor:g}"
    return ["no kvarh" if isnan(value) else f"lowest power factor {value:.2f}, {limit}" for value in lowest]


def _volts(runs: Runs, evidence: Evidence, settings: VeeSettings) -> list[str]:
    voltage = evidence.channel("voltage_v")
    if voltage is None:
        return [""] * len(runs.meter)
    nominal = nominal_voltage(voltage)[0][runs.meter]
    low, high = runs.figure(np.fmin, voltage), runs.figure(np.fmax, voltage)
    worst = np.where(nominal - low > high - nominal, low, high)
    band = f"nominal {{:g}} V, band {settings.voltage_band:.0%}"
    return [f"{v:.4g} V, {band.format(n)}" for v, n in zip(worst.tolist(), nominal.tolist(), strict=True)]


_DETAILS: dict[str, Callable[[Runs, Evidence, VeeSettings], list[str]]] = {
    "gap": _lasting,
    "duplicate": _stands,
    "negative": _lowest,
    "stuck": _level,
    "spike": _highest,
    "zero_run": _lasting,
    "high_usage": _used,
    "low_usage": _used,
    "jump": _step,
    "interpolated": _slope,
    "clipped": _highest,
    "clock_shift": _lasting,
    "dst_shift": _lasting,
    "register_sum": _disagreement,
    "register_backwards": _drop,
    "register_rollover": _drop,
    "reverse_energy": _given_back,
    "power_factor": _factor,
    "voltage": _volts,
    "outage": _lasting,
}
