"""What stood in a gap, by gradient boosting over what is known before and after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable
from metrify.features.feature import TARGET_UNIT
from metrify.features.gap import FEATURES, LOOKBACK_DAYS
from metrify.models.base import Batch, Model, Needs, Report, Span
from metrify.models.heads import at_once, importance, load_boosters, parameters, save_boosters
from metrify.models.quality.lengths import Standing, answer, answerable, errors, held_out, length_of
from metrify.schema import ESTIMATE, Table

__all__ = ["Imputer"]

_HEADS: dict[str, dict[str, Any]] = {
    "q50": {"objective": "regression_l1"},
    "q10": {"objective": "quantile", "alpha": 0.1},
    "q90": {"objective": "quantile", "alpha": 0.9},
}
_NAMES = tuple(feature.name for feature in FEATURES)
_LEARNED = tuple(name for name in _NAMES if name != "level")  # it would tell the meter and its unit, nothing else
_SCALED = frozenset(feature.name for feature in FEATURES if feature.unit == TARGET_UNIT)
_UNSEEN = "q50 without what is held out"
_REPORT_EVERY = 20


@dataclass
class Imputer(Model):
    """Three boosters (median by absolute error, 10 % and 90 % quantile) over the gap frame divided by the level.

    Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 30. What it says of gaps
    that were held out decides for which lengths it answers at all, and how wide its bands are.
    """

    n_estimators: Annotated[int, Span(40, 600, log=True)] = 200
    learning_rate: Annotated[float, Span(0.02, 0.2, log=True)] = 0.1
    num_leaves: Annotated[int, Span(15, 127, log=True)] = 63
    min_data_in_leaf: Annotated[int, Span(20, 1000, log=True)] = 200
    feature_fraction: Annotated[float, Span(0.2, 1.0)] = 0.4
    bagging_fraction: Annotated[float, Span(0.3, 1.0)] = 0.5
    lambda_l2: Annotated[float, Span(0.001, 10.0, log=True)] = 0.01
    seed: int = 0
    threads: int = 0
    """boosters that are fitted at once, one core each; 0: OMP_NUM_THREADS, which Ray sets, else all cores"""

    family: ClassVar[str] = "quality/imputer"
    produces: ClassVar[Table] = ESTIMATE
    needs: ClassVar[Needs] = Needs("gap", _NAMES, lookback_days=LOOKBACK_DAYS)

    _boosters: dict[str, lgb.Booster] = field(init=False, repr=False, compare=False, default_factory=dict)
    _standing: Standing = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """The median learns from all rows; the quantiles leave a part out, on which all are judged. Nothing is resumed.

        Raises EmptyTable where no row has a target.
        """
        rows = train.rows[answerable(train.rows) & train.rows["target"].notna().to_numpy()]
        if rows.empty:
            raise EmptyTable("READING", "Training wants gaps cut out of measured readings that are not all zero.")
        aside = held_out(rows)
        data = _dataset(rows)
        inner = data.subset(np.flatnonzero(~aside)).construct() if aside.any() else data
        watch = self._watch(valid, report)
        boosters = {"q50": self._boost("q50", data, **watch)} if watch else {}
        wanted = {"q50": ("q50", data), "q10": ("q10", inner), "q90": ("q90", inner), _UNSEEN: ("q50", inner)}
        calls = {name: (self._boost, *task) for name, task in wanted.items() if name not in boosters}
        boosters |= at_once(calls, self.threads)
        unseen = boosters.pop(_UNSEEN)
        self._boosters = boosters
        judges = rows[aside] if aside.any() else rows
        self._standing = Standing.of(judges, *self._heads(judges, boosters | {"q50": unseen}))
        return self

    def _boost(self, head: str, data: lgb.Dataset, **watch: Any) -> lgb.Booster:
        return lgb.train({**parameters(self), **_HEADS[head]}, data, self.n_estimators, **watch)

    def _heads(self, rows: pd.DataFrame, boosters: dict[str, lgb.Booster]) -> list[NDArray[np.float64]]:
        """What the boosters say of q10, q50 and q90 in the target's unit, [N] each."""
        level = rows["level"].to_numpy(np.float64)
        matrix = _matrix(rows, boosters["q50"].feature_name())
        return [boosters[head].predict(matrix, num_threads=1) * level for head in ("q10", "q50", "q90")]

    def _watch(self, valid: Batch | None, report: Report | None) -> dict[str, Any]:
        """What tells the error on `valid` every few trees, by the mean over the lengths of gaps."""
        if valid is None or report is None:
            return {}
        rows = valid.rows[answerable(valid.rows) & valid.rows["target"].notna().to_numpy()]
        if rows.empty:
            return {}
        level, actual, length = rows["level"].to_numpy(np.float64), rows["target"].to_numpy(np.float64), length_of(rows)
        matrix = _matrix(rows)

        def tell(env: lgb.callback.CallbackEnv) -> None:
            step = env.iteration + 1
            if step % _REPORT_EVERY == 0 or step == env.end_iteration:
                said = env.model.predict(matrix, num_threads=1) * level
                report(step, {"wape": float(np.nanmean(errors(actual, said, length)))})

        return {"callbacks": [tell]}

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        heads = np.full((3, len(rows)), np.nan)
        usable = answerable(rows)
        if usable.any():
            heads[:, usable] = self._heads(rows[usable], self._boosters)
        return answer(rows, *heads, self._standing)

    def importance(self) -> dict[str, float]:
        """Share of each feature in the gain of the median's trees."""
        return importance(self._boosters["q50"])

    def save_state(self, folder: Path) -> None:
        save_boosters(self._boosters, folder)
        (folder / "standing.json").write_text(json.dumps(self._standing.state()))

    def load_state(self, folder: Path) -> None:
        self._boosters = load_boosters(_HEADS, folder)
        self._standing = Standing.from_state(json.loads((folder / "standing.json").read_text()))


def _matrix(rows: pd.DataFrame, names: Sequence[str] = _LEARNED) -> NDArray[np.float32]:
    """Features [N, F], those in the target's unit divided by the level."""
    matrix = rows[list(names)].to_numpy(np.float32)
    relative = [k for k, name in enumerate(names) if name in _SCALED]
    matrix[:, relative] /= rows["level"].to_numpy(np.float32)[:, None]
    return matrix


def _dataset(rows: pd.DataFrame) -> lgb.Dataset:
    target = rows["target"].to_numpy(np.float64) / rows["level"].to_numpy(np.float64)
    return lgb.Dataset(_matrix(rows), target, feature_name=list(_LEARNED), free_raw_data=False).construct()
