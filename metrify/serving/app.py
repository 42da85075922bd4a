"""The application that every file in serve_configs/ names: `import_path: metrify.serving.app:build`."""
# No `from __future__ import annotations` here: Serve reads the class of `args` from the annotation itself.

from collections.abc import Mapping

from ray import serve
from ray.serve import Application

from metrify.serving.args import ServeArgs
from metrify.serving.forecasting import Forecasting
from metrify.serving.ingress import Ingress
from metrify.serving.router import Router
from metrify.serving.source import RegistrySource, Source

__all__ = ["assemble", "build"]

OPEN = 1_000
"""Requests that ingress and router hold at once; only the models' queue turns requests away."""


def build(args: ServeArgs) -> Application:
    """Ingress -> router -> models of the registry, for `serve deploy`, `serve run` and `serve.run`."""
    return assemble(args, {task: RegistrySource(args.home, task, wanted) for task, wanted in args.models.items()})


def assemble(args: ServeArgs, sources: Mapping[str, Source]) -> Application:
    """The same graph over any sources of models."""
    model = serve.deployment(Forecasting).options(
        num_replicas=args.replicas,
        ray_actor_options={"num_cpus": args.cpus},
        max_ongoing_requests=2 * args.threads,  # the next are at hand when a thread is free
        max_queued_requests=args.limits.max_queued,
    )
    light = {
        "num_replicas": args.doors,
        "ray_actor_options": {"num_cpus": 0},
        "max_ongoing_requests": OPEN,
    }
    members = {"forecasting": model.bind(sources["forecasting"], args.threads, args.refresh_seconds)}
    router = serve.deployment(Router).options(**light).bind(members, args.limits)
    return serve.deployment(serve.ingress()(Ingress)).options(name="Ingress", **light).bind(router, args.limits)
