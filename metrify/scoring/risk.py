"""How likely equipment is to fail: the one path that requests and batches share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from metrify.errors import UnknownAsset
from metrify.features.asset import asset_frame
from metrify.features.equipment import DAY, Equipment
from metrify.lake.tables import Lake
from metrify.models.base import Batch, Model
from metrify.schema import ASSET, EVENT, METER, READING, RISK, WEATHER
from metrify.scoring.following import Following
from metrify.scoring.recent import lake_until
from metrify.settings import Workspace

__all__ = ["RiskScorer", "default_as_of", "judge_assets", "world_until"]

_WATCHED = (ASSET, EVENT, WEATHER, READING, METER)


def judge_assets(
    model: Model, equipment: Equipment, as_of: np.datetime64, asset_ids: Sequence[str], horizon_days: int
) -> pd.DataFrame:
    """RISK columns but for `model`, sorted by asset_id; nothing known later than `as_of` [UTC] is used.

    Equipment that is not in service then, such as what is installed later, has a reason and no probability. Raises
    UnknownAsset.
    """
    moment = np.array([as_of], "datetime64[s]")
    rows = asset_frame(equipment, moment, horizon_days=horizon_days, asset_ids=asset_ids, in_service_only=False)
    return model.predict(Batch(rows.drop(columns="target"))).sort_values("asset_id", ignore_index=True)


def world_until(lake: Lake, equipment: Equipment, now: np.datetime64) -> np.datetime64 | None:
    """How far the lake knows the world: the end of its latest event, day of weather or reading, but not beyond `now`.

    With data that comes in that is as good as now; with data of the past it is the end of that data, where the clock
    would make everything years older than what is known of it. None where the lake knows none of them.
    """
    weather = equipment.weather["day"].max().to_datetime64() + DAY if len(equipment.weather) else None
    reading = lake_until(lake)
    ends = [end for end in (equipment.known_until, weather, reading) if end is not None and not np.isnat(end)]
    return min(max(ends), now).astype("datetime64[s]") if ends else None


def default_as_of(lake: Lake) -> np.datetime64:
    """As of when equipment is judged if nobody says: `world_until`, or today's midnight where that is None."""
    return world_until(lake, Equipment.read(lake), _now()) or _midnight()


@dataclass(frozen=True)
class _Memory:
    versions: tuple[int, ...]
    equipment: Equipment
    until: np.datetime64 | None


class RiskScorer(Following[_Memory]):
    """Judges equipment by a model and what the lake knows of it, kept in memory. Safe to call from several threads.

    `until` is how far the lake knows the world, see `world_until`.
    """

    def __init__(self, workspace: Workspace, model: Model, name: str):
        """`name` is what RISK rows say of the model, such as maintenance/failure:3."""
        super().__init__(workspace, _WATCHED)
        self._horizon = workspace.settings.maintenance.horizon_days
        self._model = model
        self._name = name

    @property
    def assets(self) -> frozenset[str]:
        """Equipment that the lake knows."""
        return frozenset(self._memory.equipment.assets.index)

    def answer(
        self, asset_ids: list[str], as_of: np.datetime64 | None = None, *, assets: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """RISK rows of this equipment, sorted by asset_id, each id once.

        `assets` are ASSET columns of equipment that the lake does not know, or knows otherwise; its events are the
        lake's. `as_of` [UTC] defaults to `until`, or today's midnight where the lake knows nothing of time; the horizon
        is that of the settings, which the model answers for whatever it has learned by. Raises UnknownAsset.
        """
        memory = self.memory
        equipment = memory.equipment if assets is None or assets.empty else _among(memory.equipment, assets)
        wanted = sorted({*asset_ids, *([] if assets is None else assets["asset_id"])})
        unknown = [asset for asset in wanted if asset not in equipment.assets.index]
        if unknown:
            raise UnknownAsset(unknown, len(memory.equipment.assets))
        moment = as_of if as_of is not None else memory.until or _midnight()
        answer = judge_assets(self._model, equipment, moment, wanted, self._horizon)
        return answer.assign(model=self._name, as_of=pd.to_datetime(answer["as_of"], utc=True))[RISK.names]

    def _load(self, versions: tuple[int, ...]) -> _Memory:
        equipment = Equipment.read(self._lake)
        return _Memory(versions, equipment, world_until(self._lake, equipment, _now()))


def _among(fleet: Equipment, rows: pd.DataFrame) -> Equipment:
    """The fleet with this equipment in it: what a model knows of makes and places, it knows from the fleet."""
    fresh = Equipment.of(rows, pd.DataFrame(columns=EVENT.names)).assets
    assets = pd.concat([fleet.assets.drop(fresh.index, errors="ignore"), fresh])
    place = assets.index.get_indexer(fleet.assets.index)
    events = fleet.events.assign(asset=place[fleet.events["asset"]])
    return replace(fleet, assets=assets, events=events.sort_values(["timestamp", "asset", "kind"], ignore_index=True))


def _midnight() -> np.datetime64:
    return _now().astype("datetime64[D]").astype("datetime64[s]")


def _now() -> np.datetime64:
    return np.datetime64("now", "s")
