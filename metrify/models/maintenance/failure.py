"""One XGBoost classifier over the fleet: does this equipment fail within the horizon?"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from metrify.errors import BadValue, EmptyTable, OneClass
from metrify.features.asset import CATEGORIES, FEATURES
from metrify.models.base import Batch, Model, Needs, Report, Span
from metrify.models.boosting import Teller
from metrify.models.calibration import Calibration, folds
from metrify.models.maintenance.encoding import Encoding
from metrify.models.maintenance.health import at_horizon, health
from metrify.models.maintenance.reasons import reasons
from metrify.schema import RISK, Table

__all__ = ["FailureClassifier"]

_NUMBERS = tuple(feature.name for feature in FEATURES)
_FOLDS = 3
_NO_FAILURE = (
    "Ingest events of kind failure with `metrify ingest events FILE --mapping MAPPING`, or ask for a longer horizon."
)
_NO_SURVIVOR = "Ingest the equipment that did not fail too, with `metrify ingest assets FILE --mapping MAPPING`."


@dataclass
class FailureClassifier(Model):
    """Boosted trees on log loss over all assets and days, calibrated on assets that the trees have not seen.

    Chen and Guestrin 2016, "XGBoost: a scalable tree boosting system", KDD, doi:10.1145/2939672.2939785. An asset is in
    training once for each day on which it is judged, and one failure is the target of several of those rows: rows of
    one asset never stand on both sides of the calibration, and the regularisation is strong because the rows are fewer
    than they look.
    """

    n_estimators: Annotated[int, Span(40, 300, log=True)] = 100
    max_depth: Annotated[int, Span(2, 8)] = 6
    learning_rate: Annotated[float, Span(0.02, 0.3, log=True)] = 0.1
    min_child_weight: Annotated[float, Span(1.0, 100.0, log=True)] = 10.0
    subsample: Annotated[float, Span(0.3, 1.0)] = 0.5
    colsample_bynode: Annotated[float, Span(0.2, 1.0)] = 0.5
    reg_lambda: Annotated[float, Span(1.0, 300.0, log=True)] = 30.0
    gamma: Annotated[float, Span(0.01, 10.0, log=True)] = 3.0
    seed: int = 0

    family: ClassVar[str] = "maintenance/failure"
    produces: ClassVar[Table] = RISK
    needs: ClassVar[Needs] = Needs("asset", (*_NUMBERS, *CATEGORIES), lookback_days=365)

    _booster: xgb.Booster = field(init=False, repr=False, compare=False)
    _encoding: Encoding = field(init=False, repr=False, compare=False)
    _calibration: Calibration = field(init=False, repr=False, compare=False)
    _horizon_days: int = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Trees learn from all rows with a target; copies that left a third of the assets out calibrate them.

        `report` gets brier and logloss on `valid`, before calibration. Raises EmptyTable where no row has a target,
        OneClass where there is no failure or nothing else, BadValue for targets of several horizons.
        """
        rows = _judged(train.rows)
        self._horizon_days = _learnable(rows)
        earlier = self.load(resume) if resume else None
        self._encoding = earlier._encoding if earlier else Encoding.fit(rows, _NUMBERS, CATEGORIES)
        watch = self._watch(valid, report)
        self._booster = self._boost(rows, self._encoding, earlier._booster if earlier else None, **watch)
        self._calibration = self._calibrated(rows)
        return self

    def _boost(
        self, rows: pd.DataFrame, encoding: Encoding, started: xgb.Booster | None = None, **watch: Any
    ) -> xgb.Booster:
        rounds = self.n_estimators - (started.num_boosted_rounds() if started else 0)
        if started and rounds <= 0:
            return started
        data = xgb.DMatrix(encoding.matrix(rows), rows["target"].to_numpy(), feature_names=encoding.names, nthread=1)
        return xgb.train(self._parameters, data, rounds, xgb_model=started, verbose_eval=False, **watch)

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            "objective": "binary:logistic",
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "reg_lambda": self.reg_lambda,
            "gamma": self.gamma,
            "tree_method": "hist",
            "nthread": 1,
            "seed": self.seed,
        }

    def _calibrated(self, rows: pd.DataFrame) -> Calibration:
        """From what boosters say of assets that they have not seen; as it is where too few failures are known."""
        margin = np.full(len(rows), np.nan)
        for aside in folds(rows["asset_id"].to_numpy(), _FOLDS):
            learned = rows[~aside]
            if aside.any() and learned["target"].nunique() > 1:
                encoding = Encoding.fit(learned, _NUMBERS, CATEGORIES)
                margin[aside] = _margin(self._boost(learned, encoding), encoding, rows[aside])
        some = np.isfinite(margin)
        # an asset counts as often as it could have failed anew: once a horizon, not once a day on which it was judged
        days = rows["as_of"].to_numpy().astype("datetime64[s]")
        apart = np.diff(np.unique(days)) / np.timedelta64(86_400, "s")
        weight = min(1.0, float(np.median(apart)) / self._horizon_days) if len(apart) else 1.0
        return Calibration.fit(margin[some], rows["target"].to_numpy(np.float64)[some], weight)

    def _watch(self, valid: Batch | None, report: Report | None) -> dict[str, Any]:
        """What makes XGBoost tell its errors on `valid` every few trees."""
        rows = _judged(valid.rows) if valid is not None else pd.DataFrame()
        if report is None or rows.empty:
            return {}
        data = xgb.DMatrix(self._encoding.matrix(rows), nthread=1)
        actual = rows["target"].to_numpy(np.float64)

        def errors(trees: xgb.Booster) -> dict[str, float]:
            chance = np.clip(trees.predict(data, validate_features=False).astype(np.float64), 1e-7, 1 - 1e-7)
            logloss = -np.mean(np.where(actual > 0, np.log(chance), np.log1p(-chance)))
            return {"brier": float(np.mean((chance - actual) ** 2)), "logloss": float(logloss)}

        return {"callbacks": [Teller(report, errors)]}

    def predict(self, batch: Batch) -> pd.DataFrame:
        """RISK without consequence and risk; a row that is not in service has its standing as the reason.

        Another horizon than the learned one is answered at the same hazard.
        """
        rows = batch.rows
        serving = rows["standing"].to_numpy() == ""
        probability = np.full(len(rows), np.nan)
        reason = rows["standing"].to_numpy(object).copy()
        if serving.any():
            probability[serving], reason[serving] = self._judge(rows[serving])
        days = rows["horizon_days"].to_numpy()
        nothing = np.full(len(rows), np.nan)
        columns = {"asset_id": rows["asset_id"], "as_of": rows["as_of"], "horizon_days": rows["horizon_days"]}
        risk = {"consequence": nothing, "risk": nothing, "reason": reason}
        return pd.DataFrame(
            {**columns, "probability": probability, "health": health(probability, days), **risk}, index=rows.index
        )

    def _judge(self, rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
        chance = self._calibration.apply(_margin(self._booster, self._encoding, rows))
        probability = at_horizon(chance, self._horizon_days, rows["horizon_days"].to_numpy())
        return probability, reasons(rows, self._encoding.names, self.contributions(rows))

    def contributions(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """What each column of `needs.features` adds to the log odds of each row (TreeSHAP), [N, F]."""
        return self._booster.predict(_matrix(self._encoding, rows), pred_contribs=True)[:, :-1]

    def importance(self) -> dict[str, float]:
        """Share of each feature in the gain of the trees."""
        gain = self._booster.get_score(importance_type="total_gain")
        total = sum(map(_number, gain.values())) or 1.0
        return {name: _number(gain.get(name, 0.0)) / total for name in self._encoding.names}

    def save_state(self, folder: Path) -> None:
        self._booster.save_model(folder / "booster.ubj")
        learned = {"encoding": self._encoding.state(), "horizon_days": self._horizon_days}
        calibration = {"slope": self._calibration.slope, "shift": self._calibration.shift}
        (folder / "state.json").write_text(json.dumps({**learned, "calibration": calibration}))

    def load_state(self, folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        self._booster = xgb.Booster(params={"nthread": 1}, model_file=folder / "booster.ubj")
        self._encoding = Encoding.from_state(state["encoding"])
        self._calibration = Calibration(**state["calibration"])
        self._horizon_days = state["horizon_days"]


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows in service whose target is known."""
    return rows[(rows["standing"].to_numpy() == "") & rows["target"].notna().to_numpy()]


def _learnable(rows: pd.DataFrame) -> int:
    """The horizon of the rows [days]. Raises EmptyTable, BadValue, OneClass."""
    if rows.empty:
        raise EmptyTable("ASSET", "Training wants equipment with an install date, and events over more than a horizon.")
    horizons = rows["horizon_days"].unique()
    if len(horizons) > 1:
        raise BadValue("horizon_days", "one horizon in training", sorted(map(int, horizons)))
    failures = int(rows["target"].sum())
    if failures in (0, len(rows)):
        seen = f"{rows['asset_id'].nunique()} assets on {rows['as_of'].nunique()} days ({len(rows)} asset-days)"
        found = "nothing but failures" if failures else f"no failure within {horizons[0]} days"
        raise OneClass(FailureClassifier.family, f"{found}, {seen}", _NO_SURVIVOR if failures else _NO_FAILURE)
    return int(horizons[0])


def _matrix(encoding: Encoding, rows: pd.DataFrame) -> xgb.DMatrix:
    return xgb.DMatrix(encoding.matrix(rows), feature_names=encoding.names, nthread=1)


def _margin(booster: xgb.Booster, encoding: Encoding, rows: pd.DataFrame) -> NDArray[np.float64]:
    """What the booster says of each row, on the log odds."""
    return booster.predict(_matrix(encoding, rows), output_margin=True).astype(np.float64)


def _number(value: float | list[float]) -> float:
    return float(value if not isinstance(value, list) else value[0])
