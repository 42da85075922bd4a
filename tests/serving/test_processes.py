"""Real processes: detached, found by their mark, ended with all that they started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from metrify.serving.ports import free_ports, is_free
from metrify.serving.processes import Started, alive, end, marked, start

SLEEPER = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
ORPHANING = (
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True);"
    "print('up', flush=True); time.sleep(60)"
)


@pytest.fixture
def mark():
    made = uuid.uuid4().hex
    yield made
    for process in marked(made):
        process.kill()


def run(code: str, mark: str, folder: Path) -> Started:
    log = folder / "log"
    started = start([sys.executable, "-c", code], mark=mark, env=dict(os.environ), cwd=folder, log=log)
    deadline = time.monotonic() + 10
    while "print" in code and not log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    return started


def test_a_process_is_detached_and_ended(mark, tmp_path):
    started = run(SLEEPER, mark, tmp_path)
    assert alive(started)
    assert os.getsid(started.pid) == started.pid != os.getsid(0)
    assert [process.pid for process in marked(mark)] == [started.pid]
    assert end(mark, [started]) == []
    assert not alive(started)
    assert not psutil.pid_exists(started.pid)


def test_children_in_other_sessions_go_too_even_when_their_parent_was_killed(mark, tmp_path):
    started = run(ORPHANING, mark, tmp_path)
    assert len(marked(mark)) == 2
    os.kill(started.pid, 9)
    os.waitpid(started.pid, 0)
    (orphan,) = marked(mark)
    assert end(mark, [started], patience=0.2) == []
    assert orphan not in marked(mark)


def test_one_that_ignores_the_polite_signal_is_killed(mark, tmp_path):
    started = run(STUBBORN, mark, tmp_path)
    assert end(mark, [started], leave=0.2, patience=0.2) == []
    assert not alive(started)


def test_a_stranger_with_the_same_process_id_is_left_alone(mark):
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER])
    try:
        born = psutil.Process(stranger.pid).create_time()
        assert not alive(Started(stranger.pid, born - 100))  # the id was given away meanwhile
        assert end(mark, [Started(stranger.pid, born)]) == []  # not even then: it does not carry the mark
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_free_ports_are_different_and_free():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(map(is_free, ports))
