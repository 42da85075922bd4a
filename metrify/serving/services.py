"""What `metrify up` keeps running for a workspace: Ray with the graph on it, and MLflow's server."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from metrify.cluster import address_file
from metrify.errors import ServiceFailed, UnreadableFile
from metrify.serving import launch
from metrify.serving.args import ServeArgs
from metrify.serving.ports import choose, is_free
from metrify.serving.processes import Started, alive, end
from metrify.settings import Workspace

__all__ = ["ServiceStatus", "addresses", "down", "status", "up"]

PORTS = {"api": 8000, "dashboard": 8265, "mlflow": 5000, "ray": None, "ray_client": None}
"""The ports that people expect; where another program has one, and for the others, any free port."""
GRAPH_PATIENCE = 600.0
"""How long the graph may take to come up [s]: its replicas load models and readings."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ServiceStatus:
    """One line of `metrify status`."""

    name: Literal["graph", "mlflow", "dashboard"]
    address: str
    state: Literal["running", "not ready", "silent", "gone"]
    """`silent`: its process runs but does not answer; `gone`: its process has ended"""
    detail: str = ""


@dataclass
class _Record:
    """services.json: written before anything starts, so that `down` finds what a killed `up` left behind."""

    mark: str
    temp_dir: str
    ports: dict[str, int]
    mlflow: str
    """address of MLflow's server, ours or the one that the settings name"""
    processes: dict[str, Started] = field(default_factory=dict)

    def write(self, workspace: Workspace) -> None:
        path = _path(workspace)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.replace(path)

    @classmethod
    def read(cls, workspace: Workspace) -> _Record | None:
        path = _path(workspace)
        if not path.exists():
            return None
        try:
            record = cls(**json.loads(path.read_text()))
            record.processes = {name: Started(**found) for name, found in record.processes.items()}
        except (OSError, ValueError, TypeError) as error:
            raise UnreadableFile(path, "the record of what `metrify up` started", error) from error
        return record


def up(
    workspace: Workspace, args: ServeArgs | None = None, *, progress: Progress = lambda _: None
) -> list[ServiceStatus]:
    """Start what does not run yet, wait until all of it answers, and leave it running.

    Running services are left as they are; if one of them has died, all are started anew. Raises ServiceFailed, with
    nothing left behind.
    """
    with _alone(workspace):
        record = _Record.read(workspace)
        if record and record.processes and all(map(alive, record.processes.values())):
            progress("already running")
            return _statuses(workspace, record)
        if record:
            progress("clearing what an earlier start left")
            _clear(workspace, record)
        try:
            return _started(workspace, args or ServeArgs(), progress)
        except ServiceFailed as error:
            if error.service != "Ray":
                raise
        progress("Ray did not start; trying once more")  # on a busy machine now and then its raylet gives up
        return _started(workspace, args or ServeArgs(), progress)


def down(workspace: Workspace, *, progress: Progress = lambda _: None) -> bool:
    """End what `up` started, all of it and nothing else; False when there was nothing. Raises ServiceFailed."""
    with _alone(workspace):
        record = _Record.read(workspace)
        if record is None:
            return False
        progress("ending the graph, Ray and MLflow")
        launch.Dashboard(workspace, record.ports["dashboard"]).withdraw()
        _clear(workspace, record)
        return True


def status(workspace: Workspace) -> list[ServiceStatus]:
    """The services of this workspace; empty when none were started."""
    record = _Record.read(workspace)
    return _statuses(workspace, record) if record else []


def addresses(workspace: Workspace) -> dict[str, str]:
    """Where each service answers, or will once `up` has started it: its ports are kept for this workspace from now on.

    They may still change where another program takes one of them first.
    """
    with _alone(workspace):
        record = _Record.read(workspace)
        ports = record.ports if record else _ports(workspace)
    mlflow = record.mlflow if record else _mlflow(workspace, ports)
    return {"graph": launch.url(ports["api"]), "mlflow": mlflow, "dashboard": launch.url(ports["dashboard"])}


def _started(workspace: Workspace, args: ServeArgs, progress: Progress) -> list[ServiceStatus]:
    record = _fresh(workspace)
    try:
        _start(workspace, record, args, progress)
    except BaseException:
        _clear(workspace, record)
        raise
    return _statuses(workspace, record)


def _start(workspace: Workspace, record: _Record, args: ServeArgs, progress: Progress) -> None:
    logs = workspace.folder(workspace.run / "logs")
    progress("starting Ray and MLflow")
    ray = record.processes["ray"] = launch.ray(workspace, record.mark, record.temp_dir, record.ports, logs)
    if record.mlflow == launch.url(record.ports["mlflow"]):
        mlflow = record.processes["mlflow"] = launch.mlflow(workspace, record.mark, record.ports["mlflow"], logs)
        record.write(workspace)
        launch.wait("MLflow", lambda: launch.answers(record.mlflow), mlflow, logs / "mlflow.log")
        progress(f"MLflow answers at {record.mlflow}")
    record.write(workspace)
    dashboard = launch.Dashboard(workspace, record.ports["dashboard"])
    launch.wait("Ray", lambda: launch.ray_address(record.temp_dir), ray, logs / "ray.log")
    launch.wait("Ray", dashboard.answers, ray, logs / "ray.log")
    address_file(workspace).write_text(launch.ray_address(record.temp_dir))
    progress("Ray answers; deploying the graph")
    dashboard.deploy(launch.config(workspace, record.ports["api"], args, logs))
    launch.wait("The graph", dashboard.deployed, ray, logs / "serve", GRAPH_PATIENCE)
    progress(f"the graph answers at {launch.url(record.ports['api'])}")


def _statuses(workspace: Workspace, record: _Record) -> list[ServiceStatus]:
    dashboard = launch.Dashboard(workspace, record.ports["dashboard"])
    found = [_graph(record)]
    mlflow_gone = "mlflow" in record.processes and not alive(record.processes["mlflow"])
    found.append(_judged("mlflow", record.mlflow, mlflow_gone, launch.answers(record.mlflow)))
    ray_gone = "ray" not in record.processes or not alive(record.processes["ray"])
    found.append(_judged("dashboard", dashboard.address, ray_gone, dashboard.answers()))
    return found


def _judged(name: Literal["mlflow", "dashboard"], address: str, gone: bool, answers: bool) -> ServiceStatus:
    return ServiceStatus(name, address, "gone" if gone else "running" if answers else "silent")


def _graph(record: _Record) -> ServiceStatus:
    address = launch.url(record.ports["api"])
    if "ray" not in record.processes or not alive(record.processes["ray"]):
        return ServiceStatus("graph", address, "gone", "Ray has ended")
    health = launch.health(address)
    if health is None:
        return ServiceStatus("graph", address, "silent")
    models = ", ".join(map(_in_short, health["models"]))
    return ServiceStatus("graph", address, "running" if health["ready"] else "not ready", models)


def _in_short(model: Mapping[str, Any]) -> str:
    """One of the graph's models in the words of a table's cell."""
    if model["ready"]:
        return model["model"]
    return f"no {model['wanted']}" if model["absent"] else f"{model['wanted']}: {model['reason']}"


def _fresh(workspace: Workspace) -> _Record:
    ports = _ports(workspace)
    record = _Record(uuid.uuid4().hex, _temp_dir(), ports, _mlflow(workspace, ports))
    record.write(workspace)
    return record


def _mlflow(workspace: Workspace, ports: Mapping[str, int]) -> str:
    """The server that the settings name, else ours."""
    server = workspace.tracking_uri.startswith(("http://", "https://"))
    return workspace.tracking_uri if server else launch.url(ports["mlflow"])


def _ports(workspace: Workspace) -> dict[str, int]:
    """Chosen once for a workspace, so that its addresses stay the same; anew only where another program took one."""
    path = workspace.folder(workspace.run) / "ports.json"
    if path.exists():
        kept = json.loads(path.read_text())
        if kept.keys() == PORTS.keys() and all(map(is_free, kept.values())):
            return kept
    ports = choose(PORTS)
    path.write_text(json.dumps(ports))
    return ports


def _temp_dir() -> str:
    """A folder of its own for this Ray, with a short name: paths of sockets have at most 107 bytes."""
    root = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="metrify-", dir=root if len(root) < 24 else "/tmp")


def _clear(workspace: Workspace, record: _Record) -> None:
    left = end(record.mark, list(record.processes.values()))
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise ServiceFailed("metrify down", f"processes {pids} do not end", workspace.run / "logs")
    _keep_logs(workspace, Path(record.temp_dir))
    shutil.rmtree(record.temp_dir, ignore_errors=True)
    address_file(workspace).unlink(missing_ok=True)
    _path(workspace).unlink(missing_ok=True)


def _keep_logs(workspace: Workspace, temp_dir: Path) -> None:
    """Ray's own logs of this time, in place of those of the last."""
    written, kept = temp_dir / "session_latest" / "logs", workspace.run / "logs" / "ray"
    if written.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(written, kept, ignore_dangling_symlinks=True)


def _path(workspace: Workspace) -> Path:
    return workspace.run / "services.json"


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One `up` or `down` of a workspace at a time; the lock ends with its process."""
    with (workspace.folder(workspace.run) / "services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
