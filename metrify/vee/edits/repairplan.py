"""Which estimates become edits: what stands, stays; what is new, is written; what lost its reason, is taken back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.vee.edits.bucketedits import BucketEdits
from metrify.vee.edits.cells import cells_of
from metrify.vee.edits.inforce import HOLDS, MANUAL, STALE, UNDONE
from metrify.vee.evidence import Found
from metrify.vee.ladder import METHODS, Estimates

__all__ = ["AUTHOR", "RepairPlan"]

AUTHOR = "metrify impute"
_DIGITS = 6
"""of an estimate: a millionth of a kWh"""
_SAME = 1e-4
"""Estimates whose difference is no larger a share of them are the same."""
_SEVERAL = "several readings share the interval"
_TAKEN_BACK = "its estimate was undone by hand"


@dataclass(frozen=True)
class RepairPlan:
    """What to do about the wanted intervals of a panel."""

    write: pd.DataFrame
    """row, column, timestamp, before, value, low, high, method, scaled of each estimate that becomes an edit"""
    undo: NDArray[np.int64]
    """places of the edits that are taken back"""
    refused: dict[str, int]
    """intervals that have an estimate which does not become an edit, by reason"""

    @classmethod
    def of(
        cls, panel: Panel, wanted: Found, estimates: Estimates, readings: pa.Table, edits: BucketEdits, renew: bool
    ) -> RepairPlan:
        """From the rows of READING and the edits of its target, both perhaps of other meters, too.

        An estimate that stands is replaced where `renew` says so, where its gap has grown, and where it was scaled to a
        register that says something else now. Nothing is put where an edit by hand holds, nor where a person took an
        estimate of the same reading back.
        """
        cells = _with_readings(_cells(wanted, estimates), panel, wanted, readings)
        found = _Held.of(panel, edits, wanted.shape)
        key = cells["row"].to_numpy() * wanted.shape[1] + cells["column"].to_numpy()
        held, manual, person = found.at(key)
        several = cells["readings"].to_numpy() > 1
        there = np.isfinite(cells["value"].to_numpy())
        able = there & ~several & ~manual & ~person
        fresh = able & (held < 0)
        again = able & (held >= 0) & (renew | _run_has(fresh, key) | cells["scaled"].to_numpy())
        again &= _differs(cells, edits.rows, held)
        write = cells[fresh | again].reset_index(drop=True)
        idle = there & (held < 0) & ~manual
        refused = {_SEVERAL: int((idle & several).sum()), _TAKEN_BACK: int((idle & ~several & person).sum())}
        undo = np.union1d(found.without_reason(wanted, held), held[again])
        return cls(write, undo, {reason: count for reason, count in refused.items() if count})


def _cells(wanted: Found, estimates: Estimates) -> pd.DataFrame:
    """Row, column, and what is estimated, of each wanted interval, in order."""
    row, column = np.nonzero(wanted)
    names = np.array([name if name != "learned" else estimates.learned for name in METHODS], object)
    amounts = {
        name: np.round(
            getattr(estimates, f"{name}s" if name == "value" else name)[row, column].astype(np.float64), _DIGITS
        )
        for name in ("value", "low", "high")
    }
    method = names[estimates.method[row, column]]
    scaled = estimates.scaled[row, column]
    return pd.DataFrame({"row": row, "column": column, **amounts, "method": method, "scaled": scaled})


def _with_readings(cells: pd.DataFrame, panel: Panel, wanted: Found, readings: pa.Table) -> pd.DataFrame:
    """Add how many readings each interval has, the time of the first, or else its own, and what that one says."""
    row, column = cells_of(panel, readings)
    mine = np.flatnonzero(row >= 0)
    mine = mine[wanted[row[mine], column[mine]]]
    key = cells["row"].to_numpy() * wanted.shape[1] + cells["column"].to_numpy()
    place = np.searchsorted(key, row[mine] * wanted.shape[1] + column[mine])
    stamp = panel.times[cells["column"].to_numpy()].astype("datetime64[us]")
    before = np.full(len(cells), np.nan)
    some = readings.take(pa.array(mine))
    order = np.argsort(some["timestamp"].to_numpy())[::-1]  # what is written last stays: the first of an interval
    stamp[place[order]] = some["timestamp"].to_numpy().astype("datetime64[us]")[order]
    before[place[order]] = some[some.column_names[2]].to_numpy()[order]
    return cells.assign(timestamp=stamp, before=before, readings=np.bincount(place, minlength=len(cells)))


def _run_has(marked: NDArray[np.bool_], key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether any interval of the run of neighbours that each belongs to is marked."""
    run = np.cumsum(np.diff(key, prepend=key[:1]) != 1) if len(key) else key
    return np.bincount(run, marked, minlength=int(run.max(initial=-1)) + 1)[run] > 0


def _differs(cells: pd.DataFrame, edits: pa.Table, held: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the estimate is another than that of the held edit; True where there is none."""
    rows = edits.take(pa.array(held, mask=held < 0))
    after, value = rows["after"].to_numpy(), cells["value"].to_numpy()
    near = np.isclose(after, value, rtol=_SAME, atol=10.0**-_DIGITS)
    return ~near | (rows["method"].to_numpy(zero_copy_only=False) != cells["method"].to_numpy())


@dataclass(frozen=True)
class _Held:
    """The edits in a panel's cells, E of them."""

    cell: NDArray[np.int64]
    """place in the flat panel, -1 outside"""
    open: NDArray[np.bool_]
    """an estimate that nobody undid"""
    stale: NDArray[np.bool_]
    manual: NDArray[np.bool_]
    """by hand, and it holds"""
    person: NDArray[np.bool_]
    """an estimate of what the reading still is, undone by a person"""

    @classmethod
    def of(cls, panel: Panel, edits: BucketEdits, shape: tuple[int, ...]) -> _Held:
        row, column = cells_of(panel, edits.rows)
        by_hand = pc.equal(edits.rows["method"], MANUAL).to_numpy()
        undone = edits.state == UNDONE
        before = edits.rows["before"].to_numpy()
        same = (before == edits.current) | (np.isnan(before) & np.isnan(edits.current))
        by_job = pc.fill_null(pc.equal(edits.rows["undone_by"], AUTHOR), False).to_numpy()
        return cls(
            np.where(row >= 0, row * shape[1] + column, -1),
            ~by_hand & ~undone,
            edits.state == STALE,
            by_hand & (edits.state == HOLDS),
            ~by_hand & undone & ~by_job & same,
        )

    def at(self, key: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each cell the place of the estimate that stands (-1: none), and whether `manual`, whether `person`."""
        standing = np.flatnonzero(self.open & ~self.stale & (self.cell >= 0))
        held = np.full(len(key), -1)
        place = np.minimum(np.searchsorted(key, self.cell[standing]), max(len(key) - 1, 0))
        if len(key):
            hits = key[place] == self.cell[standing]
            held[place[hits]] = standing[hits]
        return held, np.isin(key, self.cell[self.manual]), np.isin(key, self.cell[self.person])

    def without_reason(self, wanted: Found, held: NDArray[np.int64]) -> NDArray[np.int64]:
        """Estimates of the panel that nobody wants any more, and second ones of an interval."""
        mine = np.flatnonzero(self.open & (self.cell >= 0))
        keep = wanted.ravel()[self.cell[mine]] & np.isin(mine, held)
        return mine[~keep & ~self.stale[mine]]
