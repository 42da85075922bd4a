"""One version of a registered model, as the rest of the project sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from metrify.registry.lineage import Lineage
from metrify.registry.names import from_mlflow

__all__ = ["METRICS", "RELEASE", "Version", "from_model_version"]

METRICS = "metrics"
RELEASE = "release"


@dataclass(frozen=True)
class Version:
    """A registered model version. `str()` is what FORECAST and PREDICTION rows call `model`."""

    name: str
    """family, such as forecasting/lightgbm"""
    version: int
    run_id: str
    aliases: tuple[str, ...] = ()
    release: str | None = None
    """a release name such as "1.0" that people gave it"""
    created: datetime | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    lineage: Lineage | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


def from_model_version(found: Any) -> Version | None:
    """From MLflow's ModelVersion; None for a model that is not of this project."""
    name = from_mlflow(found.name)
    if name is None:
        return None
    return Version(
        name=name,
        version=int(found.version),
        run_id=found.run_id or "",
        aliases=tuple(sorted(found.aliases)),
        release=found.tags.get(RELEASE),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        metrics=json.loads(found.tags.get(METRICS, "{}")),
        lineage=Lineage.from_tags(found.tags),
    )
