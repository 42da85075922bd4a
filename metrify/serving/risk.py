"""The deployment that says how likely equipment is to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrify.serving.member import Member
from metrify.serving.messages import Asset, RiskRequest
from metrify.serving.moments import moment

if TYPE_CHECKING:
    import pandas as pd

    from metrify.scoring.risk import RiskScorer

__all__ = ["Risk"]


class Risk(Member[RiskRequest]):
    """RISK rows."""

    task = "maintenance"

    def ask(self, scorer: RiskScorer, request: RiskRequest) -> pd.DataFrame:
        """Of the assets of the request."""
        return scorer.answer(request.ids, moment(request.as_of), assets=_frame(request.assets))

    def warm(self, scorer: RiskScorer) -> None:
        """Judge one asset."""
        for asset in sorted(scorer.assets)[:1]:
            scorer.answer([asset])


def _frame(assets: list[Asset]) -> pd.DataFrame | None:
    """ASSET rows; None for none."""
    from metrify.schema import ASSET

    if not assets:
        return None
    import pandas as pd

    return pd.DataFrame([asset.model_dump() for asset in assets]).reindex(columns=ASSET.names)
