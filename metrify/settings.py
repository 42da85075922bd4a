"""Workspace and settings: read once at the door, then passed along."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metrify.errors import BadValue, InputError, UnknownKeys, UnreadableFile

__all__ = [
    "AnomalySettings",
    "ForecastingSettings",
    "MaintenanceSettings",
    "QualitySettings",
    "RegistrySettings",
    "Settings",
    "SiteSettings",
    "VeeSettings",
    "Workspace",
]

FORMAT = 1
BUCKETS = 16


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteSettings(_Section):
    """Where meters are that have no METER row."""

    zone: str = "UTC"
    country: str = ""
    subdivision: str = ""
    location: str = ""


class ForecastingSettings(_Section):
    """What is forecast, when, how far."""

    target: str = "kwh"
    """column of READING that is forecast, in its own unit"""
    horizon: str = Field("1d", pattern=r"^\d+(d|h|min)$")
    """how far: days are local days of 23, 24 or 25 hours"""
    issue_at: str = Field("00:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """local time of day at which forecasts are issued"""
    folds: int = Field(1, ge=1)
    """parts of the test, each forecast by a model fitted anew, of a backtest that names no number"""


class VeeSettings(_Section):
    """Parameters of the validation rules."""

    stuck_hours: float = Field(6.0, gt=0)
    """a run of equal readings above zero that lasts this long is stuck [h]"""
    spike_factor: float = Field(5.0, gt=1)
    """a reading above this many times the meter's own 99.9th percentile is a spike"""


class QualitySettings(_Section):
    """When a reading is in time."""

    grace_hours: float = Field(24.0, ge=0)
    """a reading that came within so many hours of the end of its local day is in time [h]"""


class AnomalySettings(_Section):
    """How many readings people can look at."""

    alert_budget: float = Field(24.0, ge=0)
    """ordinary readings that may be flagged per 1,000 meters and day; 0: each family's own textbook threshold"""


class MaintenanceSettings(_Section):
    """What is judged of equipment, and how often."""

    horizon_days: int = Field(365, ge=1)
    """a failure within so many days is what a risk is the chance of"""
    every_days: int = Field(91, ge=1)
    """how far apart the days are on which the history of an asset is judged, to learn from it"""


class RegistrySettings(_Section):
    """Where models are kept."""

    tracking_uri: str = ""
    """an MLflow server; empty means SQLite in the workspace. MLFLOW_TRACKING_URI overrides it"""


class Settings(_Section):
    """All settings of a workspace, from its settings.toml; what is not named there keeps its default."""

    site: SiteSettings = SiteSettings()
    forecasting: ForecastingSettings = ForecastingSettings()
    vee: VeeSettings = VeeSettings()
    quality: QualitySettings = QualitySettings()
    anomaly: AnomalySettings = AnomalySettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    registry: RegistrySettings = RegistrySettings()

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Settings from a TOML file. Raises UnreadableFile, UnknownKeys, BadValue."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UnreadableFile(path, "TOML settings", error) from error
        return cls.checked(content, str(path))

    @classmethod
    def checked(cls, content: dict[str, Any], where: str) -> Settings:
        """Settings from a mapping; misspelt keys and wrong values are named. Raises UnknownKeys, BadValue."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise _explain(error, cls, where) from error


def _explain(error: ValidationError, model: type[BaseModel], where: str) -> InputError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        for part in path[:-1]:
            section = model.model_fields[part].annotation
            model = section if isinstance(section, type) and issubclass(section, BaseModel) else model
        return UnknownKeys(".".join([where, *path[:-1]]), [path[-1]], model.model_fields)
    return BadValue(f"{where}: {'.'.join(path)}", first["msg"], first.get("input"))


@dataclass(frozen=True)
class Workspace:
    """One home of lake, registry, artifacts and reports (`METRIFY_HOME`). Two workspaces know nothing of each other."""

    home: Path

    @classmethod
    def open(cls, home: Path | str | None = None) -> Workspace:
        """Open the workspace at `home`, else at METRIFY_HOME, else at ./.metrify; it is made where there is none.

        Raises UnreadableFile for a damaged workspace.json, BadValue for one of a newer format.
        """
        found = Path(home or os.environ.get("METRIFY_HOME") or ".metrify").expanduser().resolve()
        workspace = cls(found)
        marker = found / "workspace.json"
        if not marker.exists():
            found.mkdir(parents=True, exist_ok=True)
            fresh = found / f".workspace.{os.getpid()}.json"
            fresh.write_text(json.dumps({"format": FORMAT, "buckets": BUCKETS}) + "\n")
            fresh.replace(marker)  # atomic, so that two openers at once see a whole file
        if workspace.facts["format"] > FORMAT:
            raise BadValue(f"{marker}: format", f"at most {FORMAT} (upgrade Metrify)", workspace.facts["format"])
        return workspace

    @cached_property
    def facts(self) -> dict[str, int]:
        """What workspace.json fixes for good."""
        marker = self.home / "workspace.json"
        try:
            return json.loads(marker.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise UnreadableFile(marker, "the marker of a workspace", error) from error

    @property
    def buckets(self) -> int:
        """Number of buckets that meters are spread over, fixed when the workspace was made."""
        return self.facts["buckets"]

    @cached_property
    def settings(self) -> Settings:
        path = self.home / "settings.toml"
        return Settings.read(path) if path.exists() else Settings()

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def checkpoints(self) -> Path:
        return self.home / "checkpoints"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def run(self) -> Path:
        """Process ids and tokens of what `metrify up` started."""
        return self.home / "run"

    @property
    def artifacts(self) -> Path:
        return self.home / "artifacts"

    @property
    def tracking_uri(self) -> str:
        """MLFLOW_TRACKING_URI, else the setting, else SQLite in the workspace."""
        return (
            os.environ.get("MLFLOW_TRACKING_URI")
            or self.settings.registry.tracking_uri
            or f"sqlite:///{self.home / 'mlflow.db'}"
        )

    def folder(self, path: Path) -> Path:
        """A folder of the workspace, made if need be."""
        path.mkdir(parents=True, exist_ok=True)
        return path
