"""What a verb shows: progress on stderr, the result on stdout, for people or as one JSON object."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TextIO

from metrify.errors import MetrifyError

if TYPE_CHECKING:
    from metrify.settings import Workspace

__all__ = ["Console", "Meter", "table"]

_FILE_WIDTH = 132
"""Columns of a table that goes to a file or a pipe."""
_LINES_APART = 3.0
"""How often a job's log, or whatever else is no terminal, gets a line of progress [s]."""
Meter = Callable[..., None]
"""meter(done, of=None, text=None): how far a step is"""


@dataclass
class Console:
    """Where a verb reads its workspace and writes its answer."""

    home: str | None
    as_json: bool
    out: TextIO = field(default_factory=lambda: sys.stdout)
    """where answers go"""

    @property
    def workspace(self) -> Workspace:
        """The workspace of the options, opened now; a slip in its settings is told before any work begins."""
        from metrify.settings import Workspace

        workspace = Workspace.open(self.home)
        _ = workspace.settings
        return workspace

    def show(self, answer: Any, lines: Sequence[Any] = ()) -> None:
        """Print the answer (a report or a dict) as JSON, or `lines` (text or Rich tables) for people."""
        if self.as_json:
            print(json.dumps(_plain(answer), allow_nan=False), file=self.out)
            return
        from rich.console import Console as Rich

        rich = Rich(file=self.out, width=None if self.out.isatty() else _FILE_WIDTH)
        for line in lines:
            rich.print(line)

    def error(self, error: MetrifyError) -> None:
        """Say what went wrong: on stderr for people, on stdout as JSON for programs."""
        if self.as_json:
            print(json.dumps({"error": type(error).__name__, "message": str(error)}), file=self.out)
            return
        from rich.console import Console as Rich
        from rich.markup import escape

        Rich(stderr=True).print(f"[bold red]{type(error).__name__}[/] {escape(str(error))}")

    def warn(self, text: str) -> None:
        """Say on stderr what did not work out beside the answer."""
        print(f"Warning: {text}", file=sys.stderr)

    @contextmanager
    def progress(self, title: str) -> Iterator[Meter]:
        """A bar on stderr for a step that takes seconds; a line every few seconds where stderr is no terminal."""
        if not sys.stderr.isatty():
            lines = _Lines(title)
            lines.tell()
            yield lines
            lines.tell()
            return
        from rich.console import Console as Rich
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}"),
            console=Rich(stderr=True),
        )
        with bar:
            task = bar.add_task(title, total=None, text="")

            def meter(done: int | None = None, of: int | None = None, text: str = "") -> None:
                bar.update(task, completed=done, total=of, text=text)

            yield meter


@dataclass
class _Lines:
    """A meter for logs: plain lines, the first at once, the others at least `_LINES_APART` seconds apart."""

    title: str
    now: Callable[[], float] = time.monotonic
    _begun: float = field(init=False)
    _told: float = field(init=False)
    _news: str = ""

    def __post_init__(self) -> None:
        self._begun = self._told = self.now()

    def __call__(self, done: int | None = None, of: int | None = None, text: str = "") -> None:
        count = "" if done is None else f"{done:,}" if of is None else f"{done:,} of {of:,}"
        self._news = " ".join(filter(None, (count, text)))
        if self.now() - self._told >= _LINES_APART:
            self.tell()

    def tell(self) -> None:
        """How far the step is, now."""
        self._told = self.now()
        news = f" {self._news}" if self._news else ""
        print(f"{self.title}{news} ({self._told - self._begun:.0f} s)", file=sys.stderr, flush=True)


def _plain(value: Any) -> Any:
    """As strict JSON takes it: a report is its fields, no number is null, what JSON has no word for is its text."""
    if dataclasses.is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Integral):  # numpy's too
        return value if isinstance(value, bool) else int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """A Rich table; numbers stand to the right."""
    from rich.table import Table

    shown = Table(title=title, title_justify="left", header_style="bold")
    for place, column in enumerate(columns):
        numeric = all(isinstance(row[place], (int, float)) for row in rows)
        shown.add_column(column, justify="right" if numeric else "left", no_wrap=place == 0)
    for row in rows:
        shown.add_row(*(_cell(value) for value in row))
    return shown


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
