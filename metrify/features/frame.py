"""From what was known to feature columns: one pure function for offline builds, requests and the stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metrify.features import catalog
from metrify.features.calendar import calendar
from metrify.features.levels import levels
from metrify.features.likeday import like_day
from metrify.features.rows import ForecastRows
from metrify.features.solar import Production, solar
from metrify.features.weather import FEATURES as WEATHER_FEATURES
from metrify.features.weather import Weather, weather
from metrify.localtime import Calendar
from metrify.panel import Panel

__all__ = ["Frame", "Sources", "forecast_frame"]

_LONGEST_MEMORY = np.timedelta64(36, "D")
"""No feature of the meter's own past reaches further back."""


@dataclass(frozen=True)
class Sources:
    """All that features are made of, for meters of one calendar and interval length."""

    history: Panel
    """the target as it could be trusted at the time: what validation flagged at once is missing here"""
    truth: Panel
    """the target as hindsight trusts it, on the same grid: what models learn and are judged by"""
    calendar: Calendar
    meters: pd.DataFrame
    """METER attributes, one row per meter of `history`, in its order"""
    solar: Production | None = None
    """of the meters of `history`, in its order"""
    weather: dict[str, Weather] = field(default_factory=dict)
    """by location"""
    available: NDArray[np.int64] | None = None
    """when late values of `history` could be known [s since 1970; 0: in time], shape [M, T]; None: none is late"""

    def select(self, where: NDArray[np.int_]) -> Sources:
        """The meters at these rows."""
        return Sources(
            self.history.select(where),
            self.truth.select(where),
            self.calendar,
            self.meters.iloc[where],
            self.solar.select(where) if self.solar else None,
            self.weather,
            self.available[where] if self.available is not None else None,
        )


@dataclass(frozen=True)
class Frame:
    """Feature columns of M meters times R rows."""

    meter_ids: NDArray[np.str_]
    rows: ForecastRows
    columns: dict[str, NDArray[np.float32]]
    """per feature [M, R], or [R] where it is the same for all meters"""
    target: NDArray[np.float32]
    """what came true, [M, R]; NaN where unknown"""

    def at(self, where: NDArray[np.int_]) -> Frame:
        """The same meters at these rows only."""
        columns = {name: values[..., where] for name, values in self.columns.items()}
        return Frame(self.meter_ids, self.rows.at(where), columns, self.target[:, where])

    def table(self) -> pa.Table:
        """Long FEATURE rows, sorted by meter, issue time and timestamp."""
        meters, rows = self.target.shape
        columns = {
            "meter_id": pa.DictionaryArray.from_arrays(
                pa.array(np.repeat(np.arange(meters, dtype=np.int32), rows)), pa.array(self.meter_ids, pa.string())
            ),
            "issue_time": _tiled_times(self.rows.issues[self.rows.issue], meters),
            "timestamp": _tiled_times(self.rows.times, meters),
            "lead_minutes": pa.array(np.tile(self.rows.lead_minutes, meters)),
            "target": pa.array(self.target.ravel()),
        }
        for name, values in self.columns.items():
            columns[name] = pa.array(values.ravel() if values.ndim > 1 else np.tile(values, meters))
        return pa.table(columns)


def _tiled_times(times: NDArray[np.datetime64], meters: int) -> pa.Array:
    return pa.array(np.tile(times.astype("datetime64[us]"), meters)).cast(pa.timestamp("us", tz="UTC"))


def forecast_frame(sources: Sources, issues: NDArray[np.datetime64], horizon: str) -> Frame:
    """Features of every interval of `horizon` after each issue time; nothing known later than the issue is used.

    Raises BadValue for a horizon or an interval length that cannot be answered.
    """
    rows = ForecastRows.build(issues, horizon, sources.history.step_minutes, sources.calendar)
    columns: dict[str, NDArray[np.float32]] = dict(calendar(rows))
    columns |= _of_the_meter(sources, rows)
    columns |= _of_the_place(sources, rows)
    columns |= solar(sources.solar, len(sources.history.meter_ids), rows)
    rated = pd.to_numeric(sources.meters["pv_kw"], errors="coerce").to_numpy(np.float32)
    columns["pv_kw"] = np.broadcast_to(rated[:, None], (len(rated), len(rows.times)))
    ordered = {name: columns[name] for name in catalog.names}
    return Frame(sources.history.meter_ids, rows, ordered, _target(sources.truth, rows))


def _of_the_meter(sources: Sources, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    columns = like_day(sources.history, rows) | levels(sources.history, rows)
    if sources.available is None:
        return columns
    for issue, late in _late_at_issue(sources.history, sources.available, rows):
        _recompute(sources.history, sources.available, rows, issue, late, columns)
    return columns


def _late_at_issue(
    history: Panel, available: NDArray[np.int64], rows: ForecastRows
) -> Iterator[tuple[int, NDArray[np.int_]]]:
    """Issues at which some value was over but not yet known, with the meters concerned."""
    ends = (history.times + np.timedelta64(history.step_minutes * 60, "s")).astype(np.int64)
    late = (available > ends[None, :]) & history.mask
    if not late.any():
        return
    for issue, seconds in enumerate(rows.issues.astype(np.int64)):
        meters = np.flatnonzero((late & (ends <= seconds)[None, :] & (available > seconds)).any(axis=1))
        if len(meters):
            yield issue, meters


def _recompute(
    history: Panel,
    available: NDArray[np.int64],
    rows: ForecastRows,
    issue: int,
    meters: NDArray[np.int_],
    columns: dict[str, NDArray[np.float32]],
) -> None:
    """Put the columns of one issue right for meters of which values came late: without what was not known yet."""
    moment = rows.issues[issue]
    recent = history.select(meters).between(moment - _LONGEST_MEMORY, moment)
    first = history.index(recent.start)
    unknown = available[meters, first : first + recent.values.shape[1]] > moment.astype(np.int64)
    panel = recent.replace(np.where(unknown, np.float32(np.nan), recent.values))
    where = rows.issue == issue
    one = rows.at(np.flatnonzero(where)).issued_once(issue)
    for name, fresh in (like_day(panel, one) | levels(panel, one)).items():
        columns[name] = columns[name] if columns[name].flags.writeable else columns[name].copy()
        columns[name][np.ix_(meters, where)] = fresh


def _of_the_place(sources: Sources, rows: ForecastRows) -> dict[str, NDArray[np.float32]]:
    """Weather of each meter's location; unknown where the location has none."""
    locations = sources.meters["location"].fillna("").astype(str).to_numpy()
    known, index = np.unique(locations, return_inverse=True)
    nothing = {feature.name: np.full(len(rows.times), np.nan, np.float32) for feature in WEATHER_FEATURES}
    places = [weather(sources.weather[p], rows) if p in sources.weather else nothing for p in known]
    if len(places) == 1:
        return places[0]
    return {name: np.stack([place[name] for place in places])[index] for name in nothing}


def _target(history: Panel, rows: ForecastRows) -> NDArray[np.float32]:
    column = (rows.times - history.start) // np.timedelta64(history.step_minutes * 60, "s")
    inside = (column >= 0) & (column < history.values.shape[1])
    target = np.full((len(history.meter_ids), len(rows.times)), np.nan, np.float32)
    target[:, inside] = history.values[:, column[inside]]
    return target
