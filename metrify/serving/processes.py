"""Processes that outlive the command that started them, and how to end exactly those.

Each carries a mark in its environment, which every process that it starts inherits: so none is missed when its parent
died first, and no stranger is hit that got the same process id later.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Started", "alive", "end", "marked", "start"]

MARK = "METRIFY_SERVICES"


@dataclass(frozen=True)
class Started:
    """A process by its id and start time: the two together are not used again."""

    pid: int
    since: float
    """start time [s since 1970]"""


def start(command: Sequence[str], *, mark: str, env: Mapping[str, str], cwd: Path, log: Path) -> Started:
    """Start a command in a session of its own, detached from the terminal, writing to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**env, MARK: mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Started(process.pid, psutil.Process(process.pid).create_time())
    process.returncode = 0  # it is meant to live on: keeps Popen from warning that nobody waited for it
    return started


def alive(process: Started) -> bool:
    """Whether that very process still runs."""
    return _find(process) is not None


def marked(mark: str) -> list[psutil.Process]:
    """All living processes that carry the mark."""
    return [process for process in psutil.process_iter() if _carries(process, mark)]


def end(mark: str, leaders: Sequence[Started], *, leave: float = 20.0, patience: float = 4.0) -> list[psutil.Process]:
    """End every process that carries the mark: politely the leaders, who end their own, then whatever is left.

    `leave` [s] is what the leaders get for it, `patience` [s] what the others get per signal. Returns those that would
    not end.
    """

    def led() -> list[psutil.Process]:
        return [found for leader in leaders if (found := _find(leader)) and _carries(found, mark)]

    def left() -> list[psutil.Process]:
        return marked(mark)

    _signal(led(), signal.SIGTERM)
    _none(led, leave)
    gone = _none(left, patience)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
        if not gone:
            _signal(left(), number)
            gone = _none(left, patience)
    for leader in leaders:
        _reap(leader.pid)
    return left()


def _find(process: Started) -> psutil.Process | None:
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.since) < 0.01
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):  # it ended meanwhile, or is another user's
        return False


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _none(wanted: Callable[[], list[psutil.Process]], seconds: float) -> bool:
    """Wait until there are none."""
    deadline = time.monotonic() + seconds
    while wanted():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _reap(pid: int) -> None:
    """Collect a child of our own, which would stay behind as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
