"""What was wrong with a request, in the words of metrify.errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from metrify.errors import BadValue, MalformedJson, UnknownKeys
from metrify.serving.refusals import Refusal, refusal

__all__ = ["explain"]

LEAD = re.compile(r"^(\w+ should (be|have)|Value error,) ")
"""How pydantic begins its sentences."""
LONGEST = 80


def explain(error: RequestValidationError, message: type[BaseModel]) -> Refusal:
    """The first slip of a request that should have been a `message`; misspelt fields come before all others."""
    slips: Sequence[Mapping[str, Any]] = error.errors()
    misspelt = [slip["loc"][1:] for slip in slips if slip["type"] == "extra_forbidden"]
    if misspelt:
        return _misspelt(misspelt, message)
    slip = slips[0]
    field = path(slip["loc"][1:])
    if slip["type"] == "missing":
        return refusal(BadValue(field, "a value", _Shown(None)) if field else MalformedJson("the body is empty"))
    return refusal(BadValue(field or "body", _wanted(slip), _Shown(slip["input"])))


def _misspelt(locs: list[Sequence[str | int]], message: type[BaseModel]) -> Refusal:
    where = locs[0][:-1]
    names = [path(loc[-1:]) for loc in locs if loc[:-1] == where]
    found = refusal(UnknownKeys(path(where) or "The request", names, _model_at(message, where).model_fields))
    return replace(found, field=path(locs[0]))


def path(loc: Sequence[str | int]) -> str:
    """`history[0].kwh[3]` of ("history", 0, "kwh", 3)."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    text = "".join(parts).removeprefix(".")[:LONGEST]
    return text.encode("utf-8", "backslashreplace").decode()  # JSON allows half a character as a name, UTF-8 does not


def _wanted(slip: Mapping[str, Any]) -> str:
    if slip["type"] == "model_attributes_type":
        return "an object with the fields of the documentation"
    return LEAD.sub("", slip["msg"]).split(" after validation")[0]


def _model_at(message: type[BaseModel], where: Sequence[str | int]) -> type[BaseModel]:
    for name in where:
        if isinstance(name, str):
            message = _model_in(message.model_fields[name].annotation) or message
    return message


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


class _Shown:
    """What came, short enough to be sent back."""

    def __init__(self, value: Any):
        self._value = value

    def __repr__(self) -> str:
        if isinstance(self._value, dict):
            return "an object" if self._value else "an empty object"
        if isinstance(self._value, list):
            return "a list" if self._value else "an empty list"
        text = json.dumps(self._value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
