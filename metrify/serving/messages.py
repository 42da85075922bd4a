"""What the HTTP door takes and gives, as pydantic models: they check requests and describe themselves in OpenAPI."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from metrify.errors import BadValue
from metrify.serving.args import Limits

__all__ = ["ErrorBody", "ForecastAnswer", "ForecastRequest", "Health", "History", "MeterForecast", "ServedModel"]

HORIZON = re.compile(r"([1-9]\d{0,5})(d|h|min)")
MINUTES = {"d": 1440, "h": 60, "min": 1}
YEARS = (1970, 2200)


def _instant(value: Any) -> datetime:
    """ISO 8601 with an offset, as UTC: a clock time without one means another moment in every zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        moment = moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not YEARS[0] <= moment.year < YEARS[1]:
        raise ValueError("an ISO 8601 time from 1970 on with an offset, such as 2026-03-29T00:30:00Z")
    return moment


def _horizon(value: str) -> str:
    if not HORIZON.fullmatch(value):
        raise ValueError("a whole number of days, hours or minutes such as 1d, 24h, 30min")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


MeterId = Annotated[str, Field(min_length=1, max_length=256)]
Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=datetime)]
Numbers = list[float | None]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class History(_Strict):
    """Readings of one meter, for one that the lake does not know, or to be used in place of the lake's."""

    meter_id: MeterId
    start: Instant = Field(description="start of the first interval")
    interval_minutes: int = Field(ge=1, le=1440)
    kwh: Numbers = Field(
        min_length=1,
        max_length=200_000,
        description="the forecast quantity in each interval, kWh unless the workspace says otherwise; null if unknown",
    )


class ForecastRequest(_Strict):
    """For which meters, from when, how far."""

    meter_id: MeterId | None = Field(None, description="one meter; or give meter_ids")
    meter_ids: list[MeterId] | None = Field(None, min_length=1, description="several meters, each once")
    issue_time: Instant | None = Field(
        None,
        description="nothing known later is used; default: the end of the latest reading of the lake (of a history in "
        "the request: its end), rounded down to the meter's interval",
    )
    horizon: Annotated[str, AfterValidator(_horizon)] | None = Field(
        None, description="how far, such as 24h, 1d (a local day), 30min; default: the workspace's setting"
    )
    allow_fallback: bool = Field(True, description="false: error 422 where the model has too little history")
    history: Annotated[list[History], BeforeValidator(_as_list, json_schema_input_type=History | list[History])] = (
        Field([], description="readings sent with the request: one object, or a list of them")
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.meter_id is not None and self.meter_ids is not None:
            raise BadValue("meter_ids", "either meter_id or meter_ids", "both")
        given = [history.meter_id for history in self.history]
        if not self.meters:
            raise BadValue("meter_ids", "meter_id, meter_ids or history", "nothing")
        _each_once("meter_ids[{}]", self.meters)
        _each_once("history[{}].meter_id", given)
        for position, meter in enumerate(given):
            if meter not in self.meters:
                raise BadValue(f"history[{position}].meter_id", "a meter that meter_ids asks for", meter)
        return self

    @property
    def meters(self) -> list[str]:
        """Every meter that is asked for."""
        if self.meter_id is not None:
            return [self.meter_id]
        return self.meter_ids or list(dict.fromkeys(history.meter_id for history in self.history))

    def check(self, limits: Limits) -> None:
        """Raise BadValue for more than the limits allow."""
        if len(self.meters) > limits.max_meters:
            raise BadValue("meter_ids", f"at most {limits.max_meters} meters", len(self.meters))
        if self.horizon and _minutes(self.horizon) > limits.max_horizon_days * MINUTES["d"]:
            raise BadValue("horizon", f"at most {limits.max_horizon_days} days", self.horizon)


def _minutes(horizon: str) -> int:
    found = HORIZON.fullmatch(horizon)
    return int(found[1]) * MINUTES[found[2]] if found else 0


def _each_once(field: str, meters: list[str]) -> None:
    if len(set(meters)) == len(meters):
        return
    seen: set[str] = set()
    for position, meter in enumerate(meters):
        if meter in seen:
            raise BadValue(field.format(position), "each meter once", meter)
        seen.add(meter)


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


class ForecastAnswer(BaseModel):
    """One forecast per meter, in the order of the request."""

    request_id: str
    forecasts: list[MeterForecast]


class ServedModel(BaseModel):
    """A model that answers, and what it knows of the lake."""

    task: str
    ready: bool
    reason: str | None = Field(None, description="why it is not ready, or could not be renewed")
    model: str | None = Field(None, description="family and registry version")
    release: str | None = None
    aliases: list[str] = []
    registered: datetime | None = None
    metrics: dict[str, float] = {}
    unit: str | None = None
    meters: int | None = Field(None, description="meters that it can be asked about")
    lake_version: int | None = Field(None, description="version of the readings in memory")
    data_until: datetime | None = Field(None, description="end of the latest reading in memory")


class Health(BaseModel):
    """Whether the graph answers."""

    live: bool
    ready: bool
    models: list[ServedModel]


class ErrorBody(BaseModel):
    """Every error, whatever went wrong."""

    error: str = Field(description="a word for programs")
    message: str = Field(description="a sentence for people: what was wanted, what was found")
    field: str | None = Field(None, description="where in the request")
    fallback: str | None = Field(None, description="the model that would answer if allow_fallback were true")
    request_id: str = Field(description="what the log knows the request by")
