"""One Ray session per command: join the cluster that is there, else start a local one and end it afterwards.

One machine is a cluster of one: every step runs on Ray, and this is the only place that starts or joins it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metrify.errors import ClusterError
from metrify.kernels import KEPT
from metrify.settings import Workspace

__all__ = ["address_file", "environment", "session", "variables"]

LOOPBACK = "127.0.0.1"
SOCKET_ROOM = 32
"""Ray's own part of a socket's path takes up to 75 of the 107 bytes that Unix allows."""

QUIET = {
    "RAY_raylet_start_wait_time_s": "120",  # the default of 30 s is too short on a busy machine
    "RAY_worker_niceness": "0",  # workers run at nice 15 otherwise and starve beside anything else
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # Ray Data's own actors make the core complain on every start; errors still raise
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # decided, so that Ray does not warn about it
    **KEPT,
}


TALKATIVE = (
    "ray.data._internal.progress",  # warns that it is silent
    "ray.data.exceptions",  # logs what is raised anyway
    "ray.data._internal.execution.streaming_executor_state",
)


@contextmanager
def session(workspace: Workspace, *, cpus: int | None = None, address: str | None = None) -> Iterator[str]:
    """Have Ray for the length of a `with` block; yields the address of the cluster (host:port).

    In this order: a Ray that this process already uses (left running, left as it is); `address`; the cluster at
    RAY_ADDRESS, which Ray sets inside its jobs; the cluster that `metrify up` started for this workspace; a local one
    with `cpus` processors (all by default) that ends with the block. A cluster that was joined is left running.
    Raises ClusterError when Ray does not start or answer.
    """
    import ray

    if ray.is_initialized():
        _quiet_data()
        yield ray.get_runtime_context().gcs_address
        return
    foreign = address or os.environ.get("RAY_ADDRESS")
    with contextlib.ExitStack() as stack:
        stack.callback(_reread)
        stack.enter_context(variables(QUIET if foreign else _secured(workspace)))
        _reread()
        context = _connect(foreign or _of_workspace(workspace), cpus)
        stack.callback(ray.shutdown)
        _quiet_data()
        yield context.address_info["gcs_address"]


def environment(workspace: Workspace) -> dict[str, str]:
    """The variables for every process of this workspace's own cluster: `ray start`, drivers, `ray job submit`.

    The cluster of a workspace asks for its token, so that two workspaces on one machine cannot mix and no other user
    can run code here. The token is made on first use, readable by its owner only.
    """
    merged = dict(os.environ) | _secured(workspace)
    return {name: value for name, value in merged.items() if value is not None}


def address_file(workspace: Workspace) -> Path:
    """Where `metrify up` writes the address (host:port) of the cluster that it started for this workspace."""
    return workspace.run / "ray_address"


@contextmanager
def variables(wanted: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables of this process (None removes one) for the length of a `with` block."""
    before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _secured(workspace: Workspace) -> dict[str, str | None]:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(_token_file(workspace))}
    return QUIET | token | {"RAY_AUTH_TOKEN": None}  # set, it would win over the path


def _token_file(workspace: Workspace) -> Path:
    path = workspace.folder(workspace.run) / "ray_token"
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):  # another process was quicker: its token stays
            os.link(draft, path)
        draft.unlink()
    return path


def _reread() -> None:
    """Make Ray look at mode and token again: it does so only when first imported, and offers no public way."""
    from ray._raylet import AuthenticationTokenLoader, Config

    Config.initialize("")  # first: with the mode of a token and no token its threads would end the process
    AuthenticationTokenLoader.instance().reset_cache()


def _of_workspace(workspace: Workspace) -> str:
    """The address of the cluster that `metrify up` started, if something listens there, else "local"."""
    path = address_file(workspace)
    if not path.exists():
        return "local"
    address = path.read_text().strip()
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except (OSError, ValueError):  # it died without `metrify down`
        return "local"
    return address


def _connect(address: str, cpus: int | None) -> Any:
    for last in (False, False, True):  # now and then a start hangs, and the next one takes seconds
        try:
            return _start(address, cpus)
        except Exception as error:  # that is what Ray raises when a start takes too long
            if last:
                raise _unreachable(address, error) from error
            logging.getLogger(__name__).info("Ray did not start or answer at %s, trying again", address, exc_info=True)
    raise AssertionError("the last try returned or raised")


def _start(address: str, cpus: int | None) -> Any:
    import ray

    alone = {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": _temp_dir(), "_node_ip_address": LOOPBACK}
    local = alone if address == "local" else {}
    try:
        with _core_muted():
            return ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except BaseException:
        ray.shutdown()  # what of it did start
        raise


@contextmanager
def _core_muted() -> Iterator[None]:
    """Ray's core tells on stderr which log level it was given, before it heeds it. What goes wrong is raised."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _temp_dir() -> str | None:
    """None for Ray's default, unless sockets in there would have too long a path."""
    root = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return None if len(root) < SOCKET_ROOM else "/tmp/ray"


def _unreachable(address: str, error: Exception) -> ClusterError:
    if address == "local":
        return ClusterError(
            f"Ray did not start on this machine in two tries: {error}. Look into the newest folder under /tmp/ray "
            "for its logs; free memory and disk, or name a running cluster with RAY_ADDRESS."
        )
    return ClusterError(
        f"The Ray cluster at {address} does not take this process: {error}. Check that it runs, that this machine is "
        "one of its nodes, and RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH; for a workspace's own cluster run "
        "`metrify down`, then `metrify up`."
    )


def _quiet_data() -> None:
    """Ray Data says nothing of its own and hands out pandas frames of numpy, not of Arrow, which LightGBM refuses."""
    import ray.data

    data = ray.data.DataContext.get_current()
    data.enable_progress_bars = False
    data.print_on_execution_start = False
    data.enable_arrow_backed_pandas_conversion = False
    data.raise_original_map_exception = True  # Metrify's own errors, as they were raised
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
