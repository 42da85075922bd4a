"""How the demo goes: its stages, timed and told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from metrify.report import Stage

__all__ = ["Log", "Say", "Tell"]

Tell = Callable[[str, str], None]
"""tell(stage, text): what is happening now; an empty stage name closes the one before with its result"""
Say = Callable[[str], None]


@dataclass
class Log:
    """Times the stages and tells how they go."""

    tell: Tell
    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Say]:
        """Yields a function that says how far the stage is; its last text is the stage's result."""
        started = time.perf_counter()
        said = [""]

        def say(text: str) -> None:
            said[0] = text
            self.tell(name, text)

        self.tell(name, "")
        yield say
        self.stages.append(Stage(name, time.perf_counter() - started, said[0]))
        self.tell("", f"{name}: {said[0]} ({self.stages[-1].seconds:.1f} s)")
