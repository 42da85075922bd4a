"""The deployment that judges readings, one for each model that has a say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrify.serving.member import Member
from metrify.serving.messages import AnomalyRequest
from metrify.serving.moments import histories, moment

if TYPE_CHECKING:
    import pandas as pd

    from metrify.scoring.anomalies import AnomalyScorer

__all__ = ["Anomalies"]


class Anomalies(Member[AnomalyRequest]):
    """ANOMALY rows, with value and threshold."""

    task = "anomaly"

    def ask(self, scorer: AnomalyScorer, request: AnomalyRequest) -> pd.DataFrame:
        """Of the meters of the request, sorted by meter and time."""
        request.check_period(scorer.until, self._limits)  # only here is the latest reading known
        return scorer.answer(
            request.ids, moment(request.since), moment(request.until), history=histories(request.history)
        )

    def warm(self, scorer: AnomalyScorer) -> None:
        """Judge the last readings of one meter."""
        for meter in sorted(scorer.meters)[:1]:
            scorer.answer([meter])
