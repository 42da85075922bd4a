"""One global LightGBM over all meters: direct multi-step, each meter divided by its own scale."""

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
from metrify.features import catalog
from metrify.features.levels import SCALE
from metrify.models.base import Batch, Model, Needs, Report, Span
from metrify.models.forecasting.answer import answer, answerable, calibration_rows
from metrify.models.forecasting.conformal import Conformal
from metrify.models.forecasting.profile import Profile
from metrify.models.heads import at_once, importance, load_boosters, parameters, save_boosters
from metrify.schema import FORECAST, Table

__all__ = ["LightGBMForecaster"]

_HEADS: dict[str, dict[str, Any]] = {
    "q50": {"objective": "regression_l1"},
    "q10": {"objective": "quantile", "alpha": 0.1},
    "q90": {"objective": "quantile", "alpha": 0.9},
    "mean": {"objective": "regression"},
}
# a tree cannot extrapolate to days of the year that it has never seen
_FEATURES = tuple(name for name in catalog.names if name != "day_of_year")
_REPORT_EVERY = 20
_WORTH_THREADS = 5_000
_UNSEEN = "q50 without the days set aside"


@dataclass
class LightGBMForecaster(Model):
    """Four boosters (median by absolute error, mean, 10 % and 90 % quantile) over features divided by the scale.

    Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 30. The weight of a row
    is its meter's scale, so that the error in kWh counts, not the error in shares.
    """

    n_estimators: Annotated[int, Span(40, 600, log=True)] = 200
    learning_rate: Annotated[float, Span(0.02, 0.2, log=True)] = 0.08
    num_leaves: Annotated[int, Span(15, 127, log=True)] = 63
    min_data_in_leaf: Annotated[int, Span(20, 1000, log=True)] = 200
    feature_fraction: Annotated[float, Span(0.3, 1.0)] = 0.5
    bagging_fraction: Annotated[float, Span(0.3, 1.0)] = 0.5
    lambda_l2: Annotated[float, Span(0.001, 10.0, log=True)] = 0.01
    calibration_days: int = 28
    """how many of the last days of training calibrate the intervals"""
    seed: int = 0
    threads: int = 0
    """boosters that are fitted at once, one core each; 0: OMP_NUM_THREADS, which Ray sets, else all cores"""

    family: ClassVar[str] = "forecasting/lightgbm"
    produces: ClassVar[Table] = FORECAST
    needs: ClassVar[Needs] = Needs("forecast", _FEATURES, lookback_days=35)

    _boosters: dict[str, lgb.Booster] = field(init=False, repr=False, compare=False, default_factory=dict)
    _conformal: Conformal = field(init=False, repr=False, compare=False)
    _profile: Profile = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Median and mean learn from all rows; the outer quantiles leave the last days out, which calibrate them.

        Raises EmptyTable where no row has both a target and enough history.
        """
        rows = train.rows[answerable(train.rows) & train.rows["target"].notna().to_numpy()]
        if rows.empty:
            raise EmptyTable("FEATURE", "Training wants measured targets and at least two days of history before them.")
        self._profile = Profile.fit(train.rows)
        aside = calibration_rows(rows, self.calibration_days)
        data = _dataset(rows)
        inner = data.subset(np.flatnonzero(~aside)).construct() if aside.any() else data
        earlier = load_boosters(_HEADS, resume) if resume else {}
        watch = self._watch(valid, report, data)
        first = {"q50": self._boost("q50", data, earlier.get("q50"), **watch)} if watch else {}
        rest = {"q50": data, "mean": data, "q10": inner, "q90": inner}
        calls = {head: (self._boost, head, rows, earlier.get(head)) for head, rows in rest.items() if head not in first}
        # calibration wants a median that has not seen the days set aside either
        calls |= {_UNSEEN: (self._boost, "q50", inner, None)} if aside.any() else {}
        boosters = first | at_once(calls, self.threads)
        self._calibrate(boosters.pop(_UNSEEN, boosters["q50"]), boosters, rows[aside])
        self._boosters = boosters
        return self

    def _calibrate(self, median: lgb.Booster, boosters: dict[str, lgb.Booster], held: pd.DataFrame) -> None:
        if held.empty:
            self._conformal = Conformal.fit(*[np.empty(0)] * 5)
            return
        heads = self._heads(_matrix(held), {"q10": boosters["q10"], "q50": median, "q90": boosters["q90"]})
        actual = held["target"].to_numpy(np.float64) / held[SCALE].to_numpy(np.float64)
        self._conformal = Conformal.fit(
            actual, heads["q10"], heads["q50"], heads["q90"], held["lead_minutes"].to_numpy()
        )

    def _boost(self, head: str, data: lgb.Dataset, started: lgb.Booster | None, **watch: Any) -> lgb.Booster:
        rounds = self.n_estimators - (started.current_iteration() if started else 0)
        if started and rounds <= 0:
            return started
        return lgb.train(
            {**parameters(self), "metric": "l1", **_HEADS[head]}, data, rounds, init_model=started, **watch
        )

    def _heads(self, matrix: NDArray[np.float32], boosters: dict[str, lgb.Booster]) -> dict[str, NDArray[np.float64]]:
        """What each booster says of each row."""
        if len(matrix) < _WORTH_THREADS:
            return {head: booster.predict(matrix, num_threads=1) for head, booster in boosters.items()}
        return at_once({head: (_predict, booster, matrix) for head, booster in boosters.items()}, self.threads)

    def _watch(self, valid: Batch | None, report: Report | None, data: lgb.Dataset) -> dict[str, Any]:
        """What makes LightGBM tell the WAPE of the median on `valid` every few trees."""
        if valid is None or report is None:
            return {}
        rows = valid.rows[answerable(valid.rows) & valid.rows["target"].notna().to_numpy()]
        held = _dataset(rows, reference=data)
        # LightGBM's l1 is the mean over weights (the scale) of the scaled error: times this it is the WAPE
        to_wape = rows[SCALE].sum() / rows["target"].abs().sum()

        def tell(env: lgb.callback.CallbackEnv) -> None:
            step = env.iteration + 1
            if step % _REPORT_EVERY == 0 or step == env.end_iteration:
                report(step, {"wape": float((env.evaluation_result_list or [])[0][2] * to_wape)})

        return {"valid_sets": [held], "callbacks": [tell]}

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        usable = answerable(rows)
        quantiles = np.full((len(rows), self._conformal.factors.shape[1]), np.nan)
        mean = np.full(len(rows), np.nan)
        if usable.any():
            quantiles[usable], mean[usable] = self._boosted(rows[usable])
        return answer(rows, quantiles, mean, self._profile)

    def _boosted(self, rows: pd.DataFrame) -> tuple[NDArray, NDArray]:
        # the names that it learned with: the catalogue may have grown since
        matrix, scale = _matrix(rows, self._boosters["q50"].feature_name()), rows[SCALE].to_numpy(np.float64)
        heads = self._heads(matrix, self._boosters)
        scaled = self._conformal.apply(heads["q10"], heads["q50"], heads["q90"], rows["lead_minutes"].to_numpy())
        return scaled * scale[:, None], heads["mean"] * scale

    def importance(self) -> dict[str, float]:
        """Share of each feature in the gain of the median's trees."""
        return importance(self._boosters["q50"])

    def save_state(self, folder: Path) -> None:
        save_boosters(self._boosters, folder)
        state = {"conformal": self._conformal.state(), "profile": self._profile.state()}
        (folder / "state.json").write_text(json.dumps(state))

    def load_state(self, folder: Path) -> None:
        self._boosters = load_boosters(_HEADS, folder)
        state = json.loads((folder / "state.json").read_text())
        self._conformal = Conformal.from_state(state["conformal"])
        self._profile = Profile.from_state(state["profile"])


def _predict(booster: lgb.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    return booster.predict(matrix, num_threads=1)


def _matrix(rows: pd.DataFrame, names: Sequence[str] = _FEATURES) -> NDArray[np.float32]:
    """Features [N, F], those in the target's unit divided by the scale."""
    matrix = rows[list(names)].to_numpy(np.float32)
    relative = [k for k, name in enumerate(names) if name in catalog.scaling and name != SCALE]
    matrix[:, relative] /= rows[SCALE].to_numpy(np.float32)[:, None]
    return matrix


def _dataset(rows: pd.DataFrame, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    scale = rows[SCALE].to_numpy(np.float64)
    return lgb.Dataset(
        _matrix(rows),
        rows["target"].to_numpy(np.float64) / scale,
        weight=scale,
        feature_name=list(_FEATURES),
        reference=reference,
        free_raw_data=False,
    ).construct()
