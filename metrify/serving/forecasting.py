"""The deployment that forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrify.serving.member import Member
from metrify.serving.messages import ForecastRequest
from metrify.serving.moments import histories, moment

if TYPE_CHECKING:
    import pandas as pd

    from metrify.scoring.forecast import Forecaster

__all__ = ["Forecasting"]


class Forecasting(Member[ForecastRequest]):
    """FORECAST rows."""

    task = "forecasting"

    def ask(self, scorer: Forecaster, request: ForecastRequest) -> pd.DataFrame:
        """Of the meters of the request, sorted by meter and time."""
        return scorer.answer(
            request.ids,
            moment(request.issue_time),
            request.horizon,
            history=histories(request.history),
            allow_fallback=request.allow_fallback,
        )

    def warm(self, scorer: Forecaster) -> None:
        """Forecast one meter."""
        for meter in sorted(scorer.meters)[:1]:
            scorer.answer([meter])
