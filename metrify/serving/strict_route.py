"""Routes that take a POST only as strict JSON, and say in our own words what is wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from metrify.errors import MetrifyError
from metrify.serving.refusals import Refusal, refusal
from metrify.serving.slips import explain
from metrify.serving.strict_json import parse

__all__ = ["Refused", "StrictRoute"]


class Refused(HTTPException):
    """A refusal on its way through FastAPI, which lets only its own exception pass while it reads a body."""

    def __init__(self, refusal: Refusal):
        super().__init__(refusal.status)
        self.refusal = refusal


class StrictRoute(APIRoute):
    """Raises Refused for a body of another media type, that is no strict JSON, or not the message of the route."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:
        """FastAPI's hook."""
        handle = super().get_route_handler()
        message = self.body_field.field_info.annotation if self.body_field else None

        async def strictly(request: Request) -> Response:
            if message is None:
                return await handle(request)
            _check_media(request)
            try:
                return await handle(_StrictRequest(request.scope, request.receive))
            except RequestValidationError as error:
                raise Refused(explain(error, message)) from error

        return strictly


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return parse(await self.body())
        except MetrifyError as error:
            raise Refused(refusal(error)) from error


def _check_media(request: Request) -> None:
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        found = request.headers.get("content-type", "nothing")[:100]
        wanted = "Content-Type: wanted application/json in UTF-8"
        raise Refused(Refusal(415, "unsupported_media_type", f"{wanted}, found {found}.", "Content-Type"))
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(Refusal(415, "unsupported_media_type", "Send the body uncompressed.", "Content-Encoding"))
