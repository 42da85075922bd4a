"""POST /v1/quality: how far a day of a meter's readings can be trusted."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, Field, model_validator

from metrify.errors import BadValue
from metrify.serving.args import Limits
from metrify.serving.messages.fields import Date, Numbers
from metrify.serving.messages.meters import MeterRequest
from metrify.serving.messages.operation import Answer

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MeterQuality", "QualityAnswer", "QualityRequest"]


class QualityRequest(MeterRequest):
    """Days of which meters, from which date to which."""

    first: Date | None = Field(None, description="first day at the meter's place; default: `last`")
    last: Date | None = Field(None, description="last day; default: the last whole day that the readings cover")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first and self.last and self.last < self.first:
            raise BadValue("last", f"a date from first on ({self.first})", str(self.last))
        return self

    def check(self, limits: Limits) -> None:
        """Raise BadValue for more than the limits allow."""
        super().check(limits)
        for last in [self.last] if self.last else [given.until.date() for given in self.history]:
            self._check_period(last, limits)

    def check_period(self, latest: np.datetime64 | None, limits: Limits) -> None:
        """Raise BadValue where `first` alone asks the lake, which ends at `latest` [UTC], for more than the limits."""
        if self.last is None and latest is not None and self.asks_lake:
            self._check_period(latest.astype("datetime64[D]").item(), limits)

    def _check_period(self, last: date, limits: Limits) -> None:
        if self.first and (last - self.first).days >= limits.max_quality_days:
            raise BadValue("first", f"at most {limits.max_quality_days} days up to {last}", str(self.first))


class MeterQuality(BaseModel):
    """One meter's days, as columns."""

    meter_id: str
    model: str | None = Field(description="family and registry version; null where nothing was judged")
    no_data: str | None = Field(None, description="why there is no day to judge in the period; null where there is")
    local_date: list[date] = Field(description="days at the meter's place")
    score: Numbers = Field(description="0 to 100, higher is better")
    estimation_risk: Numbers = Field(description="chance that the next day needs estimation, a reading late or wrong")
    reason: list[str | None] = Field(description="what lowered the score; null where nothing did")


class QualityAnswer(Answer):
    """The judged days of each meter, in the order of the request."""

    quality: list[MeterQuality]
