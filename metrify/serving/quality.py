"""The deployment that judges days of readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrify.serving.member import Member
from metrify.serving.messages import QualityRequest
from metrify.serving.moments import day, histories

if TYPE_CHECKING:
    import pandas as pd

    from metrify.scoring.quality import QualityScorer

__all__ = ["Quality"]


class Quality(Member[QualityRequest]):
    """QUALITY rows."""

    task = "quality"

    def ask(self, scorer: QualityScorer, request: QualityRequest) -> pd.DataFrame:
        """Of the meters of the request, sorted by meter and day."""
        request.check_period(scorer.until, self._limits)  # only here is the latest reading known
        first, last = day(request.first), day(request.last)
        return scorer.answer(request.ids, first, last, history=histories(request.history))

    def warm(self, scorer: QualityScorer) -> None:
        """Judge the last day of one meter."""
        for meter in sorted(scorer.meters)[:1]:
            scorer.answer([meter])
