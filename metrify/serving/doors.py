"""Where a person finds what `metrify up` runs for a workspace, and the commands that start and end it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from metrify.serving import services
from metrify.settings import Workspace

__all__ = ["RUNNING", "Door", "doors", "verb"]

RUNNING = "running"


@dataclass(frozen=True)
class Door:
    """One page to open in a browser."""

    name: str
    address: str
    how: str
    """RUNNING, else the command that starts it"""


def doors(workspace: Workspace) -> list[Door]:
    """API docs, MLflow and dashboard: where they are, or will be once they are started."""
    at, start = services.addresses(workspace), verb(workspace, "up")
    running = {service.name for service in services.status(workspace) if service.state == "running"}
    how = {name: RUNNING if name in running else start for name in at}
    return [
        Door("API docs", f"{at['graph']}/docs", how["graph"]),
        Door("MLflow UI", at["mlflow"], how["mlflow"]),
        Door("Ray dashboard", at["dashboard"], how["dashboard"]),
    ]


def verb(workspace: Workspace, name: str) -> str:
    """The command line of `up` or `down` for this workspace, as a person types it here."""
    if workspace.home == Path(".metrify").resolve():
        return f"make {name}" if Path("Makefile").is_file() else f"metrify {name}"
    return f"metrify --home {shlex.quote(str(workspace.home))} {name}"
