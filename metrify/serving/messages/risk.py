"""POST /v1/maintenance/risk: how likely equipment is to fail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from metrify.errors import BadValue
from metrify.serving.args import Limits
from metrify.serving.messages.fields import Date, Identifier, Instant, Strict, as_list, check_subjects
from metrify.serving.messages.operation import Answer

__all__ = ["Asset", "AssetRisk", "RiskAnswer", "RiskRequest"]

Word = Annotated[str, Field(max_length=256)]


class Asset(Strict):
    """Equipment that the lake does not know, or to be used in place of the lake's."""

    asset_id: Identifier
    kind: Identifier = Field(description="meter, transformer or the utility's own word")
    make: Word | None = Field(None, description="maker")
    model: Word | None = Field(None, description="maker's model")
    firmware: Word | None = Field(None, description="firmware version")
    installed_on: Date = Field(description="date of installation")
    location: Word | None = Field(None, description="the place of its weather")
    rating_kva: float | None = Field(None, ge=0, le=1e7, description="rated power, kVA")


class RiskRequest(Strict):
    """Which equipment, judged when."""

    asset_id: Identifier | None = Field(None, description="one piece of equipment; or give asset_ids")
    asset_ids: list[Identifier] | None = Field(None, min_length=1, description="several, each once")
    as_of: Instant | None = Field(
        None, description="nothing known later is used; default: the end of what the lake knows"
    )
    assets: Annotated[list[Asset], BeforeValidator(as_list, json_schema_input_type=Asset | list[Asset])] = Field(
        [], description="attributes sent with the request: one object, or a list of them"
    )

    @model_validator(mode="after")
    def _names_assets(self) -> Self:
        both = self.asset_id is not None and self.asset_ids is not None
        check_subjects("asset", "assets", self.ids, [given.asset_id for given in self.assets], both=both)
        return self

    @property
    def ids(self) -> list[str]:
        """Every asset that is asked for."""
        if self.asset_id is not None:
            return [self.asset_id]
        return self.asset_ids or list(dict.fromkeys(asset.asset_id for asset in self.assets))

    def check(self, limits: Limits) -> None:
        """Raise BadValue for more than the limits allow."""
        if len(self.ids) > limits.max_assets:
            raise BadValue("asset_ids", f"at most {limits.max_assets} assets", len(self.ids))


class AssetRisk(BaseModel):
    """The risk of one piece of equipment."""

    asset_id: str
    model: str = Field(description="family and registry version")
    as_of: datetime = Field(description="nothing known later was used")
    horizon_days: int = Field(description="within how many days")
    probability: float | None = Field(description="chance of failure within the horizon; null: see the reason")
    health: float | None = Field(description="0 to 100, higher is better")
    reason: str | None = Field(None, description="what drives the chance, or why there is none")


class RiskAnswer(Answer):
    """The risk of each asset, in the order of the request."""

    risks: list[AssetRisk]
