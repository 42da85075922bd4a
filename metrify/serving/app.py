"""The application that every file in serve_configs/ names: `import_path: metrify.serving.app:build`."""
# No `from __future__ import annotations` here: Serve reads the class of `args` from the annotation itself.

from collections.abc import Iterable
from typing import Any

from ray import serve
from ray.serve import Application

from metrify.serving.anomalies import Anomalies
from metrify.serving.args import ServeArgs
from metrify.serving.forecasting import Forecasting
from metrify.serving.ingress import Ingress
from metrify.serving.member import Member
from metrify.serving.quality import Quality
from metrify.serving.risk import Risk
from metrify.serving.router import Router
from metrify.serving.source import Source, registered

__all__ = ["assemble", "build"]

MEMBERS: dict[str, type[Member[Any]]] = {kind.task: kind for kind in (Forecasting, Anomalies, Risk, Quality)}
"""The deployment of each task."""

OPEN = 1_000
"""Requests that ingress and router hold at once; only the models' queues turn requests away."""


def build(args: ServeArgs) -> Application:
    """Ingress -> router -> models of the registry, for `serve deploy`, `serve run` and `serve.run`."""
    return assemble(args, registered(args))


def assemble(args: ServeArgs, sources: Iterable[Source]) -> Application:
    """The same graph over any sources of models: a deployment each, which all start at the same time."""
    light = {
        "num_replicas": args.doors,
        "ray_actor_options": {"num_cpus": 0},
        "max_ongoing_requests": OPEN,
    }
    members: dict[str, dict[str, Application]] = {task: {} for task in MEMBERS}
    for source in sources:
        members[source.wanted.task][str(source.wanted)] = _member(args, source)
    router = serve.deployment(Router).options(**light).bind(members, args.limits)
    return serve.deployment(serve.ingress()(Ingress)).options(name="Ingress", **light).bind(router, args.limits)


def _member(args: ServeArgs, source: Source) -> Application:
    kind = MEMBERS[source.wanted.task]
    deployment = serve.deployment(kind).options(
        name=f"{kind.__name__}{source.wanted.suffix}",
        num_replicas=args.replicas,
        ray_actor_options={"num_cpus": args.cpus},
        max_ongoing_requests=2 * args.threads,  # the next are at hand when a thread is free
        max_queued_requests=args.limits.max_queued,
    )
    return deployment.bind(source, args)
