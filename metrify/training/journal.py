"""The memory of a search in its folder: what it is a search of, one file per ended trial, and how it ended.

Tune's own snapshots lag behind by seconds, so after a kill they would have trials repeated. A file per trial, written
when it ends, loses nothing, and lets a later call ask for more trials or more time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from metrify.errors import BadValue, UnreadableFile
from metrify.models.base import Batch

__all__ = ["Ending", "Journal", "State", "TrialRow", "fingerprint"]

SAMPLED = 5_000
"""rows that stand for a table of training data when two of them are compared"""

State = Literal["finished", "stopped", "failed", "out of time"]
Ending = Literal["trials", "seconds"]
"""which of the two a search used up"""


@dataclass(frozen=True)
class TrialRow:
    """How one trial ended."""

    trial: int
    """in the order in which they were proposed; 0 is the family's defaults"""
    state: State
    """finished: judged on all of `valid`; stopped: early, for its reports; failed; out of time"""
    point: dict[str, float]
    metrics: dict[str, float] = field(default_factory=dict)
    """of the last report"""
    reports: int = 0
    seconds: float = 0.0
    error: str = ""


class Journal:
    """The files of one search."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.tune = folder / "tune"
        """where Ray Tune keeps its own results, one folder per call"""

    def open(self, facts: Mapping[str, Any], *, resume: bool) -> None:
        """Make or continue the search that `facts` describe. Raises BadValue if the folder holds another."""
        if not resume:
            for path in (self.folder / "trials", self.tune):
                shutil.rmtree(path, ignore_errors=True)
            for path in (self.folder / "search.json", self.folder / "end.json"):
                path.unlink(missing_ok=True)
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        self.tune.mkdir(exist_ok=True)
        wanted = json.loads(json.dumps(facts))
        found = _read(self.folder / "search.json")
        if found is None:
            _write(self.folder / "search.json", wanted)
        elif found != wanted:
            differing = [name for name in wanted if found.get(name) != wanted[name]]
            described = {name: found.get(name) for name in differing}
            raise BadValue(
                f"search folder {self.folder}",
                f"an empty one, or one of the same search: {', '.join(differing)} differ; search with --fresh "
                "(in Python resume=False) or in another folder",
                described,
            )

    def rows(self) -> list[TrialRow]:
        """Every ended trial, in the order in which they were proposed."""
        found = (_read(path) for path in sorted((self.folder / "trials").glob("*.json")))
        return [TrialRow(**row) for row in found if row]

    def write(self, row: TrialRow) -> None:
        _write(self._trial(row.trial), asdict(row))

    def _trial(self, number: int) -> Path:
        return self.folder / "trials" / f"{number:05d}.json"

    def ended(self, trials: int, seconds: float) -> Ending | None:
        """What is used up of so many trials in all, and of so many seconds for a call; None where there is more to do.

        A trial that ran out of time is none of them: with more seconds it may come through.
        """
        if sum(row.state != "out of time" for row in self.rows()) >= trials:
            return "trials"
        end = _read(self.folder / "end.json")
        return "seconds" if end and end["trials"] >= trials and end["seconds"] >= seconds else None

    def end(self, trials: int, seconds: float) -> None:
        """A call ended that was allowed so much."""
        _write(self.folder / "end.json", {"trials": trials, "seconds": seconds})

    def go_on(self) -> None:
        """Before further trials run: those that ran out of time are to be tried again."""
        for row in self.rows():
            if row.state == "out of time":
                self._trial(row.trial).unlink()


def fingerprint(batch: Batch) -> str:
    """Tells one batch from another by the shape, the columns and evenly spread rows; the same in every process."""
    rows = batch.rows
    digest = hashlib.sha256(json.dumps([len(rows), list(map(str, rows.columns))]).encode())
    some = rows.iloc[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLED)).astype(int)]
    digest.update(pd.util.hash_pandas_object(some, index=False).to_numpy().tobytes())
    if batch.history is not None:
        digest.update(np.nan_to_num(batch.history.values).sum(axis=0, dtype=np.float64).tobytes())
    return digest.hexdigest()[:16]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text()) if path.exists() else None
    except (OSError, json.JSONDecodeError) as error:
        raise UnreadableFile(path, "a file of a search", error) from error


def _write(path: Path, content: Any) -> None:
    """Whole or not at all, whenever the process is killed."""
    draft = path.with_suffix(".draft")
    with draft.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
