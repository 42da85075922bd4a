"""The way to MLflow: quiet, without telemetry, and with an end to waiting when nobody answers."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from metrify.errors import RegistryError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["answering", "connect", "is_server"]

PATIENCE = 5.0
"""How long a registry may take to say that it is there [s]."""

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's 7 retries with backoff take about 4 minutes
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
CHATTY = ("alembic", "mlflow")


def connect(uri: str) -> MlflowClient:
    """A client of the registry at `uri`; an SQLite file is made where there is none (MLflow takes seconds for that).

    Raises RegistryError when nobody answers.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    _probe(uri)
    from mlflow import MlflowClient  # after the defaults: MLflow looks for its telemetry switch when imported

    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    with answering(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def is_server(uri: str) -> bool:
    """Whether `uri` is an MLflow server, which keeps artifacts itself, rather than its database."""
    return urlsplit(uri).scheme in ("http", "https")


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turn MLflow's errors into RegistryError. Its own code for what is missing is kept as `code` in the cause."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise RegistryError(f"The registry at {_shown(uri)} refused: {_first_line(error)}") from error


def _probe(uri: str) -> None:
    """Ask whether anybody is there, because MLflow itself tries for minutes."""
    if is_server(uri):
        _probe_server(uri)
    elif uri.startswith("sqlite:"):
        _probe_file(uri)
    else:
        _probe_port(uri)


def _probe_server(uri: str) -> None:
    import httpx

    try:
        httpx.get(f"{uri.rstrip('/')}/health", timeout=PATIENCE)  # any answer will do: not every server knows the path
    except httpx.HTTPError as error:
        raise _silent(uri, error) from error


def _probe_file(uri: str) -> None:
    path = Path(uri.removeprefix("sqlite:///"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
            database.execute("PRAGMA schema_version")
    except (OSError, sqlite3.Error) as error:
        raise _silent(uri, error) from error


def _probe_port(uri: str) -> None:
    address = urlsplit(uri)
    if not address.hostname or not address.port:
        return
    try:
        socket.create_connection((address.hostname, address.port), PATIENCE).close()
    except OSError as error:
        raise _silent(uri, error) from error


def _silent(uri: str, error: Exception) -> RegistryError:
    return RegistryError(
        f"The registry at {_shown(uri)} does not answer: {error}. Check that it runs, and MLFLOW_TRACKING_URI or "
        "registry.tracking_uri in settings.toml; without both the workspace keeps its own."
    )


def _shown(uri: str) -> str:
    """Without the password."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":***@") if password else uri


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
