"""What every question about meters says: which, and maybe their readings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from metrify.errors import BadValue
from metrify.serving.args import Limits
from metrify.serving.messages.fields import Identifier, Instant, Numbers, Strict, as_list, check_subjects

__all__ = ["History", "MeterRequest"]


class History(Strict):
    """Readings of one meter, for one that the lake does not know, or to be used in place of the lake's."""

    meter_id: Identifier
    start: Instant = Field(description="start of the first interval")
    interval_minutes: int = Field(ge=1, le=1440)
    kwh: Numbers = Field(
        min_length=1,
        max_length=200_000,
        description="the metered quantity in each interval, kWh unless the workspace says otherwise; null if unknown",
    )

    @property
    def until(self) -> datetime:
        """End of the last interval."""
        return self.start + timedelta(minutes=len(self.kwh) * self.interval_minutes)


class MeterRequest(Strict):
    """For which meters."""

    meter_id: Identifier | None = Field(None, description="one meter; or give meter_ids")
    meter_ids: list[Identifier] | None = Field(None, min_length=1, description="several meters, each once")
    history: Annotated[list[History], BeforeValidator(as_list, json_schema_input_type=History | list[History])] = Field(
        [], description="readings sent with the request: one object, or a list of them"
    )

    @model_validator(mode="after")
    def _names_meters(self) -> Self:
        both = self.meter_id is not None and self.meter_ids is not None
        check_subjects("meter", "history", self.ids, [given.meter_id for given in self.history], both=both)
        return self

    @property
    def ids(self) -> list[str]:
        """Every meter that is asked for."""
        if self.meter_id is not None:
            return [self.meter_id]
        return self.meter_ids or list(dict.fromkeys(history.meter_id for history in self.history))

    @property
    def asks_lake(self) -> bool:
        """Whether the lake is asked for readings: not every meter has sent its own."""
        return len(self.history) < len(self.ids)

    def check(self, limits: Limits) -> None:
        """Raise BadValue for more than the limits allow."""
        if len(self.ids) > limits.max_meters:
            raise BadValue("meter_ids", f"at most {limits.max_meters} meters", len(self.ids))
