"""The HTTP routes over a graph: checks requests strictly, and answers every error in one shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteHTTPException

from metrify.errors import MetrifyError
from metrify.serving import openapi
from metrify.serving.args import Limits
from metrify.serving.messages import ForecastAnswer, ForecastRequest, Health, ServedModel
from metrify.serving.pages import add_docs
from metrify.serving.refusals import INTERNAL, Refusal, refusal
from metrify.serving.slips import explain
from metrify.serving.strict_json import parse

__all__ = ["Graph", "make_api"]


class Graph(Protocol):
    """What answers behind the door; `ingress.Ingress` is one."""

    async def forecast(self, request: ForecastRequest) -> list[dict[str, Any]] | Refusal: ...
    async def status(self) -> list[dict[str, Any]] | Refusal: ...


class Refused(HTTPException):
    """A refusal on its way through FastAPI, which lets only its own exception pass while it reads a body."""

    def __init__(self, refusal: Refusal):
        super().__init__(refusal.status)
        self.refusal = refusal


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return parse(await self.body())
        except MetrifyError as error:
            raise Refused(refusal(error)) from error


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            if request.method == "POST":
                _check_media(request)
            return await handle(_StrictRequest(request.scope, request.receive))

        return strictly


def make_api(graph: Graph, limits: Limits) -> FastAPI:
    """The HTTP application over `graph`."""
    api = FastAPI(
        title="Metrify",
        version=version("metrify"),
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_tags=openapi.TAGS,
    )
    api.include_router(_routes(graph, limits))
    api.openapi = lambda: openapi.document(api)  # type: ignore[method-assign]
    add_docs(api)
    handlers = {
        MetrifyError: lambda request, error: _refuse(request, refusal(error)),
        RequestValidationError: lambda request, error: _refuse(request, explain(error, ForecastRequest)),
        Refused: lambda request, error: _refuse(request, error.refusal),
        StarletteHTTPException: lambda request, error: _refuse(request, _of_route(request, error), error.headers),
        Exception: lambda request, _: _refuse(request, INTERNAL),  # Guard logs the cause
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, _awaitable(handler))
    return api


def _routes(graph: Graph, limits: Limits) -> APIRouter:
    routes = APIRouter(route_class=_StrictRoute)

    @routes.post("/v1/forecast", tags=["forecasting"], response_model=ForecastAnswer, **openapi.FORECAST)
    async def forecast(request: Request, body: ForecastRequest) -> Response:
        """Mean and quantiles per meter and interval, as columns. A meter unknown to the lake comes with its history."""
        body.check(limits)
        found = _or_refused(await graph.forecast(body))
        return JSONResponse({"request_id": request.state.request_id, "forecasts": found})

    @routes.get("/healthz", tags=["operation"], response_model=Health, **openapi.HEALTH)
    async def healthz() -> Response:
        """Whether the graph answers, with which models, on data until when; status 503 until all are ready."""
        found = await graph.status()
        models = [] if isinstance(found, Refusal) else [ServedModel(**facts) for facts in found]
        ready = bool(models) and all(model.ready for model in models)
        health = Health(live=True, ready=ready, models=models)
        headers = {} if ready else {"Retry-After": "5"}
        return JSONResponse(health.model_dump(mode="json"), 200 if ready else 503, headers)

    @routes.get("/v1/models", tags=["operation"], response_model=list[ServedModel], **openapi.MODELS)
    async def models() -> Response:
        """Name, version and metrics of each, and which readings it knows."""
        found = _or_refused(await graph.status())
        return JSONResponse([ServedModel(**facts).model_dump(mode="json") for facts in found])

    @routes.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("docs")

    return routes


def _check_media(request: Request) -> None:
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        found = request.headers.get("content-type", "nothing")[:100]
        wanted = "Content-Type: wanted application/json in UTF-8"
        raise Refused(Refusal(415, "unsupported_media_type", f"{wanted}, found {found}.", "Content-Type"))
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(Refusal(415, "unsupported_media_type", "Send the body uncompressed.", "Content-Encoding"))


def _or_refused(found: Any) -> Any:
    if isinstance(found, Refusal):
        raise Refused(found)
    return found


def _of_route(request: Request, error: StarletteHTTPException) -> Refusal:
    if error.status_code == 404:
        return Refusal(404, "unknown_route", f"There is no {request.url.path[:200]}; /docs lists what there is.")
    if error.status_code == 405:
        return Refusal(405, "method_not_allowed", f"{request.url.path} does not take {request.method}.")
    return Refusal(error.status_code, "bad_request", str(error.detail))


def _refuse(request: Request, why: Refusal, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(why.body(request.state.request_id), why.status, {**(headers or {}), **why.headers})


def _awaitable(handler: Callable[[Any, Any], Response]) -> Callable[[Any, Any], Awaitable[Response]]:
    async def handle(request: Any, error: Any) -> Response:
        return handler(request, error)

    return handle
