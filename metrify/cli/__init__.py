"""The command `metrify`: a verb per job. What is heavy is imported inside the verb, so that --help answers at once."""

from metrify.cli.door import main

__all__ = ["main"]
