"""POST /v1/forecast: what meters will read."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from metrify.errors import BadValue
from metrify.serving.args import Limits
from metrify.serving.messages.fields import Instant, Numbers
from metrify.serving.messages.meters import MeterRequest
from metrify.serving.messages.operation import Answer

__all__ = ["ForecastAnswer", "ForecastRequest", "MeterForecast"]

HORIZON = re.compile(r"([1-9]\d{0,5})(d|h|min)", re.ASCII)
MINUTES = {"d": 1440, "h": 60, "min": 1}


def _horizon(value: str) -> str:
    if not HORIZON.fullmatch(value):
        raise ValueError("a whole number of days, hours or minutes such as 1d, 24h, 30min")
    return value


class ForecastRequest(MeterRequest):
    """For which meters, from when, how far."""

    issue_time: Instant | None = Field(
        None,
        description="nothing known later is used; default: the end of the latest reading of the lake (of a history in "
        "the request: its end), rounded down to the meter's interval",
    )
    horizon: Annotated[str, AfterValidator(_horizon)] | None = Field(
        None, description="how far, such as 24h, 1d (a local day), 30min; default: the workspace's setting"
    )
    allow_fallback: bool = Field(True, description="false: error 422 where the model has too little history")

    def check(self, limits: Limits) -> None:
        """Raise BadValue for more than the limits allow."""
        super().check(limits)
        if self.horizon and _minutes(self.horizon) > limits.max_horizon_days * MINUTES["d"]:
            raise BadValue("horizon", f"at most {limits.max_horizon_days} days", self.horizon)


def _minutes(horizon: str) -> int:
    found = HORIZON.fullmatch(horizon)
    return int(found[1]) * MINUTES[found[2]] if found else 0


class MeterForecast(BaseModel):
    """One meter's forecast as columns: plots directly, and `pandas.DataFrame(forecast)` is a table of it."""

    meter_id: str
    model: str = Field(description="family and registry version")
    issue_time: datetime
    interval_minutes: int | None = Field(None, description="null for a forecast of a single interval")
    unit: str
    reason: str | None = Field(
        None, description="null for an ordinary answer, else the fallback that answered, and why"
    )
    timestamp: list[datetime] = Field(description="starts of the intervals, UTC")
    mean: Numbers
    q05: Numbers
    q10: Numbers
    q25: Numbers
    q50: Numbers = Field(description="the point forecast")
    q75: Numbers
    q90: Numbers
    q95: Numbers


class ForecastAnswer(Answer):
    """One forecast per meter, in the order of the request."""

    forecasts: list[MeterForecast]
