"""Models and experiments in MLflow. Nothing else in the project knows MLflow."""

from metrify.registry.lineage import Lineage
from metrify.registry.registry import Registry
from metrify.registry.runs import Run
from metrify.registry.version import Version

__all__ = ["Lineage", "Registry", "Run", "Version"]
