"""A kernel that was compiled once is loaded in any copy of its source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from metrify.kernels import KEPT

KERNEL = """
from numba import njit

@njit(cache=True)
def twice(x):
    return 2 * x + {addend}

twice(2)
print(sum(twice.stats.cache_hits.values()), sum(twice.stats.cache_misses.values()))
"""


def compiled(folder: Path, cache: Path, addend: int = 0) -> tuple[int, int]:
    """Hits and misses of numba's cache when a kernel runs in that folder."""
    folder.mkdir(exist_ok=True)
    (folder / "kernel.py").write_text(KERNEL.format(addend=addend))
    env = os.environ | KEPT | {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "kernel.py"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    hits, misses = done.stdout.split()
    return int(hits), int(misses)


def test_a_copy_of_the_source_finds_what_was_compiled(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert compiled(tmp_path / "one", cache) == (0, 1)
    assert compiled(tmp_path / "two", cache) == (1, 0)
    assert compiled(tmp_path / "three", cache, addend=1) == (0, 1)


def test_without_a_home_to_write_to_it_compiles_beside_the_source(tmp_path: Path) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("a file, not a folder")
    assert compiled(tmp_path / "one", blocked) == (0, 1)
    assert list((tmp_path / "one" / "__pycache__").glob("kernel*.nbi"))
