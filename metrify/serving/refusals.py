"""What the graph says when it cannot answer. A refusal travels between deployments as a value, not as an exception:
Ray would wrap an exception into text, and log a stack trace for what is only a client's slip."""

from __future__ import annotations

import math
from dataclasses import dataclass

from metrify.errors import (
    BadValue,
    InputError,
    MalformedJson,
    MetrifyError,
    NoData,
    NotEnoughHistory,
    RegistryError,
    UnknownAsset,
    UnknownKeys,
    UnknownMeter,
)

__all__ = ["INTERNAL", "Refusal", "overloaded", "refusal", "too_large", "too_slow", "unavailable"]


@dataclass(frozen=True)
class Refusal:
    """One typed error of the HTTP door."""

    status: int
    """HTTP status"""
    error: str
    """a word for programs"""
    message: str
    """a sentence for people"""
    field: str | None = None
    """where in the request, such as history[0].kwh[3]"""
    fallback: str | None = None
    """the model that would answer if the request allowed it"""
    retry_after: float | None = None
    """when to try again [s]"""
    absent: bool = False
    """the registry holds no such model yet: what others answer is not the less whole for it"""

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(math.ceil(self.retry_after))}

    def body(self, request_id: str) -> dict[str, str | None]:
        """The JSON body of the error."""
        return {
            "error": self.error,
            "message": self.message,
            "field": self.field,
            "fallback": self.fallback,
            "request_id": request_id,
        }


_KINDS: tuple[tuple[type[MetrifyError], int, str], ...] = (
    (UnknownMeter, 404, "unknown_meter"),
    (UnknownAsset, 404, "unknown_asset"),
    (NotEnoughHistory, 422, "not_enough_history"),
    (UnknownKeys, 400, "unknown_field"),
    (BadValue, 400, "bad_value"),
    (MalformedJson, 400, "malformed_json"),
    (InputError, 400, "bad_request"),
    (NoData, 503, "not_ready"),
    (RegistryError, 503, "not_ready"),
)

INTERNAL = Refusal(500, "internal", "Something failed inside; the log holds the cause under this request_id.")


def refusal(error: MetrifyError) -> Refusal:
    """The refusal that an error becomes; INTERNAL for one that no client can mend."""
    for kind, status, word in _KINDS:
        if isinstance(error, kind):
            later = 10 if status == 503 else None
            fallback = error.fallback if isinstance(error, NotEnoughHistory) else None
            return Refusal(status, word, str(error), _field(error), fallback, later)
    return INTERNAL


def _field(error: MetrifyError) -> str | None:
    if isinstance(error, BadValue):
        return error.field
    if isinstance(error, UnknownKeys):
        return error.unknown[0]
    if isinstance(error, UnknownAsset):
        return "asset_ids"
    return "meter_ids" if isinstance(error, (UnknownMeter, NotEnoughHistory)) else None


def overloaded() -> Refusal:
    return Refusal(503, "overloaded", "All replicas are busy and the queue is full; try again shortly.", retry_after=1)


def too_slow(seconds: float) -> Refusal:
    return Refusal(503, "timeout", f"No answer within {seconds:g} s; try again later.", retry_after=5)


def unavailable(why: str, *, absent: bool = False) -> Refusal:
    return Refusal(503, "not_ready", f"The graph cannot answer yet: {why}", retry_after=10, absent=absent)


def too_large(limit: int) -> Refusal:
    return Refusal(413, "body_too_large", f"The body is larger than {limit} bytes; send less per request.")
