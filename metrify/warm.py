"""Compile the kernels of the rules, the ladder and the features once for this machine: `python -m metrify.warm`.

Workers then load them from the disk. Without it the first job compiles them, in each of its actors at the same time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.features.day import day_frame
from metrify.features.frame import forecast_frame
from metrify.features.gap import gap_frame
from metrify.features.reading import reading_frame
from metrify.features.rows import issue_times
from metrify.features.sources import Surroundings, validated, validated_sources
from metrify.sample.simulator import simulate
from metrify.schema import METER
from metrify.settings import Settings
from metrify.vee.findings import counts
from metrify.vee.gather import Around, gather_rows
from metrify.vee.ladder import estimate, usable
from metrify.vee.rules import to_estimate, validate

__all__ = ["warm"]

_METERS, _DAYS = 4, 80
_START = np.datetime64("2023-02-01")
"""So that the clock changes amid the days."""


def warm() -> None:
    """Run everything that is compiled over a few simulated meters."""
    fleet, settings = simulate(_METERS, _DAYS, 0, start=_START), Settings()
    readings, meters = fleet.tables["READING"], fleet.tables["METER"].to_pandas().reindex(columns=METER.names)
    _vee(readings, meters, settings)
    _features(readings, meters, settings)


def _vee(readings: pa.Table, meters: pd.DataFrame, settings: Settings) -> None:
    reactive = readings.append_column("kvarh", readings["kwh"])  # the simulator has none
    for found in gather_rows(reactive, Around(meters), settings):
        evidence = found.evidence
        validate(evidence, settings.vee, hindsight=False)
        flags = validate(evidence, settings.vee)
        counts(flags)
        trusted = evidence.panel.replace(usable(evidence, flags))
        wanted = to_estimate(flags)
        wanted[:, 24 * 40 : 24 * 41] = True
        estimate(evidence, flags, settings.vee, wanted=wanted)
        gap_frame(trusted.replace(np.where(wanted, np.float32(np.nan), trusted.values)), wanted, evidence.calendar)


def _features(readings: pa.Table, meters: pd.DataFrame, settings: Settings) -> None:
    around = Surroundings(meters)
    for group in validated(readings, around, settings):
        reading_frame(group, residual=True)
        day_frame(group, settings.quality.grace_hours)
    for sources in validated_sources(readings, None, around, settings):
        last = sources.history.end
        issues = issue_times(last - np.timedelta64(3, "D"), last, "00:00", sources.calendar.zone)
        forecast_frame(sources, issues, settings.forecasting.horizon)


if __name__ == "__main__":
    warm()
