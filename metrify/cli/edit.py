"""Verbs for those who correct readings: put a value in place of another, take it back, see who did what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metrify.cli.console import Console, table

__all__ = ["register"]

edit = typer.Typer(help="Edit readings: apply corrections, undo them, list them.", no_args_is_help=True)


@edit.command("apply")
def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="meter_id, timestamp [UTC], column, value")],
    author: Annotated[str, typer.Option(help="Who answers for it")],
    reason: Annotated[str, typer.Option(help="Why")],
) -> None:
    """Let values stand in place of what the meter reported; the readings themselves are kept. All rows count, or none.

    An edit holds while the reading is what it was. Applying a file twice changes nothing. Example:

        metrify edit apply corrections.csv --author "A. Clerk" --reason "read on site"
    """
    from metrify.lake.tables import Lake
    from metrify.vee.edits.corrections import read_corrections
    from metrify.vee.edits.edit import apply as apply_edits

    console: Console = context.obj
    lake = Lake(console.workspace)
    done = apply_edits(lake, read_corrections(file), author, reason)
    console.show(done, [f"{done.written:,} edits hold now, {done.unchanged:,} did already"])


@edit.command("undo")
def undo(
    context: typer.Context,
    edit_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[EDIT_ID]...", help="as `edit list` shows them")
    ] = None,
    meter: Annotated[str | None, typer.Option(help="All edits of this meter instead")] = None,
    since: Annotated[str | None, typer.Option(help="of them those from this time on [UTC]")] = None,
    until: Annotated[str | None, typer.Option(help="and before this time [UTC]")] = None,
    author: Annotated[
        str | None, typer.Option(help="Who undoes it; default: the name that you are logged in with")
    ] = None,
) -> None:
    """Take edits back: what was before shows again. `edit apply` does them again.

    Example:

        metrify edit undo --meter M-17 --since 2013-11-01 --until 2013-11-02
    """
    from metrify.errors import BadValue
    from metrify.lake.tables import Lake
    from metrify.localtime import parse_time
    from metrify.vee.edits.edit import undo as undo_edits

    if meter is None and (since or until):
        raise BadValue("--since, --until", "a meter beside them", since or until)
    console: Console = context.obj
    first = parse_time(since, "--since") if since else None
    end = parse_time(until, "--until") if until else None
    lake = Lake(console.workspace)
    done = undo_edits(lake, edit_ids, meter_id=meter, since=first, until=end, author=author or _login())
    console.show(done, [f"{done.written:,} edits undone, {done.unchanged:,} were already"])


@edit.command("list")
def listed(
    context: typer.Context,
    meter: Annotated[str | None, typer.Option(help="Only of this meter")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that do not hold")] = False,
    most: Annotated[int, typer.Option(min=1, help="So many rows are shown; --json has all")] = 100,
) -> None:
    """Who put which value in place of which, when and why.

    Example:

        metrify edit list --meter M-17 --all
    """
    import pyarrow.compute as pc

    from metrify.lake.tables import Lake
    from metrify.vee.edits.edit import held
    from metrify.vee.edits.inforce import HOLDS

    console: Console = context.obj
    rows = held(Lake(console.workspace), None if meter is None else [meter])
    rows = rows if everything else rows.filter(pc.equal(rows["state"], HOLDS))
    columns = ["edit_id", "meter_id", "timestamp", "column", "before", "after", "method", "author", "reason", "state"]
    cells = [
        ["" if v is None else v if isinstance(v, float) else str(v) for v in row.values()]
        for row in rows.select(columns).slice(0, most).to_pylist()
    ]
    left = rows.num_rows - len(cells)
    more = [f"... and {left:,} more (--most)"] if left else []
    console.show({"edits": rows.to_pylist()}, [table(f"{rows.num_rows:,} edits", columns, cells), *more])


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for the user that a container runs as
        return "unknown"


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(edit, name="edit")
