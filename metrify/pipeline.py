"""A chain of verbs that goes on where it was ended: every finished step is on record, with what it was made from."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import socket
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from metrify.errors import BadValue, EmptyTable, MetrifyError, PipelineBusy, UnknownKeys, UnreadableFile
from metrify.lake.tables import Lake
from metrify.schema import ASSET, EVENT, GRID, HOLIDAY, METER, READING, SOLAR, TABLES, TARIFF, WEATHER
from metrify.settings import Workspace

__all__ = ["PipelineReport", "Step", "StepReport", "built_in", "read", "run"]

Step = Sequence[str]
"""A verb of the command line with its words, such as ("train", "forecasting/lightgbm", "--promote")"""

SOURCES = (READING, METER, ASSET, EVENT, WEATHER, GRID, SOLAR, TARIFF, HOLIDAY)
"""What steps are made from; all other tables are made from these."""
FILLING = {"ingest", "simulate"}
"""Verbs that fill SOURCES: they depend on their files and words only."""
TAUGHT = {
    "forecasting": ("forecasting/lightgbm",),
    "anomaly": ("anomaly/zscore", "anomaly/isolation_forest"),
    "quality": ("quality/score", "quality/imputer"),
    "maintenance": ("maintenance/failure",),
}
"""The families of each task that the built-in chain trains; of those that answer alike the last one leads."""
AFTERWARDS = {"quality": (("impute",),)}
"""Verbs that use what a task has learned."""


@dataclass(frozen=True)
class StepReport:
    """What became of one step."""

    step: str
    state: Literal["done", "skipped", "failed", "not run"]
    seconds: float = 0.0
    """of this run"""
    done_at: str | None = None
    """UTC; that of an earlier run where the step was skipped"""
    answer: Any = None
    """the step's own report, as its verb gives it with --json"""


@dataclass(frozen=True)
class PipelineReport:
    """What became of the chain."""

    steps: list[StepReport]
    seconds: float
    failure: MetrifyError | None = None
    """what ended the chain early"""


@dataclass(frozen=True)
class _Done:
    """A finished step on record."""

    words: list[str]
    asked: str
    """hash of the words, the files that they name, and the settings"""
    found: dict[str, int]
    """versions of SOURCES when it began"""
    left: dict[str, int]
    """versions of all tables when it ended"""
    seconds: float
    done_at: str
    answer: Any


def read(path: Path) -> list[Step]:
    """The chain in a TOML file: `steps`, each a line as a shell takes it, or a list of words.

    Wildcards among the files of an ingest are expanded. Raises UnreadableFile, UnknownKeys, BadValue.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(path, "a TOML pipeline", error) from error
    if unknown := content.keys() - {"steps"}:
        raise UnknownKeys(str(path), unknown, ["steps"])
    steps = content.get("steps")
    if not isinstance(steps, list) or not steps:
        raise BadValue(f"{path}: steps", 'a list of verbs, such as ["vee", "features build"]', steps)
    return [_words(step, f"{path}: step {number}") for number, step in enumerate(steps, 1)]


def _words(step: Any, where: str) -> list[str]:
    try:
        words = shlex.split(step) if isinstance(step, str) else step
    except ValueError as error:  # a quotation that does not end
        raise BadValue(where, "words as a shell takes them", step) from error
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise BadValue(where, "a verb with its words, as a line or as a list of texts", step)
    return [found for word in words for found in _files(word)] if words[0] == "ingest" else words


def _files(word: str) -> list[str]:
    """What a wildcard stands for, in order; the word itself where it is none or nothing matches."""
    if not any(sign in word for sign in "*?["):
        return [word]
    pattern = Path(word).expanduser()
    return sorted(map(str, Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))) or [word]


def built_in(workspace: Workspace) -> list[Step]:
    """The chain for what the lake holds: validate, build features, train and score each task that has data, impute.

    Raises EmptyTable when there is nothing to work on.
    """
    lake = Lake(workspace)
    readings = lake.count(READING) > 0
    tasks = ["forecasting", "anomaly", "quality"] if readings else []
    if lake.count(ASSET) and lake.count(EVENT):
        tasks.append("maintenance")
    if not tasks:
        raise EmptyTable(READING.name, "Load readings with `metrify ingest readings FILE`, or make some: `simulate`.")
    made = [("vee",), ("features", "build")] if readings else []
    taught = [
        [*(("train", family, "--promote") for family in TAUGHT[task]), ("score", task), *AFTERWARDS.get(task, ())]
        for task in tasks
    ]
    return [*made, *chain.from_iterable(taught)]


def run(
    workspace: Workspace,
    steps: Sequence[Step],
    *,
    run_step: Callable[[Step], Any],
    progress: Callable[[str], None] = lambda _: None,
    fresh: bool = False,
) -> PipelineReport:
    """Do the steps in order, from the first on that is not done yet or was made from something else.

    A step is done when it finished with the same words, files and settings as the same step of the last chain of this
    workspace, nothing has changed in SOURCES since, and no table was lost. `run_step(words)` does one and returns its
    answer, which JSON must be able to hold; a MetrifyError that it raises ends the chain and is the report's `failure`.
    `fresh` forgets what is done, as after an upgrade of Metrify. Raises PipelineBusy, and UnreadableFile for a damaged
    record.
    """
    started = time.perf_counter()
    with _alone(workspace):
        journal = _Journal(workspace, fresh)
        reports = [_skipped(done, progress) for done in journal.standing(steps)]
        failure = None
        while failure is None and len(reports) < len(steps):
            words = steps[len(reports)]
            progress(f"{shlex.join(words)}: step {len(reports) + 1} of {len(steps)}")
            report, failure = _attempt(journal, len(reports), words, run_step)
            progress(f"{report.step}: {report.state}, {report.seconds:.1f} s")
            reports.append(report)
        reports += [StepReport(shlex.join(words), "not run") for words in steps[len(reports) :]]
    return PipelineReport(reports, time.perf_counter() - started, failure)


def _skipped(done: _Done, progress: Callable[[str], None]) -> StepReport:
    step = shlex.join(done.words)
    progress(f"{step}: skipped, done at {done.done_at}")
    return StepReport(step, "skipped", 0.0, done.done_at, done.answer)


def _attempt(
    journal: _Journal, place: int, words: Step, run_step: Callable[[Step], Any]
) -> tuple[StepReport, MetrifyError | None]:
    step, begun = shlex.join(words), time.perf_counter()
    try:
        done = journal.carry_out(place, words, run_step)
    except MetrifyError as error:
        return StepReport(step, "failed", time.perf_counter() - begun), error
    return StepReport(step, "done", done.seconds, done.done_at, done.answer), None


class _Journal:
    """The finished steps of the last chain, in order: checkpoints/pipeline/done.json."""

    def __init__(self, workspace: Workspace, fresh: bool):
        self._path = _folder(workspace) / "done.json"
        self._lake = Lake(workspace)
        registry = workspace.tracking_uri.replace(str(workspace.home), "")  # a workspace that moved is the same one
        self._around = [workspace.settings.model_dump_json(), registry]
        self._done = [] if fresh else self._read()

    def standing(self, steps: Sequence[Step]) -> list[_Done]:
        """The records of the steps at the front that need not be done again."""
        kept: list[_Done] = []
        now = self._versions()
        changed = self._last_change(_sources(now))
        for place, (words, done) in enumerate(zip(steps, self._done, strict=False)):
            seen = words[0] in FILLING or place > changed
            lost = any(now.get(name, -1) < held for name, held in done.left.items())
            if lost or not seen or done.asked != self._asked(words):
                break
            kept.append(done)
        return kept

    def _last_change(self, now: Mapping[str, int]) -> int:
        """The last step during or after which somebody else changed SOURCES: what was made up to it has not seen it."""
        after = [*(done.found for done in self._done[1:]), now]
        for place in reversed(range(len(self._done))):
            done = self._done[place]
            left = {name: done.left.get(name, -1) for name in done.found}
            if left != after[place] or (done.words[0] not in FILLING and left != done.found):
                return place
        return -1

    def carry_out(self, place: int, words: Step, run_step: Callable[[Step], Any]) -> _Done:
        """Do a step and put it on record. What stood there and after it is off the record before the step begins."""
        self._write(self._done[:place])
        found, asked, started = _sources(self._versions()), self._asked(words), time.perf_counter()
        answer = run_step(words)
        seconds, ended = time.perf_counter() - started, datetime.now(UTC).isoformat(timespec="seconds")
        done = _Done(list(words), asked, found, self._versions(), seconds, ended, answer)
        self._write([*self._done, done])
        return done

    def _asked(self, words: Step) -> str:
        """Hash of what a step is asked for. A file counts by its content: each job runs in a fresh copy of a folder."""
        files = [_digest(Path(word.rpartition("=")[2])) for word in words]
        return hashlib.sha256(json.dumps([list(words), files, self._around]).encode()).hexdigest()

    def _versions(self) -> dict[str, int]:
        return {name: self._lake.version(table) for name, table in TABLES.items()}

    def _read(self) -> list[_Done]:
        if not self._path.exists():
            return []
        try:
            return [_Done(**found) for found in json.loads(self._path.read_text())]
        except (OSError, ValueError, TypeError) as error:
            raise UnreadableFile(self._path, "the record of a pipeline (--fresh does without)", error) from error

    def _write(self, done: list[_Done]) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps([asdict(one) for one in done]))
        draft.replace(self._path)
        self._done = done


def _sources(versions: Mapping[str, int]) -> dict[str, int]:
    return {table.name: versions[table.name] for table in SOURCES}


def _digest(path: Path) -> str | None:
    """Of a file's content; None for what is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(workspace: Workspace) -> Path:
    return workspace.folder(workspace.checkpoints / "pipeline")


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One pipeline of a workspace at a time; the lock ends with its process, however that ends. Raises PipelineBusy."""
    with (_folder(workspace) / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise PipelineBusy(workspace.home, lock.read()) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        lock.flush()
        yield
