"""The deployment that decides which models answer a request, and makes one answer of theirs."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metrify.serving.args import Limits
from metrify.serving.calls import call
from metrify.serving.columns import render
from metrify.serving.member import Rows
from metrify.serving.refusals import INTERNAL, Refusal, unavailable

if TYPE_CHECKING:
    import pandas as pd

    from metrify.serving.messages import MeterRequest, RiskRequest

__all__ = ["Answered", "Router"]

log = logging.getLogger("ray.serve")

PROBE = 3.0
"""How long a model may take to say how it is [s]."""
FRESH = 30.0
"""How long its last word counts: one that is too busy to say how it is, is still well [s]."""
CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True)
class Answered:
    """One answer made of those of several models."""

    subjects: list[dict[str, Any]]
    """an object for each meter or asset, in the order of the request"""
    members: list[dict[str, Any]]
    """`messages.Member` of each model that was asked, but for those that the registry does not hold"""

    @property
    def degraded(self) -> bool:
        """Whether a model is missing in it."""
        return not all(member["answered"] for member in self.members)


class Router:
    """Knows the deployments of every task."""

    def __init__(self, members: Mapping[str, Mapping[str, Any]], limits: Limits):
        """`members`: by task, DeploymentHandle by what the config calls the model."""
        self._members = members
        self._limits = limits
        self._seen: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}

    async def answer(self, task: str, request: MeterRequest | RiskRequest) -> Answered | Refusal:
        """What the models of the task answer together, or why none does.

        One that fails on our side drops out; one that the registry does not hold is not missed where another answers;
        what a client has to mend is a refusal whoever says it.
        """
        members = self._members.get(task)
        if not members:
            return unavailable(f"no model of {task} is configured")
        seconds = self._limits.answer_seconds if len(members) == 1 else self._limits.member_seconds
        calls = (call(member.answer, request, seconds=seconds) for member in members.values())
        found = [_or_internal(one) for one in await asyncio.gather(*calls, return_exceptions=True)]
        refused = [one for one in found if isinstance(one, Refusal)]
        slips = [one for one in refused if one.status in CLIENT_ERRORS]
        if slips or len(refused) == len(found):
            return (slips or [one for one in refused if not one.absent] or refused)[0]
        told = [_told(wanted, one) for wanted, one in zip(members, found, strict=True) if not _absent(one)]
        rows = [one for one in found if isinstance(one, Rows)]
        return Answered(await asyncio.to_thread(_made, task, rows, request.ids), told)

    async def status(self) -> list[dict[str, Any]]:
        """`messages.ServedModel` of every model."""
        asked = [(task, wanted) for task, members in self._members.items() for wanted in members]
        return list(await asyncio.gather(*(self._status(task, wanted) for task, wanted in asked)))

    async def _status(self, task: str, wanted: str) -> dict[str, Any]:
        found = await call(self._members[task][wanted].status, seconds=PROBE)
        now = time.monotonic()
        if not isinstance(found, Refusal):
            self._seen[task, wanted] = now, found
            return found
        when, last = self._seen.get((task, wanted), (-math.inf, {}))
        if now - when < FRESH:
            return last | {"reason": found.message}
        return {"task": task, "wanted": wanted, "ready": False, "reason": found.message}


def _or_internal(found: Rows | Refusal | BaseException) -> Rows | Refusal:
    if isinstance(found, Exception):  # a bug in one model; the others may still answer
        log.error("A model failed", exc_info=found)
        return INTERNAL
    if isinstance(found, BaseException):
        raise found
    return found


def _absent(found: Rows | Refusal) -> bool:
    return isinstance(found, Refusal) and found.absent


def _told(wanted: str, found: Rows | Refusal) -> dict[str, Any]:
    if isinstance(found, Refusal):
        return {"model": wanted, "answered": False, "reason": found.message}
    return {"model": found.model, "answered": True, "reason": None}


def _made(task: str, found: list[Rows], ids: list[str]) -> list[dict[str, Any]]:
    return render(task, _combined(task, [rows.frame for rows in found]), ids, found[0].unit)


def _combined(task: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    if len(frames) == 1:
        return frames[0]
    from metrify.models.catalog import ANSWERS
    from metrify.scoring.combine import combine

    keys = [name for name in ANSWERS[task].key if name != "model"]
    return combine(task, frames).sort_values(keys, kind="stable")
