"""What the door says of itself: who answered, what is served, what went wrong."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

__all__ = ["Answer", "ErrorBody", "Health", "Member", "ServedModel"]


class Member(BaseModel):
    """One model that was asked."""

    model: str = Field(description="family and registry version; what the configuration asks for if it did not answer")
    answered: bool
    reason: str | None = Field(None, description="why it did not answer")


class Answer(BaseModel):
    """What every answer says beside its subject."""

    request_id: str
    degraded: bool = Field(description="whether a model that should have answered did not")
    members: list[Member] = Field(
        description="the models that were asked; those of which the registry holds none yet are in /v1/models alone"
    )


class ServedModel(BaseModel):
    """A model that answers, and what it knows of the lake."""

    task: str
    wanted: str = Field(description="what the configuration asks for")
    ready: bool
    absent: bool = Field(False, description="the registry holds no such model: nothing was trained or promoted yet")
    reason: str | None = Field(None, description="why it is not ready, or could not be renewed")
    model: str | None = Field(None, description="family and registry version")
    release: str | None = None
    aliases: list[str] = []
    registered: datetime | None = None
    metrics: dict[str, float] = {}
    unit: str | None = None
    meters: int | None = Field(None, description="meters that it can be asked about")
    assets: int | None = Field(None, description="equipment that it can be asked about")
    lake_version: int | None = Field(None, description="version of the table that it answers from, as in memory")
    data_until: datetime | None = Field(None, description="end of the latest data in memory")


class Health(BaseModel):
    """Whether the graph answers: `ready` once a model is, and every model that the registry holds is."""

    live: bool
    ready: bool
    models: list[ServedModel]

    @classmethod
    def of(cls, models: list[ServedModel]) -> Health:
        """The health of a graph of these models."""
        some = any(model.ready for model in models)
        return cls(live=True, ready=some and all(model.ready or model.absent for model in models), models=models)


class ErrorBody(BaseModel):
    """Every error, whatever went wrong."""

    error: str = Field(description="a word for programs")
    message: str = Field(description="a sentence for people: what was wanted, what was found")
    field: str | None = Field(None, description="where in the request")
    fallback: str | None = Field(None, description="the model that would answer if allow_fallback were true")
    request_id: str = Field(description="what the log knows the request by")
