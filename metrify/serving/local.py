"""The graph inside the Ray session of this process, on a free port, for as long as a `with` block lasts."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout

from metrify.errors import ClusterError, ServiceFailed
from metrify.serving import launch, services
from metrify.serving.args import NAME, ServeArgs
from metrify.serving.ports import LOOPBACK, free_ports
from metrify.serving.source import Source, held, registered
from metrify.settings import Workspace

__all__ = ["deployed"]

PATIENCE = 120.0
"""How long a running graph may take to follow a promotion [s]."""


@contextmanager
def deployed(
    workspace: Workspace, args: ServeArgs | None = None, *, sources: Iterable[Source] | None = None
) -> Iterator[str]:
    """Deploy the workspace's graph on the Ray that this process uses; yields its URL, takes it down afterwards.

    Where `metrify up` keeps this workspace's graph running on that Ray, it is that one, once it serves the champions,
    and it is left running. `args` as in serve_configs/ (its home is set to the workspace); `sources` in place of the
    registry. Raises ClusterError where somebody else's Serve runs: its port and applications are not ours to decide.
    """
    from ray import serve

    from metrify.serving.app import assemble, build

    if serve.status().proxies:
        yield _running(workspace)
        return
    args = (args or ServeArgs()).model_copy(update={"home": str(workspace.home)})
    (port,) = free_ports(1)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # of this process; replicas keep their own
    serve.start(http_options={"host": LOOPBACK, "port": port}, proxy_location="HeadOnly")
    try:
        serve.run(build(args) if sources is None else assemble(args, sources), name=NAME, route_prefix="/")
        yield launch.url(port)
    finally:
        with redirect_stdout(io.StringIO()):  # Ray prints there that the controller's last task died with it
            serve.shutdown()


def _running(workspace: Workspace) -> str:
    """Address of the graph of `metrify up`, once it serves what the registry calls champion."""
    graph = next((found for found in services.status(workspace) if found.name == "graph"), None)
    if graph is None:
        raise ClusterError(
            "Ray Serve runs on this cluster already, but not for this workspace. Deploy beside it with "
            "`serve deploy serve_configs/production.yaml`, or let Metrify start a Ray of its own: unset RAY_ADDRESS."
        )
    wanted = held(registered(ServeArgs(home=str(workspace.home))))
    deadline = time.monotonic() + PATIENCE
    while missing := wanted - _served(graph.address):
        if time.monotonic() > deadline:
            names = ", ".join(sorted(missing))
            raise ServiceFailed("The graph", f"it does not serve {names}", workspace.run / "logs" / "serve")
        time.sleep(0.5)
    return graph.address


def _served(address: str) -> set[str]:
    health = launch.health(address)
    return {model["model"] for model in health["models"] if model["ready"]} if health else set()
