"""The HTTP routes over a graph: checks requests strictly, and answers every error in one shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from metrify.errors import MetrifyError
from metrify.serving import openapi
from metrify.serving.args import Limits
from metrify.serving.messages import (
    AnomalyAnswer,
    AnomalyRequest,
    ForecastAnswer,
    ForecastRequest,
    Health,
    MeterRequest,
    QualityAnswer,
    QualityRequest,
    RiskAnswer,
    RiskRequest,
    ServedModel,
)
from metrify.serving.pages import add_docs
from metrify.serving.refusals import INTERNAL, Refusal, refusal
from metrify.serving.router import Answered
from metrify.serving.strict_route import Refused, StrictRoute

__all__ = ["Graph", "make_api"]


class Graph(Protocol):
    """What answers behind the door; `ingress.Ingress` is one."""

    async def answer(self, task: str, request: MeterRequest | RiskRequest) -> Answered | Refusal: ...
    async def status(self) -> list[dict[str, Any]] | Refusal: ...


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
        Refused: lambda request, error: _refuse(request, error.refusal),
        StarletteHTTPException: lambda request, error: _refuse(request, _of_route(request, error), error.headers),
        Exception: lambda request, _: _refuse(request, INTERNAL),  # Guard logs the cause
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, _awaitable(handler))
    return api


def _routes(graph: Graph, limits: Limits) -> APIRouter:
    routes = APIRouter(route_class=StrictRoute)

    async def answer(request: Request, task: str, body: MeterRequest | RiskRequest, name: str) -> Response:
        body.check(limits)
        found = _or_refused(await graph.answer(task, body))
        about = {"request_id": request.state.request_id, "degraded": found.degraded, "members": found.members}
        return JSONResponse({**about, name: found.subjects})

    @routes.post("/v1/forecast", tags=["forecasting"], response_model=ForecastAnswer, **openapi.FORECAST)
    async def forecast(request: Request, body: ForecastRequest) -> Response:
        """Mean and quantiles per meter and interval, as columns. A meter unknown to the lake comes with its history."""
        return await answer(request, "forecasting", body, "forecasts")

    @routes.post("/v1/anomalies", tags=["anomalies"], response_model=AnomalyAnswer, **openapi.ANOMALIES)
    async def anomalies(request: Request, body: AnomalyRequest) -> Response:
        """Score, verdict and reason of each reading, as columns; every model of the task has a say."""
        return await answer(request, "anomaly", body, "anomalies")

    @routes.post("/v1/maintenance/risk", tags=["maintenance"], response_model=RiskAnswer, **openapi.RISK)
    async def risk(request: Request, body: RiskRequest) -> Response:
        """Chance of failure within the horizon. Equipment unknown to the lake comes with its attributes."""
        return await answer(request, "maintenance", body, "risks")

    @routes.post("/v1/quality", tags=["quality"], response_model=QualityAnswer, **openapi.QUALITY)
    async def quality(request: Request, body: QualityRequest) -> Response:
        """Score of each local day's readings and the chance that the next day needs estimation, as columns."""
        return await answer(request, "quality", body, "quality")

    @routes.get("/healthz", tags=["operation"], response_model=Health, **openapi.HEALTH)
    async def healthz() -> Response:
        """Whether the graph answers, with which models, on data until when.

        Ready once a model is, and every model that the registry holds is; status 503 until then.
        """
        found = await graph.status()
        models = [] if isinstance(found, Refusal) else [ServedModel(**facts) for facts in found]
        health = Health.of(models)
        headers = {} if health.ready else {"Retry-After": "5"}
        return JSONResponse(health.model_dump(mode="json"), 200 if health.ready else 503, headers)

    @routes.get("/v1/models", tags=["operation"], response_model=list[ServedModel], **openapi.MODELS)
    async def models() -> Response:
        """Name, version and metrics of each, and which readings it knows."""
        found = _or_refused(await graph.status())
        return JSONResponse([ServedModel(**facts).model_dump(mode="json") for facts in found])

    @routes.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("docs")

    return routes


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
