"""The learned rung of the estimation ladder: the champion among the families that answer with estimates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.features.gap import gap_frame
from metrify.models.base import Batch, Model
from metrify.registry import Registry
from metrify.schema import ESTIMATE
from metrify.settings import VeeSettings, Workspace
from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.ladder import Learned, LearnedEstimates, usable
from metrify.vee.ladder.classprofile import ClassProfiles

__all__ = ["LearnedRung", "learned"]


def learned(workspace: Workspace) -> Learned | None:
    """The champion of quality that answers with ESTIMATE, for metrify.vee.ladder; None before the first promotion.

    Raises RegistryError where the registry does not answer.
    """
    registry = Registry(workspace)
    champion = registry.champion("quality", ESTIMATE)
    if champion is None:
        return None
    model, version = registry.load(champion.name, champion.version)
    return LearnedRung(model, str(version), workspace.settings.vee)


@dataclass(frozen=True)
class LearnedRung:
    """A fitted family that answers with ESTIMATE, as the ladder asks it; it can travel to another process."""

    model: Model
    name: str
    """family and version, such as quality/imputer:3"""
    settings: VeeSettings = field(default_factory=VeeSettings)

    def __call__(
        self, evidence: Evidence, flags: Flags, wanted: Found, profiles: ClassProfiles | None = None
    ) -> LearnedEstimates:
        """Estimates of the wanted intervals, made of what the ladder itself may use; NaN: a rung is no worse.

        `profiles` are those of the ladder, by default those of the panel's own meters.
        """
        panel = evidence.panel.replace(np.where(wanted, np.float32(np.nan), usable(evidence, flags)))
        if not wanted.any():
            return LearnedEstimates(*(np.full(wanted.shape, np.nan, np.float32) for _ in range(3)), self.name)
        rows = gap_frame(panel, wanted, evidence.calendar, profiles=profiles, settings=self.settings)
        place = evidence.calendar
        attributes = {"zone": place.zone, "country": place.country, "subdivision": place.subdivision}
        meters = pd.DataFrame(attributes, index=pd.Index(panel.meter_ids, name="meter_id"))
        answer = self.model.predict(Batch(rows, panel, meters))
        return LearnedEstimates(*(_laid(answer[name], wanted) for name in ("value", "low", "high")), self.name)


def _laid(values: pd.Series, wanted: Found) -> NDArray[np.float32]:
    """One column of the answers where the wanted intervals are, [M, T]."""
    laid = np.full(wanted.shape, np.nan, np.float32)
    laid[wanted] = values.to_numpy(np.float32)
    return laid
