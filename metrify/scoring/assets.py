"""Judge all equipment of the lake, chunk by chunk on a Ray Data actor pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from metrify.errors import EmptyTable
from metrify.features.equipment import Equipment
from metrify.lake.bucketpass import cause
from metrify.lake.tables import Lake
from metrify.models import catalog
from metrify.schema import ASSET, RISK
from metrify.scoring.answers import as_rows, flagged
from metrify.scoring.passes import Scoring, Tally
from metrify.scoring.risk import judge_assets
from metrify.settings import Workspace

__all__ = ["AssetWorker", "score_assets"]

AT_ONCE = 10_000
"""assets that an actor judges at once"""
Progress = Callable[[int, int], None]


class AssetWorker:
    """Judges some assets after others; model and equipment are loaded once."""

    def __init__(self, workspace: Workspace, scoring: Scoring):
        self._equipment = Equipment.read(Lake(workspace))
        self._model = catalog.load(scoring.model)
        self._horizon = workspace.settings.maintenance.horizon_days
        self._scoring = scoring

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        assets = batch["asset_id"].tolist()
        answer = judge_assets(self._model, self._equipment, self._scoring.until, assets, self._horizon)
        return as_rows(RISK, answer, self._scoring.name)


def score_assets(workspace: Workspace, scoring: Scoring, actors: int | None, progress: Progress | None) -> Tally:
    """RISK rows of all equipment as of `scoring.until`, in one commit; `progress(done, of)` counts assets.

    Raises EmptyTable without equipment.
    """
    lake = Lake(workspace)
    assets = sorted(lake.read(ASSET, columns=["asset_id"])["asset_id"].to_pylist())
    if not assets:
        raise EmptyTable("ASSET", "Ingest some with `metrify ingest assets FILE --mapping MAPPING`.")
    parts: list[pa.Table] = []
    for part in _judged(assets, (workspace, scoring), actors):
        parts.append(part)
        if progress:
            progress(sum(found.num_rows for found in parts), len(assets))
    rows = pa.concat_tables(parts)
    return Tally(rows.num_rows, len(assets), flagged(rows), lake.upsert(RISK, rows))


def _judged(assets: list[str], arguments: tuple[Workspace, Scoring], actors: int | None) -> Iterator[pa.Table]:
    """RISK rows of the assets, a chunk after the other."""
    import ray
    from ray.exceptions import RayError

    chunks = -(-len(assets) // AT_ONCE)
    size = min(actors or max(int(ray.cluster_resources().get("CPU", 1)), 1), chunks)
    answers = ray.data.from_items([{"asset_id": asset} for asset in assets], override_num_blocks=chunks).map_batches(
        AssetWorker,
        fn_constructor_args=arguments,
        batch_size=None,  # a chunk is a block
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=size),
        num_cpus=1,
    )
    try:
        for found in answers.iter_batches(batch_size=None, batch_format="pyarrow"):
            yield RISK.conform(found)
    except RayError as error:
        raise cause(error) from error
