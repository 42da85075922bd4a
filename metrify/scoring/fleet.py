"""Judge all equipment of the lake, chunk by chunk on a Ray Data actor pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metrify.errors import ClusterError, EmptyTable
from metrify.features.equipment import Equipment
from metrify.lake.tables import Lake
from metrify.models import catalog
from metrify.schema import ASSET, RISK
from metrify.scoring.answers import as_rows
from metrify.scoring.passes import Tally
from metrify.scoring.risk import default_as_of, judge_assets
from metrify.settings import Workspace

__all__ = ["AssetWorker", "score_assets"]

AT_ONCE = 10_000
"""assets that an actor judges at once"""


class AssetWorker:
    """Judges some assets after others; model and equipment are loaded once."""

    def __init__(self, workspace: Workspace, model: Path, name: str, as_of: np.datetime64):
        self._equipment = Equipment.read(Lake(workspace))
        self._model = catalog.load(model)
        self._horizon = workspace.settings.maintenance.horizon_days
        self._name = name
        self._as_of = as_of

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        assets = batch["asset_id"].tolist()
        answer = judge_assets(self._model, self._equipment, self._as_of, assets, self._horizon)
        return as_rows(RISK, answer, self._name)


def score_assets(
    workspace: Workspace, model: Path, name: str, as_of: np.datetime64 | None, actors: int | None
) -> tuple[Tally, np.datetime64]:
    """RISK rows of all equipment in one commit, and as of when [UTC]. Raises EmptyTable without equipment."""
    import ray
    from ray.exceptions import RayError

    lake = Lake(workspace)
    assets = sorted(lake.read(ASSET, columns=["asset_id"])["asset_id"].to_pylist())
    if not assets:
        raise EmptyTable("ASSET", "Ingest some with `metrify ingest assets FILE --mapping MAPPING`.")
    moment = default_as_of(lake) if as_of is None else as_of.astype("datetime64[s]")
    chunks = -(-len(assets) // AT_ONCE)
    size = min(actors or max(int(ray.cluster_resources().get("CPU", 1)), 1), chunks)
    answers = ray.data.from_items([{"asset_id": asset} for asset in assets], override_num_blocks=chunks).map_batches(
        AssetWorker,
        fn_constructor_args=(workspace, model, name, moment),
        batch_size=AT_ONCE,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=size),
        num_cpus=1,
    )
    try:
        rows = pa.concat_tables(RISK.conform(found) for found in answers.iter_batches(batch_format="pyarrow"))
    except RayError as error:
        raise ClusterError(f"A worker failed: {error}") from error
    flagged = pc.sum(pc.not_equal(pc.fill_null(rows["reason"], ""), "")).as_py() or 0
    return Tally(rows.num_rows, len(assets), flagged, lake.upsert(RISK, rows)), moment
