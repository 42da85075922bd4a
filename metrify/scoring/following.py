"""Keep something of the lake in memory, and follow the versions of the tables that it comes from."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from metrify.lake.tables import Lake
from metrify.schema import Table
from metrify.settings import Workspace

__all__ = ["Following", "Held"]


class Held(Protocol):
    """What is held of the lake: replaced as a whole, so that an answer never sees half a refresh."""

    @property
    def versions(self) -> tuple[int, ...]: ...
    @property
    def until(self) -> np.datetime64 | None: ...


Kept = TypeVar("Kept", bound=Held)


class Following(ABC, Generic[Kept]):
    """Holds what `_load` makes of the lake, and loads it again where a watched table changed. Safe to use in threads.

    Subclasses set what `_load` needs before they call `__init__`, which loads for the first time.
    """

    def __init__(self, workspace: Workspace, watched: Sequence[Table]):
        """`watched` are the tables whose changes can change an answer, the leading one first."""
        self._lake = Lake(workspace)
        self._watched = tuple(watched)
        self._refreshing = threading.Lock()
        self._memory = self._load(self._versions())

    @property
    def memory(self) -> Kept:
        """What is held now: take it once an answer."""
        return self._memory

    @property
    def until(self) -> np.datetime64 | None:
        """End of what is in memory, UTC; None where the lake knows nothing."""
        return self._memory.until

    @property
    def lake_version(self) -> int:
        """Version of the leading table that is in memory."""
        return self._memory.versions[0]

    def refresh(self) -> bool:
        """Load what is new in the lake; True when there was something. Cheap when there was not."""
        with self._refreshing:
            versions = self._versions()
            if versions == self._memory.versions:
                return False
            self._memory = self._load(versions)
            return True

    @abstractmethod
    def _load(self, versions: tuple[int, ...]) -> Kept:
        """What to hold of the lake, which is at these versions of the watched tables or later."""

    def _versions(self) -> tuple[int, ...]:
        return tuple(self._lake.version(table) for table in self._watched)
