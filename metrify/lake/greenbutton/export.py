"""Readings of the lake as a Green Button file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from metrify.errors import BadValue, UnknownMeter
from metrify.lake.greenbutton.write import FeedReport, write_green_button
from metrify.lake.raw import is_feed
from metrify.lake.tables import Lake
from metrify.localtime import parse_time
from metrify.schema import READING
from metrify.settings import Workspace

__all__ = ["export_readings"]


def export_readings(
    workspace: Workspace,
    path: Path | str,
    *,
    meter_ids: Iterable[str] | None = None,
    since: str | np.datetime64 | None = None,
    until: str | np.datetime64 | None = None,
    read: Callable[..., pa.Table] | None = None,
    progress: Callable[[int], None] | None = None,
) -> FeedReport:
    """Write the readings of these meters (all) from `since` on and before `until` [UTC], bucket by bucket.

    `read(buckets=, meter_ids=, since=, until=)` gives rows in place of READING's, such as those of CLEAN.
    Raises BadValue for a name or time that is none, UnknownMeter, EmptyTable where nothing is left to write.
    """
    if not is_feed(Path(path)):
        raise BadValue("OUT", "a file name ending in .xml or .xml.gz", str(path))
    lake = Lake(workspace)
    rows_of = read or partial(lake.read, READING)
    times = {"since": since, "until": until}
    ends = [parse_time(value, name) if isinstance(value, str) else value for name, value in times.items()]
    meters = lake.meters()
    wanted = None if meter_ids is None else list(meter_ids)
    unknown = sorted(set(wanted or ()) - set(meters["meter_id"]))
    if unknown:
        raise UnknownMeter(unknown, len(meters))

    def tables() -> Iterator[pa.Table]:
        for bucket in range(workspace.buckets):
            rows = rows_of(buckets=[bucket], meter_ids=wanted, since=ends[0], until=ends[1])
            if rows.num_rows:
                yield rows

    return write_green_button(tables(), meters, path, progress=progress)
