"""The verb for a whole chain: each step is a verb of its own, in a process of its own.

A process of its own gives its memory back, whatever its libraries keep; it joins Ray as one driver that the dashboard
shows; and the chain outlives a step that the kernel kills.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrify import errors
from metrify.cli.console import Console, table
from metrify.errors import BadValue, InputError, MetrifyError, NoData, NoSuchModel, StepFailed, UnknownName

if TYPE_CHECKING:
    from metrify.pipeline import PipelineReport, Step

__all__ = ["register"]

APART = {"demo", "up", "down", "pipeline"}
"""Verbs that are no steps: they have a workspace or a machine to themselves."""
DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def pipeline(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="TOML with `steps`; default: what the lake's tables are good for")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget which steps are done, as after an upgrade")] = False,
) -> None:
    """Do a chain of verbs, from the first step on that is not done yet; nothing where nothing has changed.

    Without a file: validate, build features, then train, promote and score each task; one that the lake has too little
    data for is passed over, and the report says why. Example:

        metrify pipeline examples/pipeline.toml
    """
    from rich.console import Console as Rich

    from metrify.pipeline import built_in, read, run

    console: Console = context.obj
    workspace, rich = console.workspace, Rich(stderr=True, highlight=False, markup=False, soft_wrap=True)
    steps = read(file) if file else built_in(workspace)
    for number, words in enumerate(steps, 1):
        _check(context.find_root(), words, f"{file or 'pipeline'}: step {number}")
    run_step = _runner(workspace.home)
    report = run(workspace, steps, run_step=run_step if file else _lenient(run_step), progress=rich.print, fresh=fresh)
    _show(console, report)


def _check(root: typer.Context, words: Step, where: str) -> None:
    """Refuse a step that the command line would refuse, before any other is begun. Raises UnknownName, BadValue."""
    command, parent, left = root.command, root, list(words)
    while (verbs := getattr(command, "commands", None)) is not None:
        name = left.pop(0) if left else ""
        if name in APART:
            raise BadValue(where, "a verb that can be part of a chain", name)
        if name not in verbs:
            raise UnknownName("verb", name, verbs.keys() - APART)
        command = verbs[name]
        if getattr(command, "commands", None) is not None:
            parent = type(parent)(command, info_name=name, parent=parent)
    _parse(command, left, parent, where, shlex.join(words))


def _parse(command: Any, words: list[str], parent: typer.Context, where: str, step: str) -> None:
    """Read the words as the verb would. Raises BadValue, UnknownName."""
    try:
        given = command.make_context(command.name, words, parent=parent).params
    except typer.TyperException as error:
        wanted = f"words that `metrify {command.name}` takes ({error.format_message().rstrip('.')})"
        raise BadValue(where, wanted, step) from error
    except typer.Exit as error:  # --help
        raise BadValue(where, "a verb that does something", step) from error
    for parameter in command.params:
        if str(parameter.metavar).startswith("TASK"):
            _check_model(given[parameter.name])


def _check_model(name: str) -> None:
    """A misspelt task or family is found now, not after the hours that the steps before it take."""
    from metrify.models.catalog import FAMILIES, families

    if "/" not in name:
        families(name)
    elif name not in FAMILIES:
        raise UnknownName("model family", name, FAMILIES)


def _runner(home: Path) -> Callable[[Step], Any]:
    def run_step(words: Step) -> Any:
        command = [sys.executable, "-m", "metrify.cli", "--home", str(home), "--json", *words]
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=False, preexec_fn=_dying_with(os.getpid())
        )
        answer = _answer(ended.stdout)
        if ended.returncode == 0 and answer is not None:
            return answer
        raise _revived(answer) or StepFailed(shlex.join(words), ended.returncode)

    return run_step


def _lenient(run_step: Callable[[Step], Any]) -> Callable[[Step], Any]:
    """A step that the lake has too little data for is done, with the reason as its answer."""

    def run_or_say_why(words: Step) -> Any:
        try:
            return run_step(words)
        except (NoData, NoSuchModel) as error:
            return {"no_data": str(error)}

    return run_or_say_why


def _dying_with(parent: int) -> Callable[[], None] | None:
    """What a child does first, on Linux: tie its life to its parent's, so that no step of a killed job works on."""
    if sys.platform != "linux":
        return None
    kernel = ctypes.CDLL(None, use_errno=True)

    def tie() -> None:
        kernel.prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before
            os._exit(1)

    return tie


def _answer(out: str) -> dict[str, Any] | None:
    """The one object on a verb's stdout."""
    try:
        return json.loads(out)
    except json.JSONDecodeError:
        return None


def _revived(answer: dict[str, Any] | None) -> MetrifyError | None:
    """The error that a verb ended with, as it was raised there."""
    kind = getattr(errors, str((answer or {}).get("error")), None)
    if answer is None or not isinstance(kind, type):
        return None
    error = kind.__new__(kind)
    error.args = (answer["message"],)
    return error


def _show(console: Console, report: PipelineReport) -> None:
    """The report, and the end of the process where a step failed: its code is that of the step."""
    answer: dict[str, Any] = {"steps": report.steps, "seconds": report.seconds}
    if report.failure:
        answer |= {"error": type(report.failure).__name__, "message": str(report.failure)}
    rows: Sequence[Sequence[Any]] = [[one.step, one.state, one.seconds, one.done_at or ""] for one in report.steps]
    console.show(answer, [table(f"Pipeline: {report.seconds:.1f} s", ["step", "state", "seconds", "done at"], rows)])
    if report.failure:
        if not console.as_json:
            console.error(report.failure)
        raise typer.Exit(2 if isinstance(report.failure, InputError) else 1)


def register(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(pipeline)
