"""POST /v1/anomalies: which readings are strange."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, Field, model_validator

from metrify.errors import BadValue
from metrify.serving.args import Limits
from metrify.serving.messages.fields import Instant, Numbers
from metrify.serving.messages.meters import MeterRequest
from metrify.serving.messages.operation import Answer

if TYPE_CHECKING:
    import numpy as np

__all__ = ["AnomalyAnswer", "AnomalyRequest", "MeterAnomalies"]


class AnomalyRequest(MeterRequest):
    """Readings of which meters, from when until when."""

    since: Instant | None = Field(None, description="first moment; default: 24 hours before until")
    until: Instant | None = Field(
        None,
        description="moment after the last interval; default: the end of the latest reading of the lake (of a history "
        "in the request: its end)",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and not self.since < self.until:
            raise BadValue("until", f"a time after since ({self.since.isoformat()})", self.until.isoformat())
        return self

    def check(self, limits: Limits) -> None:
        """Raise BadValue for more than the limits allow."""
        super().check(limits)
        for until in [self.until] if self.until else [given.until for given in self.history]:
            self._check_period(until, limits)

    def check_period(self, latest: np.datetime64 | None, limits: Limits) -> None:
        """Raise BadValue where `since` alone asks the lake, which ends at `latest` [UTC], for more than the limits."""
        if self.until is None and latest is not None and self.asks_lake:
            self._check_period(latest.astype("datetime64[s]").item().replace(tzinfo=UTC), limits)

    def _check_period(self, until: datetime, limits: Limits) -> None:
        if self.since and until - self.since > timedelta(days=limits.max_period_days):
            wanted = f"at most {limits.max_period_days} days before {until.isoformat()}"
            raise BadValue("since", wanted, self.since.isoformat())


class MeterAnomalies(BaseModel):
    """One meter's readings with their scores, as columns: `pandas.DataFrame(anomalies)` is a table of them."""

    meter_id: str
    model: str | None = Field(description="family and registry version of what judged; null where nothing was")
    unit: str = Field(description="of value and expected")
    no_data: str | None = Field(None, description="why there is no reading to judge in the period; null where there is")
    timestamp: list[datetime] = Field(description="starts of the intervals, UTC")
    value: Numbers = Field(description="what was metered")
    expected: Numbers = Field(description="what was expected")
    score: Numbers = Field(
        description="-log10 of the share of ordinary readings that are as strange; null: see the reason"
    )
    threshold: Numbers = Field(description="score from which on a reading is flagged")
    verdict: list[bool] = Field(description="whether it is flagged")
    reason: list[str | None] = Field(description="what is strange about it; null for an ordinary reading")


class AnomalyAnswer(Answer):
    """The judged readings of each meter, in the order of the request."""

    anomalies: list[MeterAnomalies]
