"""Forecasts from the lake's latest readings: the one path that requests, batches and the stream share."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from metrify.errors import BadValue, NotEnoughHistory, UnknownMeter
from metrify.features.frame import Sources, forecast_frame
from metrify.features.sources import SOLAR_COLUMNS, Surroundings, reading_columns, validated_sources
from metrify.lake.tables import Lake
from metrify.models.base import Batch, Model
from metrify.models.forecasting.profile import FALLBACK
from metrify.panel import Panel
from metrify.schema import FORECAST, HOLIDAY, METER, READING, SOLAR, TIME, WEATHER
from metrify.settings import Workspace
from metrify.vee.percentile import WINDOW_DAYS

__all__ = ["Forecaster", "RequestHistory"]

_WATCHED = (READING, METER, SOLAR, WEATHER, HOLIDAY)
_SPARE = np.timedelta64(2, "D")
"""Kept beyond what validation and the model look back on, so that an issue of yesterday is answered from memory."""


@dataclass(frozen=True)
class RequestHistory:
    """Readings that come with a request, for a meter that the lake does not know."""

    start: np.datetime64
    """start of the first interval, UTC"""
    interval_minutes: int
    values: list[float | None]
    """the target per interval, None where unknown"""

    @property
    def until(self) -> np.datetime64:
        return self.start + np.timedelta64(len(self.values) * self.interval_minutes * 60, "s")

    def rows(self, meter_id: str, target: str) -> pa.Table:
        """READING rows of this history."""
        step = np.timedelta64(self.interval_minutes * 60, "s")
        times = self.start.astype("datetime64[s]") + np.arange(len(self.values)) * step
        columns = {
            "meter_id": pa.array([meter_id] * len(times)),
            "timestamp": pa.array(times.astype("datetime64[us]")).cast(TIME),
            target: pa.array(self.values, pa.float64()),
            "available_at": pa.array((times + step).astype("datetime64[us]")).cast(TIME),
        }
        return pa.table(columns)


@dataclass(frozen=True)
class _Memory:
    """What a forecaster holds of the lake: replaced as a whole, so that an answer never sees half a refresh."""

    versions: tuple[int, ...]
    since: np.datetime64
    surroundings: Surroundings
    groups: tuple[Sources, ...]
    meters: frozenset[str]
    until: np.datetime64 | None
    """end of the latest reading of all: the issue time of a question that names none"""


class Forecaster:
    """Answers for a model from the last weeks of the lake, kept in memory. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, model: Model, name: str):
        """`name` is what FORECAST rows say of the model, such as forecasting/lightgbm:3."""
        self._workspace = workspace
        self._settings = workspace.settings
        self._lake = Lake(workspace)
        self._model = model
        self._name = name
        self._refreshing = threading.Lock()
        self._memory = self._load(self._versions())

    @property
    def meters(self) -> frozenset[str]:
        """Meters that the lake has readings of."""
        return self._memory.meters

    @property
    def until(self) -> np.datetime64 | None:
        """End of the latest reading in memory, UTC; None for an empty lake."""
        return self._memory.until

    @property
    def lake_version(self) -> int:
        """Version of READING that is in memory."""
        return self._memory.versions[0]

    def refresh(self) -> bool:
        """Load what is new in the lake; True when there was something. Cheap when there was not."""
        with self._refreshing:
            versions = self._versions()
            if versions == self._memory.versions:
                return False
            self._memory = self._load(versions)
            return True

    def answer(
        self,
        meter_ids: list[str],
        issue_time: np.datetime64 | None = None,
        horizon: str | None = None,
        *,
        history: dict[str, RequestHistory] | None = None,
        allow_fallback: bool = True,
    ) -> pd.DataFrame:
        """FORECAST rows of these meters, sorted by meter_id and timestamp.

        `issue_time` [UTC] defaults to the end of the latest reading in the lake, rounded down to the interval of the
        meter (of a history in the request: to its end), `horizon` to the settings' own. Nothing after the issue time
        is used. Raises UnknownMeter; NotEnoughHistory if a meter needs the fallback and that is not allowed; BadValue
        for an issue time or a horizon that cannot be answered.
        """
        history = history or {}
        memory = self._memory
        unknown = [meter for meter in meter_ids if meter not in memory.meters and meter not in history]
        if unknown:
            raise UnknownMeter(unknown, len(memory.meters))
        frames = [self._from_request(memory, meter, given, issue_time, horizon) for meter, given in history.items()]
        from_lake = [meter for meter in meter_ids if meter not in history]
        if from_lake:
            moment = memory.until if issue_time is None else issue_time
            for sources in self._known_by(memory, from_lake, moment):
                issue = _round_down(moment, sources.history) if issue_time is None else moment
                frames.append(self._predict(sources, issue, horizon))
        answer = pd.concat(frames, ignore_index=True)
        if not allow_fallback:
            self._refuse_fallback(answer)
        answer.insert(3, "model", self._name)
        return answer[FORECAST.names].sort_values(["meter_id", "timestamp"], ignore_index=True)

    def _from_request(
        self, memory: _Memory, meter: str, given: RequestHistory, issue: np.datetime64 | None, horizon: str | None
    ) -> pd.DataFrame:
        (sources,) = self._validated(memory, given.rows(meter, self._target), given.interval_minutes)
        return self._predict(sources, given.until if issue is None else issue, horizon)

    def _known_by(self, memory: _Memory, meter_ids: list[str], issue: np.datetime64) -> list[Sources]:
        """What the lake knew of these meters by `issue`: from memory, or read anew for an issue time of long ago."""
        groups = memory.groups
        if issue < memory.since + self._lookback:
            since = issue - self._lookback
            groups = self._groups(Surroundings.read(self._lake, since), since, issue, meter_ids)
        mine = [sources.select(np.flatnonzero(np.isin(sources.history.meter_ids, meter_ids))) for sources in groups]
        mine = [sources for sources in mine if len(sources.history.meter_ids)]
        heard = {meter for sources in mine for meter in sources.history.meter_ids}
        step = mine[0].history.step_minutes if mine else 60
        return mine + [self._silent(memory, meter, issue, step) for meter in meter_ids if meter not in heard]

    def _silent(self, memory: _Memory, meter: str, issue: np.datetime64, step: int) -> Sources:
        """A meter that is known but sent nothing in all of the lookback."""
        start = issue - np.timedelta64(step * 60, "s")
        (sources,) = self._validated(memory, RequestHistory(start, step, [None]).rows(meter, self._target), step)
        return sources

    def _validated(self, memory: _Memory, readings: pa.Table, step: int) -> tuple[Sources, ...]:
        return tuple(validated_sources(readings, None, memory.surroundings, self._settings, step_minutes=step))

    @property
    def _target(self) -> str:
        return self._settings.forecasting.target

    def _predict(self, sources: Sources, issue: np.datetime64, horizon: str | None) -> pd.DataFrame:
        if issue != _round_down(issue, sources.history):
            wanted = f"the start of an interval of {sources.history.step_minutes} minutes"
            raise BadValue("issue_time", wanted, str(issue))
        horizon = horizon or self._settings.forecasting.horizon
        frame = forecast_frame(sources, np.array([issue], "datetime64[s]"), horizon)
        rows = frame.table().drop_columns(["target"]).to_pandas()
        rows["meter_id"] = rows["meter_id"].astype(str)
        return self._model.predict(Batch(rows, sources.history.between(sources.history.start, issue), sources.meters))

    def _refuse_fallback(self, answer: pd.DataFrame) -> None:
        fallen = answer[answer["reason"] != ""]
        if len(fallen):
            first = fallen.iloc[0]
            raise NotEnoughHistory(first["meter_id"], first["reason"], "at least two days of readings", FALLBACK)

    @property
    def _lookback(self) -> np.timedelta64:
        return np.timedelta64(self._model.needs.lookback_days + WINDOW_DAYS, "D")

    def _versions(self) -> tuple[int, ...]:
        return tuple(self._lake.version(table) for table in _WATCHED)

    def _load(self, versions: tuple[int, ...]) -> _Memory:
        stamps = self._lake.read(READING, columns=["meter_id", "timestamp"])
        if not stamps.num_rows:
            return _Memory(versions, np.datetime64(0, "s"), Surroundings(self._lake.meters()), (), frozenset(), None)
        latest = np.datetime64(pc.max(stamps["timestamp"]).as_py().replace(tzinfo=None), "s")
        since = latest - self._lookback - _SPARE
        surroundings = Surroundings.read(self._lake, since)
        groups = self._groups(surroundings, since, None, None)
        until = max(sources.history.end for sources in groups)
        meters = frozenset(pc.unique(stamps["meter_id"]).to_pylist())
        return _Memory(versions, since, surroundings, groups, meters, until)

    def _groups(
        self, surroundings: Surroundings, since: np.datetime64, until: np.datetime64 | None, meter_ids: list[str] | None
    ) -> tuple[Sources, ...]:
        columns = reading_columns(self._settings)
        readings = self._lake.read(READING, columns=columns, since=since, until=until, meter_ids=meter_ids)
        if not readings.num_rows:
            return ()
        solar = None
        if self._lake.exists(SOLAR):
            solar = self._lake.read(SOLAR, columns=SOLAR_COLUMNS, since=since, until=until, meter_ids=meter_ids)
        return tuple(validated_sources(readings, solar, surroundings, self._settings))


def _round_down(moment: np.datetime64, panel: Panel) -> np.datetime64:
    """The last start of an interval at or before `moment`."""
    return panel.start + panel.index(moment) * np.timedelta64(panel.step_minutes * 60, "s")
