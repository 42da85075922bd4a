"""What the deployments of all tasks share: one model in memory, renewed beside the requests."""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from metrify.errors import MetrifyError, NoSuchModel
from metrify.serving.args import ServeArgs
from metrify.serving.columns import instant
from metrify.serving.refusals import Refusal, refusal, unavailable
from metrify.serving.source import Served, Source

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Member", "Rows"]

log = logging.getLogger("ray.serve")
Request = TypeVar("Request")


@dataclass(frozen=True)
class Rows:
    """What a member answers."""

    model: str
    """family and version"""
    unit: str | None
    frame: pd.DataFrame
    """rows of the task's table"""


class Member(ABC, Generic[Request]):
    """Answers in threads, so that the replica stays responsive; a watcher of its own follows registry and lake.

    It starts without a model too, where the registry has none yet, and answers from the first promotion on.
    """

    task: ClassVar[str]

    def __init__(self, source: Source, args: ServeArgs):
        self._source = source
        self._limits = args.limits
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(args.threads, thread_name_prefix=self.task)
        self._served: Served | None = None
        self._trouble: MetrifyError | None = None
        self.renew()  # Serve sends requests only after this: the model is loaded and warm
        self._watcher = threading.Thread(target=self._watch, args=(args.refresh_seconds,), daemon=True)
        self._watcher.start()

    @abstractmethod
    def ask(self, scorer: Any, request: Request) -> pd.DataFrame:
        """The scorer's answer to a request. Raises MetrifyError."""

    @abstractmethod
    def warm(self, scorer: Any) -> None:
        """Answer once, so that the first request does not wait for compilation. May raise MetrifyError."""

    async def answer(self, request: Request) -> Rows | Refusal:
        """Rows of the task's table, or why not."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, request)

    async def status(self) -> dict[str, Any]:
        """`messages.ServedModel`."""
        served, trouble = self._served, self._trouble
        about = {
            "task": self.task,
            "wanted": str(self._source.wanted),
            "ready": served is not None,
            "reason": str(trouble) if trouble else None,
        }
        if served is None:
            return about | {"absent": isinstance(trouble, NoSuchModel)}
        return {**about, "model": served.name, "unit": served.unit, **_knows(served.scorer), **served.facts}

    def check_health(self) -> None:
        """Serve calls it, and replaces the replica when it raises."""
        if not self._watcher.is_alive():
            raise RuntimeError("the watcher of registry and lake has ended")

    def stop(self) -> None:
        """Look for nothing new and take no request any more; what was begun comes to its end."""
        self._stopped.set()
        self._pool.shutdown(wait=False)

    def __del__(self) -> None:
        """Serve calls it when it takes a replica away."""
        self.stop()

    def renew(self) -> None:
        """Load the model that the registry names now, if it is another one, and else what is new in the lake."""
        try:
            wanted = self._source.current()
            if self._served is None or self._served.name != wanted:
                self._served = self._warm(self._source.load())
                log.info("Serving %s", wanted)
            else:
                self._served.scorer.refresh()
            self._trouble = None
        except MetrifyError as error:
            self._complain(error)

    def _watch(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            try:
                self.renew()
            except Exception as error:  # broad: whatever keeps the new from loading, the old goes on answering
                self._complain(MetrifyError(f"{type(error).__name__} while renewing; the log holds the cause"))
                log.exception("Could not renew the model or its data")

    def _complain(self, trouble: MetrifyError) -> None:
        if str(trouble) != str(self._trouble):  # once, not every few seconds
            log.warning(str(trouble))
        self._trouble = trouble

    def _warm(self, served: Served) -> Served:
        with suppress(MetrifyError):
            self.warm(served.scorer)
        return served

    def _answer(self, request: Request) -> Rows | Refusal:
        served = self._served
        if served is None:
            return unavailable(str(self._trouble), absent=isinstance(self._trouble, NoSuchModel))
        try:
            return Rows(served.name, served.unit, self.ask(served.scorer, request))
        except MetrifyError as error:
            return refusal(error)


def _knows(scorer: Any) -> Mapping[str, Any]:
    counts = {name: len(getattr(scorer, name)) for name in ("meters", "assets") if hasattr(scorer, name)}
    return {**counts, "lake_version": scorer.lake_version, "data_until": instant(scorer.until)}
