"""The quality of a meter-day by the first rules, and the learned chance that tomorrow needs estimation."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from metrify.features.day import FEATURES
from metrify.features.dayrecord import DEFECTS, LOOKBACK_DAYS, SEVERITY
from metrify.features.feature import TARGET_UNIT
from metrify.models.base import Batch, Model, Needs, Report, Span
from metrify.models.boosting import Teller
from metrify.models.calibration import Calibration, folds
from metrify.models.quality.lesson import lesson
from metrify.models.quality.words import NOTHING_KNOWN, risk_reasons, score_reasons
from metrify.schema import QUALITY, Table

__all__ = ["QualityModel"]

_NAMES = [feature.name for feature in FEATURES if feature.unit != TARGET_UNIT]  # what does not grow with the meter
_PATIENCE = 20


@dataclass
class QualityModel(Model):
    """A score of 0 to 100 that anybody can reckon again, and beside it a few small trees for tomorrow's risk.

    The score is 100 x (1 - the weighted share of defective intervals), each interval counted once, for the gravest rule
    that holds of it. The risk: Chen and Guestrin 2016, "XGBoost: a
    scalable tree boosting system", doi:10.1145/2939672.2939785, stopped early and calibrated on meters that they
    have not seen: faults come in bouts, and the last days alone may hold none or little else.
    """

    weight_gap: float = 1.0
    """how much a missing interval lowers the score: 1 takes all that the interval is worth"""
    weight_error: float = 1.0
    """likewise a reading that is not used, such as one below zero"""
    weight_warning: float = 0.25
    """likewise a reading that is used and looked at, such as one that was reported twice"""
    weight_info: float = 0.0
    n_estimators: Annotated[int, Span(30, 400, log=True)] = 200
    """most trees; fewer where more do not help on the days set aside"""
    learning_rate: Annotated[float, Span(0.02, 0.3, log=True)] = 0.08
    max_depth: Annotated[int, Span(2, 6)] = 3
    min_child_weight: Annotated[float, Span(1.0, 50.0, log=True)] = 3.0
    reg_lambda: Annotated[float, Span(0.1, 20.0, log=True)] = 2.0
    calibration_folds: int = 5
    """parts of the meters, each of which stops and calibrates trees that learned from the others"""
    tell_above: float = 0.5
    """from which risk on the reason says what raises it"""
    seed: int = 0

    family: ClassVar[str] = "quality/score"
    produces: ClassVar[Table] = QUALITY
    needs: ClassVar[Needs] = Needs("day", tuple(_NAMES), lookback_days=LOOKBACK_DAYS)

    _trees: xgb.Booster = field(init=False, repr=False, compare=False)
    _calibration: Calibration = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Learn the risk from rows with a target; it takes seconds, so nothing is resumed.

        Raises EmptyTable where no row has a target, OneClass where all have the same.
        """
        rows = lesson(train.rows, self.family)
        data, rounds, self._calibration = _dataset(rows), self.n_estimators, Calibration()
        asides = _by_meter(rows, self.calibration_folds)
        if len(asides) > 1:
            rounds, odds = self._cross(rows, asides)
            self._calibration = Calibration.fit(odds, rows["target"].to_numpy(np.float64))
        self._trees = self._boost(data, rounds, watch=self._watch(valid, report))
        return self

    def _cross(self, rows: pd.DataFrame, asides: list[NDArray[np.bool_]]) -> tuple[int, NDArray[np.float64]]:
        """How many trees are best on meters not seen, and the log-odds that such trees say of each row, [N]."""
        best, odds = [], np.empty(len(rows))
        for held in asides:
            asked = _dataset(rows[held])
            trees = self._boost(_dataset(rows[~held]), self.n_estimators, held=asked)
            best.append(trees.num_boosted_rounds())
            odds[held] = _odds(trees, asked)
        return max(round(float(np.mean(best))), 1), odds

    def _boost(
        self, data: xgb.DMatrix, rounds: int, held: xgb.DMatrix | None = None, watch: list[Any] | None = None
    ) -> xgb.Booster:
        """Trees on `data`; with `held` as many as are best on it."""
        stop = [xgb.callback.EarlyStopping(rounds=_PATIENCE, save_best=True)] if held is not None else []
        evals = [(held, "held")] if held is not None else []
        callbacks = [*stop, *(watch or [])]
        return xgb.train(
            self._parameters, data, num_boost_round=rounds, evals=evals, callbacks=callbacks, verbose_eval=False
        )

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "reg_lambda": self.reg_lambda,
            "nthread": 1,
            "seed": self.seed,
        }

    def _watch(self, valid: Batch | None, report: Report | None) -> list[Any]:
        """What tells the Brier score on `valid` every few trees."""
        rows = None if valid is None else valid.rows[valid.rows["target"].notna()]
        if rows is None or report is None or rows.empty:
            return []
        data, actual = _dataset(rows), rows["target"].to_numpy(np.float64)

        def brier(trees: xgb.Booster) -> dict[str, float]:
            return {"brier": float(np.square(self._calibration.apply(_odds(trees, data)) - actual).mean())}

        return [Teller(report, brier)]

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        lost = self._lost(rows)
        data = _dataset(rows, labelled=False)
        risk = self._calibration.apply(_odds(self._trees, data))
        columns = {
            "meter_id": rows["meter_id"],
            "local_date": rows["local_date"],
            "score": np.clip(100 - sum(lost.values()), 0.0, 100.0),
            "estimation_risk": risk,
            "reason": self._reasons(rows, lost, data, risk),
        }
        return pd.DataFrame(columns, index=rows.index)

    def _lost(self, rows: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
        """What each rule takes off the score [points], [N]; a day of which nothing is known loses all."""
        lost = {}
        for rule in DEFECTS:
            share = rows[f"{rule}_share"].to_numpy(np.float64)
            unknown = 1.0 if rule == "gap" else 0.0
            lost[rule] = 100 * getattr(self, f"weight_{SEVERITY[rule]}") * np.where(np.isfinite(share), share, unknown)
        return lost

    def _reasons(
        self, rows: pd.DataFrame, lost: dict[str, NDArray[np.float64]], data: xgb.DMatrix, risk: NDArray[np.float64]
    ) -> NDArray[np.object_]:
        reasons = score_reasons(rows, lost)
        reasons[rows["gap_share"].isna().to_numpy()] = NOTHING_KNOWN
        high = np.flatnonzero(risk >= self.tell_above)
        if len(high):
            said = self._trees.predict(data.slice(high), pred_contribs=True)[:, :-1]  # the last column is the rest
            for row, why in zip(high, risk_reasons(rows.iloc[high], risk[high], _NAMES, said), strict=True):
                reasons[row] = "; ".join(filter(None, (reasons[row], why)))
        return reasons

    def importance(self) -> dict[str, float]:
        """Share of each feature in the gain of the trees."""
        gain = self._trees.get_score(importance_type="total_gain")
        return {name: gain.get(name, 0.0) / max(sum(gain.values()), 1e-12) for name in _NAMES}

    def save_state(self, folder: Path) -> None:
        self._trees.save_model(folder / "trees.ubj")
        state = {"slope": self._calibration.slope, "shift": self._calibration.shift}
        (folder / "calibration.json").write_text(json.dumps(state))

    def load_state(self, folder: Path) -> None:
        self._trees = xgb.Booster({"nthread": 1}, model_file=folder / "trees.ubj")
        self._calibration = Calibration(**json.loads((folder / "calibration.json").read_text()))


def _by_meter(rows: pd.DataFrame, parts: int) -> list[NDArray[np.bool_]]:
    """Rows of the meters of each part; none where the others do not have both kinds of days."""
    asides = folds(rows["meter_id"].astype(object).to_numpy(), parts)
    return asides if all(rows["target"][~aside].nunique() == 2 for aside in asides) else []


def _dataset(rows: pd.DataFrame, *, labelled: bool = True) -> xgb.DMatrix:
    labels = rows["target"].to_numpy(np.float32) if labelled else None
    return xgb.DMatrix(rows[_NAMES].to_numpy(np.float32), labels, feature_names=_NAMES, nthread=1)


def _odds(trees: xgb.Booster, data: xgb.DMatrix) -> NDArray[np.float64]:
    """Log-odds, [N]."""
    if not data.num_row():
        return np.empty(0)
    return trees.predict(data, output_margin=True).astype(np.float64)
