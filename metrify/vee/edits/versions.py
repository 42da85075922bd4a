"""Which versions of the lake's tables belong together: what CLEAN is a view of."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from deltalake import DeltaTable

from metrify.errors import BadValue, UnknownName
from metrify.lake.scan import Time, as_utc
from metrify.lake.tables import Lake
from metrify.schema import EDIT, FINDING, READING, Table

__all__ = ["pinned"]

_VIEWED = {table.name: table for table in (READING, EDIT, FINDING)}


def pinned(lake: Lake, versions: Mapping[str, int] | None = None, as_of: Time | None = None) -> dict[str, int]:
    """The version of READING, EDIT and FINDING: as named, else as of a time [UTC], else the latest; -1 for no rows.

    Where readings are named but no findings, those are taken that were found last before the next readings came: what
    comes later does not change them. Raises UnknownName, BadValue.
    """
    named = dict(versions or {})
    for name, version in named.items():
        if name not in _VIEWED:
            raise UnknownName("table of CLEAN", name, _VIEWED)
        if not -1 <= version <= lake.version(_VIEWED[name]):
            raise BadValue(f"version of {name}", f"one from 0 to {lake.version(_VIEWED[name])}", version)
    if named and as_of is not None:
        raise BadValue("as_of", "none beside versions", as_of)
    if READING.name in named and FINDING.name not in named:
        named[FINDING.name] = _before_the_next(lake, named[READING.name])
    return {name: named.get(name, _version(lake, table, as_of)) for name, table in _VIEWED.items()}


def _version(lake: Lake, table: Table, as_of: Time | None) -> int:
    """The latest version of a table, or the one that was the latest at that time."""
    if as_of is None or not lake.exists(table):
        return lake.version(table)
    return _last(lake, table, pd.Timestamp(as_utc(as_of)).timestamp() * 1000)


def _before_the_next(lake: Lake, reading: int) -> int:
    """The last version of FINDING before the version of READING that followed `reading`."""
    newest = lake.version(READING)
    if reading >= newest or not lake.exists(FINDING):
        return lake.version(FINDING)
    following = DeltaTable(lake.workspace.lake / READING.name).history(newest - reading)[-1]["timestamp"]
    return _last(lake, FINDING, following - 1)


def _last(lake: Lake, table: Table, moment: float) -> int:
    """The last version of a table that was there at `moment` [ms since 1970]; -1: none yet."""
    entries = DeltaTable(lake.workspace.lake / table.name).history()
    oldest = min(entries, key=lambda entry: entry["version"])
    if oldest["version"] > 0 and moment < oldest["timestamp"]:
        kept = pd.Timestamp(oldest["timestamp"], unit="ms")
        raise BadValue("as_of", f"a time from {kept} on, as far back as {table.name} is kept", str(moment))
    return max((entry["version"] for entry in entries if entry["timestamp"] <= moment), default=-1)
