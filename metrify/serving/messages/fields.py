"""Types that the fields of requests share: strict, and refused in words that say what is wanted."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from metrify.errors import BadValue

__all__ = ["Date", "Identifier", "Instant", "Numbers", "Strict", "as_list", "check_subjects"]

YEARS = (1970, 2200)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Strict(BaseModel):
    """A message that takes nothing but what it names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _instant(value: Any) -> datetime:
    """ISO 8601 with an offset, as UTC: a clock time without one means another moment in every zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        moment = moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not YEARS[0] <= moment.year < YEARS[1]:
        raise ValueError("an ISO 8601 time from 1970 on with an offset, such as 2026-03-29T00:30:00Z")
    return moment


def _date(value: Any) -> date:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and DAY.fullmatch(value) else None
    except ValueError:  # the 30th of February
        day = None
    if day is None or not YEARS[0] <= day.year < YEARS[1]:
        raise ValueError("a date of the calendar from 1970 on, such as 2026-03-29")
    return day


Identifier = Annotated[str, Field(min_length=1, max_length=256)]
Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=datetime)]
Date = Annotated[date, BeforeValidator(_date, json_schema_input_type=date)]
Numbers = list[float | None]


def as_list(value: Any) -> Any:
    """A single object stands for a list of one."""
    return [value] if isinstance(value, dict) else value


def check_subjects(what: str, sent: str, ids: list[str], given: list[str], *, both: bool) -> None:
    """Raise BadValue unless a request names its subjects in one way, each once, and sends nothing about others.

    `what`: meter or asset; `sent`: the field of what comes with the request, about the subjects `given`; `both`:
    whether it names one and several.
    """
    one, several = f"{what}_id", f"{what}_ids"
    if both:
        raise BadValue(several, f"either {one} or {several}", "both")
    if not ids:
        raise BadValue(several, f"{one}, {several} or {sent}", "nothing")
    _check_each_once(several + "[{}]", what, ids)
    _check_each_once(f"{sent}[{{}}].{one}", what, given)
    asked = set(ids)
    for position, name in enumerate(given):
        if name not in asked:
            raise BadValue(f"{sent}[{position}].{one}", f"a name that {several} asks for", name)


def _check_each_once(field: str, what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            raise BadValue(field.format(position), f"each {what} once", name)
        seen.add(name)
