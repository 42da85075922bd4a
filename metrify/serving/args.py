"""What a file in serve_configs/ may say: typed, with misspelt keys refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from metrify.errors import UnknownName

__all__ = ["NAME", "TASKS", "Limits", "ServeArgs"]

NAME = "metrify"
"""The Serve application."""

TASKS = ("forecasting",)
"""Tasks that the graph answers for."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Limits(_Section):
    """What one request may ask for, and how long things may take."""

    max_body_bytes: Annotated[int, Field(ge=1)] = 10_000_000
    max_meters: Annotated[int, Field(ge=1)] = 1_000
    """meters in one request"""
    max_horizon_days: Annotated[int, Field(ge=1, le=366)] = 14
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    """how long a client may take to send its body [s]"""
    answer_seconds: Annotated[float, Field(gt=0)] = 30.0
    """how long an answer may take before the client is told to try later [s]"""
    max_queued: Annotated[int, Field(ge=1)] = 64
    """requests that may wait for a replica; more are turned away at once"""


class ServeArgs(_Section):
    """Arguments of `metrify.serving.app:build`."""

    home: str = ""
    """the workspace; empty means METRIFY_HOME or ./.metrify where the replicas run"""
    models: dict[str, str] = {"forecasting": "champion"}
    """which model answers for a task: `champion` (of the leading family), `family@alias` or `family:version`"""
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
    def _known_tasks(cls, models: dict[str, str]) -> dict[str, str]:
        for task in models:
            if task not in TASKS:
                raise UnknownName("task", task, TASKS)
        return {"forecasting": "champion"} | models
