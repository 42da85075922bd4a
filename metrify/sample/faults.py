"""Faults put into readings, real or simulated, with their true labels and times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import BadValue
from metrify.localtime import LocalTimes, local_times, zone_error
from metrify.panel import Panel
from metrify.sample.chance import chance
from metrify.sample.faultkinds import CHANGES, LENGTHS, Stretch
from metrify.sample.faultplan import KINDS, FaultPlan

__all__ = ["KINDS", "FaultPlan", "Injected", "inject"]

TRIES = 20
"""How often a place is sought for an event before it is given up: the meter has no room left for it."""


@dataclass(frozen=True)
class Injected:
    """A panel with faults, and what they are."""

    panel: Panel
    faults: pd.DataFrame
    """meter_id, kind, timestamp (start of the first changed interval), until (end of the last one) [datetime64[s],
    UTC], by meter and time; events of a meter never overlap"""

    def labels(self) -> NDArray[np.int32]:
        """Number of the row of `faults` whose time covers the interval, -1 for none; shape [M, T].

        Faults of other meters and times than the panel's label nothing, so that any cut of a panel can be labelled.
        """
        labels = np.full(self.panel.values.shape, -1, np.int32)
        row = {meter_id: place for place, meter_id in enumerate(self.panel.meter_ids)}
        step = np.timedelta64(self.panel.step_minutes * 60, "s")
        first = (self.faults["timestamp"].to_numpy() - self.panel.start) // step
        until = (self.faults["until"].to_numpy() - self.panel.start) // step
        for number, meter_id in enumerate(self.faults["meter_id"]):
            if meter_id in row:
                labels[row[meter_id], max(first[number], 0) : max(until[number], 0)] = number
        return labels


def inject(panel: Panel, plan: FaultPlan, *, seed: int, zone: str = "UTC") -> Injected:
    """A copy of the panel with the faults of the plan; a theft lasts whole days of the clock of `zone`.

    What happens to a meter depends on the seed, its id and its own readings alone. An event that would change nothing
    is not recorded, and one that finds no room in the panel is left out. Raises BadValue.
    """
    if zone_error(zone):
        raise BadValue("zone", "an IANA time zone such as Europe/London", zone)
    grid = _Grid.of(panel, zone)
    values = panel.values.copy()
    found: list[tuple[str, str, int, int]] = []
    for place, meter_id in enumerate(panel.meter_ids):
        events = _strike(values[place], grid, plan, chance(seed, str(meter_id), "faults"))
        found += [(str(meter_id), kind, first, until) for first, until, kind in sorted(events)]
    return Injected(panel.replace(values), _frame(panel, sorted(found, key=lambda event: (event[0], event[2]))))


@dataclass(frozen=True)
class _Grid:
    """The intervals of a panel by the clock on the wall."""

    step_minutes: int
    clock: LocalTimes
    midnights: NDArray[np.int64]
    """places at which a local day begins; the place after the last interval may be one"""

    @classmethod
    def of(cls, panel: Panel, zone: str) -> _Grid:
        clock = local_times(np.append(panel.times, panel.end), zone)
        begins = np.diff(clock.day, prepend=clock.day[0] - (clock.minute[0] == 0)) > 0
        return cls(panel.step_minutes, clock, np.flatnonzero(begins))

    def stretch(self, kind: str, plan: FaultPlan, rng: np.random.Generator) -> tuple[int, int] | None:
        """Where an event could be: its first place and the place after its last. None: the panel is too short."""
        places = self.midnights if kind.startswith("theft") else np.arange(len(self.clock.day))
        low, high = self._lengths(kind, plan)
        if low > len(places) - 1:
            return None
        length = int(rng.integers(low, min(high, len(places) - 1) + 1))
        begin = int(rng.integers(0, len(places) - length))
        return int(places[begin]), int(places[begin + length])

    def _lengths(self, kind: str, plan: FaultPlan) -> tuple[int, int]:
        """Least and most number of intervals; of days for a theft."""
        if kind not in LENGTHS:
            return 1, 1
        name = LENGTHS[kind]
        minutes = 1440 if name.endswith("_days") else 60
        unit = 1440 if kind.startswith("theft") else self.step_minutes
        low, high = (max(round(end * minutes / unit), 1) for end in getattr(plan, name))
        return low, high


def _strike(
    values: NDArray[np.float32], grid: _Grid, plan: FaultPlan, rng: np.random.Generator
) -> list[tuple[int, int, str]]:
    """Put events into the readings of one meter, in place: first place, place after the last, kind of each."""
    events: list[tuple[int, int, str]] = []
    count = int(rng.poisson(plan.events_per_meter)) if rng.random() < plan.meters_share else 0
    before = values.astype(np.float64) if count else None
    taken = np.zeros(len(values) + 2, bool)
    for kind in rng.choice(plan.kinds, count):
        place = _free_place(str(kind), grid, plan, taken, rng)
        if place is None or before is None:
            continue
        first, until = place
        stretch = Stretch(
            before, first, until, grid.clock.day[first:until], grid.clock.minute[first:until], grid.step_minutes
        )
        after = _changed(str(kind), stretch, plan, rng)
        differs = np.flatnonzero(~_same(values[first:until], after))
        if len(differs):
            values[first:until] = after
            taken[first + 1 : until + 1] = True
            events.append((first + int(differs[0]), first + int(differs[-1]) + 1, str(kind)))
    return events


def _free_place(
    kind: str, grid: _Grid, plan: FaultPlan, taken: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[int, int] | None:
    """A place at which, and beside which, nothing has happened yet; `taken` is one place ahead of the intervals."""
    for _ in range(TRIES):
        place = grid.stretch(kind, plan, rng)
        if place is None:
            return None
        if not taken[place[0] : place[1] + 2].any():
            return place
    return None


def _changed(kind: str, stretch: Stretch, plan: FaultPlan, rng: np.random.Generator) -> NDArray[np.float32]:
    """The new values; what was not known stays so, except that a wrong clock moves it."""
    after = CHANGES[kind](stretch, plan, rng)
    known = np.isfinite(stretch.values) | (kind == "clock_shift")
    return np.where(known, after, np.nan).astype(np.float32)


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (one == other) | (np.isnan(one) & np.isnan(other))


def _frame(panel: Panel, events: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    step = np.timedelta64(panel.step_minutes * 60, "s")
    meter_ids, kinds, first, until = zip(*events, strict=True) if events else ((), (), (), ())
    start = panel.start.astype("datetime64[s]")
    return pd.DataFrame(
        {
            "meter_id": np.array(meter_ids, object),
            "kind": np.array(kinds, object),
            "timestamp": start + np.array(first, np.int64) * step,
            "until": start + np.array(until, np.int64) * step,
        }
    )
