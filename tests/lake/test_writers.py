"""Writers that race, and writers that die: real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from metrify.lake.tables import Lake
from metrify.schema import READING, READING_HISTORY
from metrify.settings import Workspace
from tests.lake.rows import history, reading, readings, state

ROUNDS, ROWS = 3, 120

RACE = """
import sys
from metrify.lake.tables import Lake
from metrify.schema import READING
from metrify.settings import Workspace
from tests.lake.test_writers import loads
from tests.lake.rows import reading, readings
lake = Lake(Workspace.open(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for load in loads(int(sys.argv[2])):
    lake.upsert(READING, readings([reading(*row) for row in load]))
"""

DEATH = """
import os, signal, sys
from metrify.lake.tables import Lake
from metrify.schema import READING
from metrify.settings import Workspace
from tests.lake.rows import reading, readings

class Dying(Lake):
    @staticmethod
    def _merge(delta, table, rows):
        if table is READING:
            os.kill(os.getpid(), signal.SIGKILL)
        Lake._merge(delta, table, rows)

Dying(Workspace.open(sys.argv[1])).upsert(READING, readings([reading("a", 0, 2.0, 2), reading("b", 0, 1.0, 1)]))
"""


def loads(seed: int) -> list[list[tuple[str, int, float, int]]]:
    """What a racing writer upserts: (meter, hour, kwh, version); kwh follows from the rest, so no two contradict."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers([0, 0, 1], [8, 40, 4], (ROUNDS, ROWS, 3))
    return [[(f"m{m}", int(h), float(m + h + 1000 * v), int(v)) for m, h, v in load] for load in drawn]


def _start(script: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_writers_at_once_lose_and_double_nothing(workspace: Workspace) -> None:
    writers = [_start(RACE, workspace.home, seed) for seed in (1, 2)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    versions: dict[tuple[str, int], set[int]] = {}
    for meter, hour, _, version in (row for seed in (1, 2) for load in loads(seed) for row in load):
        versions.setdefault((meter, hour), set()).add(version)
    lake = Lake(workspace)
    assert {key: version for key, (_, version) in state(lake).items()} == {k: max(v) for k, v in versions.items()}
    older = sorted((meter, hour, v) for (meter, hour), all_of in versions.items() for v in all_of - {max(all_of)})
    assert sorted((meter, hour, version) for meter, hour, _, version in history(lake)) == older


def test_a_writer_killed_between_history_and_table_leaves_what_a_rerun_repairs(workspace: Workspace) -> None:
    lake = Lake(workspace)
    lake.upsert(READING, readings([reading("a", 0, 1.0, 1)]))
    before = lake.version(READING)
    died = _start(DEATH, workspace.home)
    died.communicate(timeout=60)
    assert died.returncode == -9
    assert lake.version(READING) == before
    assert state(lake) == {("a", 0): (1.0, 1)}
    assert history(lake) == [("a", 0, 1.0, 1)]  # early, but not wrong
    written = lake.upsert(READING, readings([reading("a", 0, 2.0, 2), reading("b", 0, 1.0, 1)]))
    assert (written.inserted, written.updated) == (1, 1)
    assert state(lake) == {("a", 0): (2.0, 2), ("b", 0): (1.0, 1)}
    assert history(lake) == [("a", 0, 1.0, 1)]
    assert lake.version(READING_HISTORY) == 1
