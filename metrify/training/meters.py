"""Which meters teach and which are examined, where a sample of the fleet is enough: always the same ones."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from metrify.features.dayrecord import DEFECTS
from metrify.features.sources import Surroundings, Validated, reading_columns, validated
from metrify.lake.tables import Lake
from metrify.panel import Panel
from metrify.schema import READING, READING_HISTORY
from metrify.schema.table import TIME
from metrify.settings import Settings, Workspace

__all__ = ["Split", "panel_rows", "sampled", "split_meters"]


@dataclass(frozen=True)
class Split:
    """Meters by what they are for."""

    learn: list[str]
    exam: list[str]


def split_meters(meter_ids: Iterable[str], *, exam_share: float, most_learn: int, most_exam: int) -> Split:
    """A split that depends on each meter's id alone, so that a meter that joins moves no other.

    A fleet that is too small to give meters away is examined on those that it learned from.
    """
    ranked = sorted((zlib.crc32(f"exam {meter}".encode()) / 2**32, meter) for meter in meter_ids)
    exam = [meter for place, meter in ranked if place < exam_share]
    learn = [meter for place, meter in ranked if place >= exam_share]
    everyone = [meter for _, meter in ranked]
    learn, exam = learn or everyone, exam or everyone
    return Split(sorted(learn[:most_learn]), sorted(exam[:most_exam]))


def sampled(
    workspace: Workspace, meter_ids: list[str], *, whole_days: bool = False, told: Collection[str] = ()
) -> Iterator[Validated]:
    """The validated readings of these meters; with `whole_days` as days are judged: by all rules, repeats included.

    `told` are rules that are asked beside, as for `validated`.
    """
    lake = Lake(workspace)
    readings = lake.read(READING, columns=reading_columns(workspace.settings), meter_ids=meter_ids)
    superseded = (
        lake.read(READING_HISTORY, meter_ids=meter_ids) if whole_days and lake.exists(READING_HISTORY) else None
    )
    if readings.num_rows:
        told = {*told, *DEFECTS} if whole_days else told
        yield from validated(readings, Surroundings.read(lake), workspace.settings, superseded=superseded, told=told)


def panel_rows(panel: Panel, settings: Settings) -> pa.Table:
    """A panel as READING rows, each known as soon as its interval was over."""
    meters, places = np.nonzero(panel.mask)
    times = panel.times.astype("datetime64[us]")[places]
    return pa.table(
        {
            "meter_id": pa.DictionaryArray.from_arrays(meters.astype(np.int32), pa.array(panel.meter_ids, pa.string())),
            "timestamp": pa.array(times).cast(TIME),
            settings.forecasting.target: pa.array(panel.values[meters, places].astype(np.float64)),
            "available_at": pa.array(times + np.timedelta64(panel.step_minutes * 60, "s")).cast(TIME),
        }
    )
