"""Estimation as a task: gaps cut out of measured readings, judged by how near an estimate comes to what stood there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable
from metrify.features.gap import LOOKBACK_DAYS, RUNGS, gap_frame
from metrify.features.sources import Validated
from metrify.lake.tables import Lake
from metrify.metrics.forecasts import coverage, mae
from metrify.metrics.pairs import mean
from metrify.models.base import Batch
from metrify.models.quality.lengths import LENGTHS, errors, length_of
from metrify.panel import Panel
from metrify.registry import Lineage
from metrify.sample.gaps import cut
from metrify.schema import HOLIDAY, METER, READING
from metrify.settings import Workspace
from metrify.training.lineage import lineage_of
from metrify.training.meters import sampled, split_meters
from metrify.training.task import Task
from metrify.training.trial import Objective
from metrify.vee.ladder import UNFIT
from metrify.vee.ladder.classprofile import ClassProfiles, class_profiles

__all__ = ["EXAM", "TEACHING", "EstimationTask", "judge", "teachers"]

TEACHING: dict[float, int] = {1: 40, 2: 40, 3: 40, 6: 10, 12: 10, 24: 6, 48: 2, 72: 2}
"""Gaps that are cut out of a meter-year to learn from: how many of each length [h]."""
EXAM: dict[float, int] = {1: 60, 6: 24, 24: 10, 72: 5}
"""Gaps of an exam, likewise."""
LEARN_DAYS = 365
"""Days before a moment that teach: every season once, and the same cost whatever the lake holds."""
_MOST_METERS = 300
_MOST_ROWS, _MOST_CUTS = 200_000, 4
"""The same readings are cut again, elsewhere, until there are so many rows, or so often."""
_DAY = np.timedelta64(24 * 3600, "s")


def judge(answers: pd.DataFrame, rows: pd.DataFrame) -> Mapping[str, float]:
    """The error of the ladder with these estimates in it, by class of gap length and in the mean of the classes.

    Where a family leaves an interval to the ladder, the ladder's rung is what counts. The coverage is that of the
    family's own bands.
    """
    actual = rows["target"].to_numpy(np.float64)
    value = answers["value"].to_numpy(np.float64)
    said = np.where(np.isfinite(value), value, rows["ladder"].to_numpy(np.float64))
    shares = errors(actual, said, length_of(rows))
    by_length = {f"wape_{name}": float(share) for name, share in zip(LENGTHS, shares, strict=True)}
    known = shares[np.isfinite(shares)]
    return {
        "wape": mean(known),
        **by_length,
        "mae": mae(actual, said),
        "coverage_80": coverage(actual, answers["low"], answers["high"]),
        "answered": mean(np.isfinite(value)),
    }


@dataclass(frozen=True)
class EstimationTask(Task):
    """`gap_frame` rows with their targets; a moment is a day [UTC], on which gaps begin.

    Readings that teach are cut several times, each time elsewhere; rows of one `cut` were missing at the same time.
    """

    workspace: Workspace
    groups: tuple[Validated, ...]
    seed: int = 0

    name: ClassVar[str] = "quality"
    metric: ClassVar[str] = "wape"
    mode: ClassVar[Literal["min", "max"]] = "min"
    measured: ClassVar[tuple[str, ...]] = (
        "wape", "wape_2h", "wape_12h", "wape_24h", "wape_72h", "mae", "coverage_80", "answered",
    )  # fmt: skip
    shown: ClassVar[tuple[str, ...]] = measured

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        meters = Lake(workspace).meters()["meter_id"].tolist()
        chosen = split_meters(meters, exam_share=0.0, most_learn=_MOST_METERS, most_exam=0).learn
        groups = teachers(workspace, chosen)
        if not groups:
            raise EmptyTable("READING", "Ingest some with `metrify ingest readings FILE --mapping MAPPING`.")
        return cls(workspace, groups)

    @cached_property
    def moments(self) -> NDArray[np.datetime64]:
        """Days before which there are readings to compare with."""
        first = min(group.raw.start for group in self.groups) + LOOKBACK_DAYS * _DAY
        days = np.arange(first.astype("datetime64[D]") + 1, self.end.astype("datetime64[D]"))
        return days.astype("datetime64[s]")

    @property
    def end(self) -> np.datetime64:
        return max(group.raw.end for group in self.groups)

    def known_at(self, moment: np.datetime64) -> pd.DataFrame:
        since = moment - LEARN_DAYS * _DAY
        known = [_known(group, moment).between(since, moment) for group in self.groups]
        size = sum(int(panel.mask.sum()) for panel in known) * _share(TEACHING)
        times = min(max(int(_MOST_ROWS / max(size, 1)), 1), _MOST_CUTS)
        seeds = range(self.seed, self.seed + times)
        pairs = zip(self.groups, known, strict=True)
        return _joined(self._cut(group, panel, panel, TEACHING, seed) for group, panel in pairs for seed in seeds)

    def exam(
        self, first: np.datetime64, until: np.datetime64, *, known_at: np.datetime64 | None = None
    ) -> pd.DataFrame:
        """Gaps within the period; readings after it are not looked at."""
        until = until if known_at is None else min(until, known_at)
        since = first - LOOKBACK_DAYS * _DAY
        known = [(group, _known(group, until).between(since, until)) for group in self.groups]
        seed = self.seed + 1_000_000  # gaps of other places than those that teach
        return _joined(self._cut(group, panel, panel.between(first, until), EXAM, seed) for group, panel in known)

    def _cut(self, group: Validated, panel: Panel, window: Panel, plan: Mapping[float, int], seed: int) -> pd.DataFrame:
        """The rows of gaps that are cut out of a window of a panel."""
        wanted = _holes(panel, window, plan, seed)
        if wanted is None:
            return pd.DataFrame()
        holes = panel.replace(np.where(wanted, np.float32(np.nan), panel.values))
        settings = self.workspace.settings.vee
        rows = gap_frame(holes, wanted, group.calendar, profiles=_profiles(group, holes), settings=settings)
        return rows.assign(meter_id=rows["meter_id"].astype(object), cut=np.int32(seed), target=panel.values[wanted])

    def judged_by(self, moment: np.datetime64) -> NDArray[np.datetime64]:
        return self.moments[self.moments + _DAY <= moment]

    def batch(self, rows: pd.DataFrame) -> Batch:
        """With the readings around, as they were known at the issue time, without those that the rows ask for.

        A panel has one interval length and one clock: of a mixed fleet it holds the meters that most rows are of.
        """
        if rows.empty:
            return Batch(rows)
        ids = rows["meter_id"].astype(str)
        group = max(self.groups, key=lambda group: int(ids.isin(group.raw.meter_ids).sum()))
        until = rows["issue_time"].max()
        since = rows["timestamp"].min() - LOOKBACK_DAYS * _DAY
        panel = _known(group, until.to_datetime64()).between(since.to_datetime64(), until.to_datetime64())
        values = panel.values.copy()
        meter = pd.Index(panel.meter_ids).get_indexer(ids)
        step = np.timedelta64(panel.step_minutes * 60, "s")
        column = ((rows["timestamp"].to_numpy() - panel.start) // step).astype(np.int64)
        values[meter[meter >= 0], column[meter >= 0]] = np.nan
        place = group.calendar
        meters = group.meters.assign(zone=place.zone, country=place.country, subdivision=place.subdivision)
        return Batch(rows, panel.replace(values), meters)

    @property
    def objective(self) -> Objective:
        return judge

    def baselines(self, train: pd.DataFrame, exam: pd.DataFrame) -> dict[str, pd.DataFrame]:  # noqa: ARG002
        """The rungs of the ladder, each by itself where it answers, and all of them."""
        said = {"the ladder": exam["ladder"].to_numpy(np.float64)}
        said |= {rung.name: exam[rung.name].to_numpy(np.float64) for rung in RUNGS}
        keys = exam[["meter_id", "timestamp"]]
        return {name: keys.assign(value=value, low=np.nan, high=np.nan, reason="") for name, value in said.items()}

    def asked(self, exam: pd.DataFrame) -> str:
        return f"{len(exam):,} intervals cut out of {exam['meter_id'].nunique()} meters"

    def lineage(self, workspace: Workspace, settings: dict[str, Any], rows: pd.DataFrame) -> Lineage:
        return lineage_of(workspace, (READING, METER, HOLIDAY), settings, rows, "timestamp", "meter_id")


def teachers(workspace: Workspace, meter_ids: list[str]) -> tuple[Validated, ...]:
    """The readings of these meters, with what the rules say of those that teach nothing of another time."""
    return tuple(sampled(workspace, meter_ids, told=UNFIT))


def _known(group: Validated, moment: np.datetime64) -> Panel:
    """Readings that the ladder would use and that had come by then."""
    known = group.usable
    if group.available is None:
        return known
    late = group.available > np.datetime64(moment, "s").astype(np.int64)
    return known.replace(np.where(late, np.float32(np.nan), known.values))


def _share(plan: Mapping[float, int]) -> float:
    """How much of the readings a plan cuts out."""
    return sum(hours * count for hours, count in plan.items()) / (365 * 24)


def _profiles(group: Validated, panel: Panel) -> ClassProfiles:
    """Profiles by customer class, as the ladder has them."""
    classes = group.meters.reindex(columns=["customer_class"])["customer_class"].fillna("").to_numpy(str)
    return class_profiles(panel, group.calendar, classes, group.signed)


def _holes(panel: Panel, window: Panel, plan: Mapping[float, int], seed: int) -> NDArray[np.bool_] | None:
    """Gaps in a window of a panel, on the grid of the panel; None: there is no room for any."""
    days = window.values.shape[1] * window.step_minutes / 1440
    lengths: Sequence[float] = [
        hours
        for hours, count in plan.items()
        if hours * 60 >= window.step_minutes
        for _ in range(max(round(count * days / 365), 1))
    ]
    if not window.mask.any() or not lengths:
        return None
    wanted = np.zeros(panel.values.shape, bool)
    first = (window.start - panel.start) // np.timedelta64(panel.step_minutes * 60, "s")
    wanted[:, first : first + window.values.shape[1]] = cut(window, lengths, 1, seed)[1]
    return wanted


def _joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({"target": []})
