"""The outermost door, plain ASGI: bounds a body before anything parses it, and lets no stack trace out."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from metrify.serving.refusals import INTERNAL, Refusal, too_large

__all__ = ["Guard", "refuse"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("ray.serve")  # the logger whose file names the request


class Guard:
    """Hands a request on to `app` once its whole body is there and within the limit."""

    def __init__(self, app: App, max_body_bytes: int, body_seconds: float):
        self._app = app
        self._limit = max_body_bytes
        self._seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        body = await self._body(scope, receive)
        if isinstance(body, Refusal):
            await refuse(send, body, request_id)
        elif body is not None:
            await self._answer(scope, _replay(body, receive), send, request_id)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Refusal | None:
        """The body, why it is not taken, or None for a client that went away."""
        if _declared(scope) > self._limit:
            return too_large(self._limit)
        try:
            return await asyncio.wait_for(self._read(receive), self._seconds)
        except TimeoutError:
            return Refusal(408, "body_too_slow", f"The body did not arrive within {self._seconds:g} s.")

    async def _read(self, receive: Receive) -> bytes | Refusal | None:
        read = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            read += message.get("body", b"")
            if len(read) > self._limit:
                return too_large(self._limit)
            if not message.get("more_body"):
                return bytes(read)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # broad: this is the last door; the cause goes to the log, never to the client
            log.exception("Request %s to %s failed", request_id, scope["path"])
            if not started:
                await refuse(send, INTERNAL, request_id)


async def refuse(send: Send, refusal: Refusal, request_id: str) -> None:
    """Answer with a typed error."""
    body = json.dumps(refusal.body(request_id)).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | refusal.headers
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> str:
    """The caller's (Serve's proxy gives one to every request), unless it could forge lines of a log."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    fit = 0 < len(given) <= 128 and given.isascii() and given.isprintable()
    return given if fit else str(uuid.uuid4())


def _declared(scope: Scope) -> int:
    declared = dict(scope["headers"]).get(b"content-length", b"")
    return int(declared) if declared.isdigit() and len(declared) <= 18 else 0


def _replay(body: bytes, receive: Receive) -> Receive:
    """What was read, once; afterwards the client's own messages, so that its leaving is noticed."""
    whole = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return whole.pop() if whole else await receive()

    return replayed
