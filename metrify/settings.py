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
    "GradeSettings",
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
    """a run of equal readings above zero has to last so long to be stuck [h]"""
    stuck_chance: float = Field(1e-6, gt=0, lt=1)
    """and has to be rarer than this, as often as the meter repeats a reading of that size [probability]"""
    memory_days: int = Field(365, ge=28)
    """a spike and a jump are measured by so many days before and after [days]"""
    spike_factor: float = Field(5.0, gt=1)
    """a reading above this many times the meter's own 99.9th percentile is a spike"""
    jump_factor: float = Field(1.5, ge=1)
    """a jump between neighbouring intervals above this many times the 99.9th percentile of the meter's jumps is told"""
    zero_run_hours: float = Field(6.0, gt=0)
    """so many hours at zero in a row, at times of day when the meter is not usually zero, are a zero run [h]"""
    zero_share: float = Field(0.1, gt=0, lt=1)
    """a time of day at which less than this share of the last weeks' readings was zero is not usually zero"""
    usage_weeks: int = Field(8, ge=2)
    """a day's use is compared with the like days of so many weeks before it [weeks]"""
    high_usage_factor: float = Field(2.0, gt=1)
    """a day above this many times the highest of its like days is high"""
    low_usage_factor: float = Field(0.3, ge=0, lt=1)
    """a day below this many times the lowest of its like days is low"""
    interpolated_hours: float = Field(3.0, gt=0)
    """readings on one straight line, not level, for so long look interpolated [h]; never fewer than six readings"""
    clipped_days: int = Field(10, ge=2)
    """a highest level that is reached on so many days, at least, is one that the device cannot exceed [days]"""
    clock_shift_hours: float = Field(2.0, ge=1, le=12)
    """a clock has to be wrong by this much to be told [h]"""
    clock_shift_days: int = Field(10, ge=3)
    """and for so long [days]"""
    clock_shift_evidence: float = Field(80.0, gt=0)
    """and the wrong clock has to be so much likelier than the right one [natural logarithm of the likelihood ratio]"""
    clock_shift_likeness: float = Field(0.75, ge=0, le=1)
    """and the mean day under the wrong clock has to look so much like the usual one, moved [correlation]"""
    dst_shift_evidence: float = Field(100.0, gt=0)
    """a clock off by an hour has to be so much likelier at its daylight-saving changes [as clock_shift_evidence]"""
    dst_shift_likeness: float = Field(0.9, ge=0, le=1)
    """and the mean day on one side of a change so much like that on the other, moved by the hour [correlation]"""
    linear_hours: float = Field(2.0, ge=0)
    """a gap up to this long is estimated on the straight line between its neighbours [h]"""
    like_days_within: int = Field(28, ge=1)
    """how far before and after a gap like days are looked for [days]"""
    register_tolerance_kwh: float = Field(0.1, ge=0)
    """by so much intervals may differ from their counter, beside one step of the counter's last digit [kWh]"""
    register_tolerance_share: float = Field(0.005, ge=0)
    """and by this share of their sum"""
    least_power_factor: float = Field(0.5, ge=0, le=1)
    """a lower power factor is told"""
    least_load_kva: float = Field(1.0, ge=0)
    """apparent power from which on a power factor is judged [kVA]"""
    voltage_band: float = Field(0.1, gt=0, lt=1)
    """a mean voltage further than this share from nominal is out of band"""


class GradeSettings(_Section):
    """What a meter-day must have for its grade."""

    measured_b: float = Field(0.9, ge=0, le=1)
    """share of valid measurements from which a day whose other intervals are estimated is a B"""
    measured_c: float = Field(0.5, ge=0, le=1)
    """share of valid measurements from which such a day is a C; with less it is a D"""
    profile_d: float = Field(0.25, ge=0, le=1)
    """a day of which more is estimated from the class's profile, not from the meter's own readings, is a D at best"""
    empty_f: float = Field(0.5, gt=0, le=1)
    """a day of which this share has no value at all is an F; one with less, but some, is an E"""


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
    grade: GradeSettings = GradeSettings()
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
