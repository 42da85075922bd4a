"""The floor that every other family must beat: median and mean of like hours of the last days."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable
from metrify.features.levels import SCALE
from metrify.models.base import Batch, Choice, Model, Needs, Report
from metrify.models.forecasting.answer import answer, answerable, calibration_rows
from metrify.models.forecasting.conformal import Conformal
from metrify.models.forecasting.profile import Profile
from metrify.schema import FORECAST, Table

__all__ = ["SeasonalForecaster"]

_COLUMNS = ("slot_q10_28d", "slot_q90_28d", "is_day_off", "minute_of_day", SCALE, "known_14d")


@dataclass
class SeasonalForecaster(Model):
    """The median (and mean) of the same clock time over the last `days` known days, with calibrated quantiles."""

    days: Annotated[int, Choice((7, 28))] = 7
    calibration_days: int = 28
    """how many of the last days of training calibrate the intervals"""

    family: ClassVar[str] = "forecasting/seasonal"
    produces: ClassVar[Table] = FORECAST
    needs: ClassVar[Needs] = Needs(
        "forecast", ("slot_median_7d", "slot_mean_7d", "slot_median_28d", "slot_mean_28d", *_COLUMNS), lookback_days=29
    )

    _conformal: Conformal = field(init=False, repr=False, compare=False)
    _profile: Profile = field(init=False, repr=False, compare=False)

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Nothing is learned but the calibration of the intervals and the fleet's profile: one pass, no resuming.

        Raises EmptyTable without rows.
        """
        rows = train.rows
        if rows.empty:
            raise EmptyTable("FEATURE", "There is no row to learn from.")
        self._profile = Profile.fit(rows)
        aside = calibration_rows(rows, self.calibration_days) & answerable(rows)
        held = rows[aside]
        scale = held[SCALE].to_numpy(np.float64)
        low, middle, high = (part / scale for part in self._raw(held))
        self._conformal = Conformal.fit(
            held["target"].to_numpy(np.float64) / scale, low, middle, high, held["lead_minutes"].to_numpy()
        )
        return self

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        scale = np.where(answerable(rows), rows[SCALE].to_numpy(np.float64), np.nan)
        low, middle, high = (part / scale for part in self._raw(rows))
        quantiles = self._conformal.apply(low, middle, high, rows["lead_minutes"].to_numpy()) * scale[:, None]
        return answer(rows, quantiles, rows[f"slot_mean_{self.days}d"].to_numpy(np.float64), self._profile)

    def _raw(self, rows: pd.DataFrame) -> tuple[NDArray, NDArray, NDArray]:
        names = ("slot_q10_28d", f"slot_median_{self.days}d", "slot_q90_28d")
        low, middle, high = (rows[name].to_numpy(np.float64) for name in names)
        return np.minimum(low, middle), middle, np.maximum(high, middle)

    def save_state(self, folder: Path) -> None:
        state = {"conformal": self._conformal.state(), "profile": self._profile.state()}
        (folder / "state.json").write_text(json.dumps(state))

    def load_state(self, folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        self._conformal = Conformal.from_state(state["conformal"])
        self._profile = Profile.from_state(state["profile"])
