"""The graph inside the Ray session of this process, on a free port, for as long as a `with` block lasts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from metrify.errors import ClusterError
from metrify.serving.args import NAME, ServeArgs
from metrify.serving.ports import LOOPBACK, free_ports
from metrify.settings import Workspace

if TYPE_CHECKING:
    from metrify.serving.source import Source

__all__ = ["deployed"]


@contextmanager
def deployed(
    workspace: Workspace, args: ServeArgs | None = None, *, sources: Mapping[str, Source] | None = None
) -> Iterator[str]:
    """Deploy the workspace's graph on the Ray that this process uses; yields its URL, takes it down afterwards.

    `args` as in serve_configs/ (its home is set to the workspace); `sources` in place of the registry. Raises
    ClusterError where Serve runs already: its address and its other applications are then not ours to decide.
    """
    from ray import serve

    from metrify.serving.app import assemble, build

    if serve.status().proxies:
        raise ClusterError(
            "Ray Serve runs on this cluster already. Ask the graph that is there (`metrify up` names its address), or "
            "deploy with `serve deploy serve_configs/local.yaml`."
        )
    args = (args or ServeArgs()).model_copy(update={"home": str(workspace.home)})
    (port,) = free_ports(1)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # here only; replicas keep their own
    serve.start(http_options={"host": LOOPBACK, "port": port}, proxy_location="HeadOnly")
    try:
        serve.run(assemble(args, sources) if sources else build(args), name=NAME, route_prefix="/")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        serve.shutdown()
