"""What a verb shows: progress on stderr, the result on stdout, for people or as one JSON object."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metrify.errors import MetrifyError

if TYPE_CHECKING:
    from metrify.settings import Workspace

__all__ = ["Console", "Meter", "table"]

_FILE_WIDTH = 132
"""Columns of a table that goes to a file or a pipe."""
Meter = Callable[..., None]
"""meter(done, of=None, text=None): how far a step is"""


@dataclass
class Console:
    """Where a verb reads its workspace and writes its answer."""

    home: str | None
    as_json: bool

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
            print(json.dumps(answer, default=_plain))
            return
        from rich.console import Console as Rich

        rich = Rich(width=None if sys.stdout.isatty() else _FILE_WIDTH)
        for line in lines:
            rich.print(line)

    def error(self, error: MetrifyError) -> None:
        """Say what went wrong: on stderr for people, on stdout as JSON for programs."""
        if self.as_json:
            print(json.dumps({"error": type(error).__name__, "message": str(error)}))
            return
        from rich.console import Console as Rich
        from rich.markup import escape

        Rich(stderr=True).print(f"[bold red]{type(error).__name__}[/] {escape(str(error))}")

    @contextmanager
    def progress(self, title: str) -> Iterator[Meter]:
        """A bar on stderr for a step that takes seconds; lines instead of a bar where stderr is no terminal."""
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


def _plain(value: Any) -> Any:
    """What JSON has no word for: a report is its fields, anything else its text."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


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
