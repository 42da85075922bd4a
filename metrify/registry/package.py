"""A model folder as an MLflow model, on its way in and out."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from metrify.models.base import Model

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["fetch", "upload"]

ARTIFACT = "model"
"""where in a run's artifacts the MLflow model is"""
STATE = "state"
"""the folder that `Model.save` wrote, within the MLflow model"""


def upload(client: MlflowClient, run_id: str, model: Model) -> str:
    """Save the model as a pyfunc among the artifacts of the run; returns its address for a model version."""
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory() as scratch:
        state, package = Path(scratch, STATE), Path(scratch, ARTIFACT)
        model.save(state)
        mlflow.pyfunc.save_model(
            package,
            loader_module="metrify.registry.pyfunc",
            data_path=str(state),
            # explicit, or MLflow loads the model in a new process to find out; metrify's own requirements name the rest
            pip_requirements=[f"metrify=={version('metrify')}", f"mlflow=={version('mlflow')}"],
        )
        client.log_artifacts(run_id, str(package), ARTIFACT)
    return f"runs:/{run_id}/{ARTIFACT}"


def fetch(client: MlflowClient, run_id: str, folder: Path) -> Path:
    """The folder that `Model.save` wrote, brought once to `folder`; many processes may ask at the same time."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as scratch:
        found = Path(client.download_artifacts(run_id, f"{ARTIFACT}/data/{STATE}", scratch))
        try:
            found.rename(folder)
        except OSError:  # another process was quicker; what it brought is the same
            if not folder.exists():
                raise
    return folder
