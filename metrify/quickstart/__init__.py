"""The first contact from Python: the demo, from files to answers over HTTP."""

from metrify.quickstart.demo import Demo, demo

__all__ = ["Demo", "demo"]
