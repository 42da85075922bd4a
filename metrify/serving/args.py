"""What a file in serve_configs/ may say: typed, with misspelt keys refused."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from metrify.errors import BadValue, UnknownName
from metrify.serving.wanted import Wanted

__all__ = ["MODELS", "NAME", "TASKS", "Limits", "ServeArgs"]

NAME = "metrify"
"""The Serve application."""

MODELS: dict[str, str | list[str]] = {
    "forecasting": "champion",
    "anomaly": ["anomaly/zscore@champion", "anomaly/isolation_forest@champion"],
    "maintenance": "champion",
    "quality": "champion",
}
"""What answers where a config does not say otherwise."""

TASKS = tuple(MODELS)
"""Tasks that the graph answers for."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Limits(_Section):
    """What one request may ask for, and how long things may take."""

    max_body_bytes: Annotated[int, Field(ge=1)] = 10_000_000
    max_meters: Annotated[int, Field(ge=1)] = 1_000
    """meters in one request"""
    max_assets: Annotated[int, Field(ge=1)] = 1_000
    """pieces of equipment in one request"""
    max_horizon_days: Annotated[int, Field(ge=1, le=366)] = 14
    max_period_days: Annotated[int, Field(ge=1)] = 31
    """days of readings to be judged in one request"""
    max_quality_days: Annotated[int, Field(ge=1)] = 366
    """days to be judged as a whole in one request"""
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    """how long a client may take to send its body [s]"""
    answer_seconds: Annotated[float, Field(gt=0)] = 30.0
    """how long an answer may take before the client is told to try later [s]"""
    member_seconds: Annotated[float, Field(gt=0)] = 10.0
    """how long one of several models may take before the others answer without it [s]"""
    max_queued: Annotated[int, Field(ge=1)] = 64
    """requests that may wait for a replica; more are turned away at once"""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.member_seconds > self.answer_seconds:
            raise BadValue(
                "limits.member_seconds", f"at most answer_seconds ({self.answer_seconds})", self.member_seconds
            )
        return self


class ServeArgs(_Section):
    """Arguments of `metrify.serving.app:build`."""

    home: str = ""
    """the workspace; empty means METRIFY_HOME or ./.metrify where the replicas run"""
    models: dict[str, str | list[str]] = MODELS
    """which models answer for a task, each `champion` (of the leading family), `family@alias` or `family:version`"""
    replicas: Annotated[int, Field(ge=1)] = 1
    """replicas that hold a model; they share the requests"""
    doors: Annotated[int, Field(ge=1)] = 1
    """replicas of ingress and router each"""
    cpus: Annotated[float, Field(ge=0)] = 0.0
    """processors that Ray reserves for a replica; 0 leaves all of them to training on the same machine"""
    threads: Annotated[int, Field(ge=1)] = 2
    """requests that one replica computes at the same time"""
    refresh_seconds: Annotated[float, Field(gt=0)] = 10.0
    """how often a replica looks for newer readings and a newly promoted model [s]"""
    limits: Limits = Limits()

    @field_validator("models")
    @classmethod
    def _known(cls, models: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        for task, found in models.items():
            if task not in TASKS:
                raise UnknownName("task", task, TASKS)
            _check(task, [found] if isinstance(found, str) else found)
        return MODELS | models

    @property
    def wanted(self) -> dict[str, list[Wanted]]:
        """The models of each task."""
        return {
            task: [Wanted.parse(task, text) for text in ([found] if isinstance(found, str) else found)]
            for task, found in self.models.items()
        }


def _check(task: str, texts: list[str]) -> None:
    found = [Wanted.parse(task, text) for text in texts]
    if not found or len(set(found)) < len(found):
        raise BadValue(f"models.{task}", "one model or more, each once", texts)
