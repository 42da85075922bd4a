"""What is known of meters beside their readings and small enough to be everywhere: calendars, outages, exchanges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.lake.holidays import Calendars
from metrify.lake.tables import Lake
from metrify.panel import Panel
from metrify.schema import EVENT, METER, QUARANTINE, READING
from metrify.vee.evidence import Found

__all__ = ["Around", "Happenings"]

_NO_NUMBER = rf"^({'|'.join(READING.measures)})(: not a number| is not a finite number)"
"""What a reason begins with when a measure was refused because it is no number."""
_SUBJECTS = ("device_id", "transformer_id", "feeder_id")


@dataclass(frozen=True)
class Happenings:
    """Stretches of time at meters, `until` not included; a moment ends when it begins."""

    meter_ids: NDArray[np.str_]
    since: NDArray[np.int64]
    """[s since 1970]"""
    until: NDArray[np.int64]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Happenings:
        """From rows with meter_id, since and until [UTC; until may be missing: a moment]."""
        since = _seconds(rows["since"])
        until = np.where(rows["until"].isna(), since, _seconds(rows["until"]))
        return cls(rows["meter_id"].to_numpy(str), since, until)

    @classmethod
    def none(cls) -> Happenings:
        return cls(np.empty(0, str), np.empty(0, np.int64), np.empty(0, np.int64))

    def on(self, panel: Panel) -> Found | None:
        """The intervals that a stretch touches, or in which a moment lies, [M, T]; None: nowhere."""
        step, count = panel.step_minutes * 60, panel.values.shape[1]
        start = int(panel.start.astype("datetime64[s]").astype(np.int64))
        meter = pd.Index(panel.meter_ids).get_indexer(self.meter_ids)
        first = (self.since - start) // step
        last = np.maximum((self.until - start - 1) // step, first)
        mine = np.flatnonzero((meter >= 0) & (last >= 0) & (first < count))
        if not len(mine):
            return None
        found = np.zeros(panel.values.shape, bool)
        for row, begin, end in zip(meter[mine], first[mine], last[mine], strict=True):
            found[row, max(begin, 0) : end + 1] = True
        return found


@dataclass(frozen=True)
class Around:
    """Read once an actor; what is not given is not known."""

    meters: pd.DataFrame
    """METER rows in force, one per meter"""
    calendars: Calendars = field(default_factory=Calendars)
    outages: Happenings = field(default_factory=Happenings.none)
    """of the meter, or of its device, transformer or feeder while METER says that it was its"""
    exchanges: Happenings = field(default_factory=Happenings.none)
    """moments from which on METER names another device"""
    unreadable: Happenings = field(default_factory=Happenings.none)
    """starts of intervals of which a report was refused because a measure in it is no number"""

    @classmethod
    def read(cls, lake: Lake) -> Self:
        """From the lake's METER, HOLIDAY, EVENT and QUARANTINE tables."""
        services = lake.read(METER).to_pandas()
        return cls(
            lake.meters(),
            Calendars.read(lake),
            _outages(lake.read(EVENT, columns=["subject_id", "timestamp", "kind", "until"]), services),
            _exchanges(services),
            _unreadable(lake.read(QUARANTINE, columns=["table", "reason", "meter_id", "timestamp"])),
        )


def _outages(events: pa.Table, services: pd.DataFrame) -> Happenings:
    """Each outage at each meter that it concerned, clipped to the time in which METER says so."""
    chosen = events.filter(pc.equal(events["kind"], "outage")).drop_columns(["kind"]).to_pandas()
    if chosen.empty:
        return Happenings.none()
    chosen = chosen.rename(columns={"timestamp": "since"})
    ends = ["valid_from", "valid_to"]
    links = [services[["meter_id", name, *ends]].rename(columns={name: "subject_id"}) for name in _SUBJECTS]
    found = pd.concat(links).dropna(subset=["subject_id"]).merge(chosen, on="subject_id")
    found["until"] = found["until"].fillna(found["since"])
    serving = (found["valid_from"] <= found["until"]) & ~(found["valid_to"] <= found["since"])
    found = found[serving]
    found["since"] = found[["since", "valid_from"]].max(axis=1)
    found["until"] = found[["until", "valid_to"]].min(axis=1)
    own = chosen.rename(columns={"subject_id": "meter_id"})
    return Happenings.of(pd.concat([own, found])[["meter_id", "since", "until"]].drop_duplicates())


def _exchanges(services: pd.DataFrame) -> Happenings:
    rows = services.sort_values(["meter_id", "valid_from"])
    same_meter = rows["meter_id"] == rows["meter_id"].shift()
    earlier = rows.groupby("meter_id")["device_id"].ffill().groupby(rows["meter_id"]).shift()
    other = same_meter & rows["device_id"].notna() & earlier.notna() & (rows["device_id"] != earlier)
    moments = rows.loc[other, ["meter_id", "valid_from"]].rename(columns={"valid_from": "since"})
    return Happenings.of(moments.assign(until=moments["since"]))


def _unreadable(quarantine: pa.Table) -> Happenings:
    known = pc.and_(pc.is_valid(quarantine["meter_id"]), pc.is_valid(quarantine["timestamp"]))
    no_number = pc.match_substring_regex(quarantine["reason"], _NO_NUMBER)
    mine = pc.and_(pc.and_(known, no_number), pc.equal(quarantine["table"], READING.name))
    rows = quarantine.filter(mine).select(["meter_id", "timestamp"]).to_pandas().drop_duplicates()
    return Happenings.of(rows.rename(columns={"timestamp": "since"}).assign(until=rows["timestamp"]))


def _seconds(times: pd.Series) -> NDArray[np.int64]:
    """Times [UTC] in seconds since 1970; those of a missing one mean nothing."""
    return pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]").astype(int)
