"""Compiled kernels by the content of their source: a copy of it, such as each job runs in, need not compile again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from numba.core.caching import UserWideCacheLocator

__all__ = ["ByContent"]


class ByContent(UserWideCacheLocator):
    """Like numba's own cache of a user, but for the place of the source: only what is written in it counts."""

    def __init__(self, py_func: Callable, py_file: str):
        super().__init__(py_func, py_file)
        content = hashlib.sha256(Path(py_file).read_bytes()).hexdigest()
        self._cache_path = str(Path(self._cache_path).parent / f"{Path(py_file).stem}_{content}")
