"""How each service is started and asked whether it is there."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from metrify.cluster import environment
from metrify.errors import ServiceFailed
from metrify.serving.args import NAME, ServeArgs
from metrify.serving.ports import LOOPBACK
from metrify.serving.processes import Started, alive, start
from metrify.settings import Workspace

__all__ = ["Dashboard", "answers", "config", "health", "mlflow", "ray", "ray_address", "url", "wait"]

MIB = 1024**2
OBJECT_STORE = (256 * MIB, 2048 * MIB)
"""Least and most memory that Ray's object store gets; in between a tenth of the machine's [bytes]."""


def url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def ray(workspace: Workspace, mark: str, temp_dir: str, ports: Mapping[str, int], logs: Path) -> Started:
    """A Ray head with its dashboard on loopback."""
    store = min(max(psutil.virtual_memory().total // 10, OBJECT_STORE[0]), OBJECT_STORE[1])
    options = {
        "node-ip-address": LOOPBACK,
        "port": ports["ray"],
        "ray-client-server-port": ports["ray_client"],
        "dashboard-host": LOOPBACK,
        "dashboard-port": ports["dashboard"],
        "min-worker-port": 0,  # any free port, where two clusters on one machine would share a fixed range
        "max-worker-port": 0,
        "object-store-memory": store,
        "temp-dir": temp_dir,
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
    command += [f"--{name}={value}" for name, value in options.items()]
    env = _variables(workspace) | {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"}  # no other node to move work to
    return start(command, mark=mark, env=env, cwd=workspace.home, log=logs / "ray.log")


def mlflow(workspace: Workspace, mark: str, port: int, logs: Path) -> Started:
    """MLflow's server over the registry of the workspace."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", workspace.tracking_uri, "--artifacts-destination", str(workspace.artifacts)]
    env = _variables(workspace) | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven more processes for a feature that is not used
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return start(command, mark=mark, env=env, cwd=workspace.home, log=logs / "mlflow.log")


def _variables(workspace: Workspace) -> dict[str, str]:
    env = environment(workspace) | {"METRIFY_HOME": str(workspace.home)}
    # a job's `python` shall be this one, with all that is installed beside it
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    return {name: value for name, value in env.items() if name != "RAY_ADDRESS"}


def ray_address(temp_dir: str) -> str:
    """host:port that drivers join the cluster at; empty until Ray has written it down, which it does last."""
    written = Path(temp_dir) / "ray_current_cluster"
    return written.read_text().strip() if written.exists() else ""


def config(workspace: Workspace, port: int, args: ServeArgs, logs: Path) -> dict[str, Any]:
    """The Serve config, like a file in serve_configs/, with this workspace's home, port and logs."""
    application = {
        "name": NAME,
        "route_prefix": "/",
        "import_path": "metrify.serving.app:build",
        "args": args.model_dump() | {"home": str(workspace.home)},
    }
    return {
        "proxy_location": "HeadOnly",
        "http_options": {"host": LOOPBACK, "port": port},
        "logging_config": {"logs_dir": str(workspace.folder(logs / "serve"))},
        "applications": [application],
    }


def answers(address: str) -> bool:
    """Whether MLflow's server is there."""
    return _get(f"{address}/health") is not None


def health(address: str) -> dict[str, Any] | None:
    """What the graph says of itself; None when it does not answer."""
    found = _get(f"{address}/healthz", ok=(200, 503))
    try:
        body = found.json() if found else None
    except ValueError:  # Serve's own words while the graph is not there
        return None
    return body if body and "live" in body else None


def _get(address: str, headers: Mapping[str, str] | None = None, ok: tuple[int, ...] = (200,)) -> httpx.Response | None:
    try:
        found = httpx.get(address, headers=headers, timeout=5.0)
    except httpx.HTTPError:
        return None
    return found if found.status_code in ok else None


class Dashboard:
    """Ray's REST interface, which asks for the cluster's token."""

    def __init__(self, workspace: Workspace, port: int):
        self.address = url(port)
        self._workspace = workspace

    def answers(self) -> bool:
        return _get(f"{self.address}/api/version", self._headers) is not None

    def deploy(self, wanted: dict[str, Any]) -> None:
        """Hand a Serve config in. Raises ServiceFailed."""
        try:
            answer = httpx.put(self._applications, json=wanted, headers=self._headers, timeout=120.0)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise ServiceFailed("The graph", error.response.text[:500], self._logs) from error
        except httpx.HTTPError as error:
            raise ServiceFailed("The graph", error, self._logs) from error

    def withdraw(self) -> None:
        """Take the graph down in order, so that requests under way are still answered; where Ray answers at all."""
        with suppress(httpx.HTTPError):
            httpx.delete(self._applications, headers=self._headers, timeout=20.0)

    def deployed(self) -> bool:
        """Whether the graph runs. Raises ServiceFailed when Serve has given up on it."""
        found = _get(self._applications, self._headers)
        application = found.json()["applications"].get(NAME, {}) if found else {}
        if application.get("status") == "DEPLOY_FAILED":
            raise ServiceFailed("The graph", application.get("message", "").strip()[-800:], self._logs)
        return application.get("status") == "RUNNING"

    @property
    def _applications(self) -> str:
        return f"{self.address}/api/serve/applications/"

    @property
    def _headers(self) -> dict[str, str]:
        token = Path(environment(self._workspace)["RAY_AUTH_TOKEN_PATH"]).read_text()
        return {"Authorization": f"Bearer {token}"}

    @property
    def _logs(self) -> Path:
        return self._workspace.run / "logs" / "serve"


def wait(service: str, there: Callable[[], object], process: Started, log: Path, patience: float = 120.0) -> None:
    """Wait until `there()`. Raises ServiceFailed when the process ends, or after `patience` [s]."""
    deadline = time.monotonic() + patience
    while not there():
        if not alive(process):
            raise ServiceFailed(service, f"its process ended, saying: {_last_words(log)}", log)
        if time.monotonic() > deadline:
            raise ServiceFailed(service, f"no answer within {patience:g} s", log)
        time.sleep(0.5)


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1] if spoken else "nothing"
