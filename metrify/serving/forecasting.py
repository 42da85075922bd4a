"""The deployment that forecasts: one model in memory, renewed beside the requests."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np

from metrify.errors import MetrifyError
from metrify.scoring.forecast import RequestHistory
from metrify.serving.columns import by_meter, instant
from metrify.serving.messages import ForecastRequest, History
from metrify.serving.refusals import Refusal, refusal, unavailable
from metrify.serving.source import Served, Source

__all__ = ["Forecasting"]

log = logging.getLogger("ray.serve")


class Forecasting:
    """Answers in threads, so that the replica stays responsive; a watcher of its own follows registry and lake.

    It starts without a model too, where the registry has none yet, and answers from the first promotion on.
    """

    def __init__(self, source: Source, threads: int, refresh_seconds: float):
        self._source = source
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="forecast")
        self._served: Served | None = None
        self._trouble = ""
        self.renew()  # Serve sends requests only after this: the model is loaded and warm
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(refresh_seconds,), daemon=True)
        self._watcher.start()

    async def answer(self, request: ForecastRequest) -> list[dict[str, Any]] | Refusal:
        """`messages.MeterForecast` of each meter in the order of the request, or why not."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, request)

    async def status(self) -> dict[str, Any]:
        """`messages.ServedModel`."""
        served, trouble = self._served, self._trouble or None
        if served is None:
            return {"task": "forecasting", "ready": False, "reason": trouble}
        forecaster = served.forecaster
        return {
            "task": "forecasting",
            "ready": True,
            "reason": trouble,
            "model": served.name,
            "unit": served.unit,
            "meters": len(forecaster.meters),
            "lake_version": forecaster.lake_version,
            "data_until": instant(forecaster.until),
            **served.facts,
        }

    def check_health(self) -> None:
        """Serve calls it, and replaces the replica when it raises."""
        if not self._watcher.is_alive():
            raise RuntimeError("the watcher of registry and lake has ended")

    def stop(self) -> None:
        """Look for nothing new any more."""
        self._stopped.set()
        self._watcher.join()

    def renew(self) -> None:
        """Load the model that the registry names now, if it is another one, and else what is new in the lake."""
        try:
            wanted = self._source.current()
            if self._served is None or self._served.name != wanted:
                self._served = _warm(self._source.load())
                log.info("Serving %s", wanted)
            else:
                self._served.forecaster.refresh()
            self._trouble = ""
        except MetrifyError as error:
            self._complain(str(error))

    def _watch(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            try:
                self.renew()
            except Exception as error:  # broad: whatever keeps the new from loading, the old goes on answering
                self._complain(f"{type(error).__name__} while renewing; the log holds the cause")
                log.exception("Could not renew the model or its readings")

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:  # once, not every few seconds
            log.warning(trouble)
        self._trouble = trouble

    def _answer(self, request: ForecastRequest) -> list[dict[str, Any]] | Refusal:
        served = self._served
        if served is None:
            return unavailable(self._trouble)
        issue = None if request.issue_time is None else np.datetime64(request.issue_time.replace(tzinfo=None), "s")
        history = {given.meter_id: _history(given) for given in request.history}
        try:
            rows = served.forecaster.answer(
                request.meters, issue, request.horizon, history=history, allow_fallback=request.allow_fallback
            )
        except MetrifyError as error:
            return refusal(error)
        answers = by_meter(rows, served.unit)
        return [answers[meter] for meter in request.meters]


def _history(given: History) -> RequestHistory:
    return RequestHistory(np.datetime64(given.start.replace(tzinfo=None), "s"), given.interval_minutes, given.kwh)


def _warm(served: Served) -> Served:
    """Answer once, so that the first request does not wait for compilation."""
    for meter in sorted(served.forecaster.meters)[:1]:
        with suppress(MetrifyError):
            served.forecaster.answer([meter])
    return served
