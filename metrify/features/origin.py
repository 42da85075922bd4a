"""What FEATURE was built from, kept with its commit: the lake and the settings may say something else later on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from deltalake import DeltaTable

from metrify.errors import BadValue, EmptyTable
from metrify.lake.tables import Lake
from metrify.schema import FEATURE, HOLIDAY, METER, READING, SOLAR, WEATHER
from metrify.settings import Workspace

__all__ = ["Origin"]

KEY = "metrify.built_from"
READ = (READING, METER, WEATHER, SOLAR, HOLIDAY)
SECTIONS = ("site", "forecasting", "vee")
QUESTION = ("target", "horizon", "issue_at")
"""Settings that decide what a row of FEATURE asks: a model must be taught what it will be asked."""


@dataclass(frozen=True)
class Origin:
    """What a build reads."""

    lake: dict[str, int]
    """version of each table, -1 for one that does not exist"""
    settings: dict[str, Any]
    """the sections of the settings that shape features"""

    @classmethod
    def now(cls, workspace: Workspace) -> Self:
        """What a build that starts now will read."""
        lake, settings = Lake(workspace), workspace.settings.model_dump()
        return cls({table.name: lake.version(table) for table in READ}, {name: settings[name] for name in SECTIONS})

    @classmethod
    def of_features(cls, workspace: Workspace) -> Self:
        """What FEATURE was built from. Raises EmptyTable; BadValue where the settings now ask another question."""
        root = workspace.lake / FEATURE.name
        if not DeltaTable.is_deltatable(str(root)):
            raise EmptyTable("FEATURE", "Build features with `metrify features build`.")
        said = next((commit[KEY] for commit in DeltaTable(root).history() if KEY in commit), None)
        if said is None:
            raise BadValue("FEATURE", "a table that says what it was built from: run `metrify features build`", said)
        origin = cls(**json.loads(said))
        origin._check(workspace)
        return origin

    def metadata(self) -> dict[str, str]:
        """For the commit."""
        return {KEY: json.dumps(asdict(self))}

    def _check(self, workspace: Workspace) -> None:
        built, wanted = self.settings["forecasting"], workspace.settings.forecasting.model_dump()
        for name in QUESTION:
            if built[name] != wanted[name]:
                say = f"features built with {wanted[name]}, as the settings say: run `metrify features build` again"
                raise BadValue(f"forecasting.{name}", say, built[name])
