"""Wall time, CPU time and memory of a piece of work, with all processes that do it."""

from __future__ import annotations

import threading
import time

import psutil

__all__ = ["Watch"]


class Watch:
    """Wall and CPU time, and peak memory of this process and all below it."""

    def __enter__(self) -> Watch:
        self.peak, self._seen, self._done = 0.0, {}, threading.Event()
        self._cpu = self._total()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._started
        self.cpu = self._total() - self._cpu
        self._done.set()
        self._thread.join()

    def _family(self) -> list[psutil.Process]:
        """This process, its children, and the workers that Ray started (whose parent is its raylet)."""
        return [psutil.Process(), *psutil.Process().children(recursive=True)]

    def _total(self) -> float:
        """CPU seconds of all processes seen so far, also of those that have ended since."""
        for process in self._family():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            self._seen[process.pid] = times.user + times.system
        return sum(self._seen.values())

    def _sample(self) -> None:
        while not self._done.wait(0.25):
            memory = 0
            self._total()
            for process in self._family():
                try:
                    memory += process.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            self.peak = max(self.peak, memory / 1e9)

    def facts(self, name: str) -> dict[str, float | str]:
        return {"who": name, "wall_s": self.wall, "cpu_s": self.cpu, "peak_gb": self.peak}
