"""The front door: global options, the verbs, and how errors reach a person or a program."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from typing import Annotated

import typer

from metrify.cli import contract, data, edit, export, models, operate, pipeline, report, scoring, vee, versions
from metrify.cli.console import Console
from metrify.errors import InputError, MetrifyError
from metrify.kernels import KEPT

__all__ = ["app", "main"]

app = typer.Typer(
    name="metrify",
    help="""Smart-metering machine learning: from meter readings to answers over HTTP.

    [bold]First contact:[/bold]  metrify demo

    [bold]Your own data:[/bold]  metrify ingest readings my.csv --mapping my.toml, then  metrify features build,
    metrify train forecasting/lightgbm --promote,  metrify up.  Or all that the lake has data for:  metrify pipeline.
    """,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        str | None, typer.Option(envvar="METRIFY_HOME", help="Workspace: lake, registry, reports. Default ./.metrify")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One machine-readable object on stdout, nothing else.")
    ] = False,
) -> None:
    """Options that hold for every verb."""
    context.obj = Console(home, as_json, context.obj)


for verbs in (data, contract, vee, edit, export, models, versions, scoring, operate, pipeline, report):
    verbs.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a verb and end the process: 0 only on success, 2 for what was handed in wrong, 1 for what went wrong."""
    for name, value in KEPT.items():
        os.environ.setdefault(name, value)
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--json" in given:  # also after the verb, where people type it
        given = ["--json", *(word for word in given if word != "--json")]
    out = sys.stdout
    # libraries may print what they like, Ray from its own threads too: the one object on stdout stays alone
    with redirect_stdout(sys.stderr) if "--json" in given else nullcontext():
        try:
            app(given, obj=out)
        except MetrifyError as error:
            Console(None, "--json" in given, out).error(error)
            sys.exit(2 if isinstance(error, InputError) else 1)
