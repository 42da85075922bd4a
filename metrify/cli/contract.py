"""The verb that checks a file before it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metrify.cli.console import Console, table

if TYPE_CHECKING:
    import pandas as pd
    from pandera.pandas import DataFrameSchema

__all__ = ["register"]

_SHOWN = 20


def contract(
    context: typer.Context,
    into: Annotated[str, typer.Argument(metavar="TABLE", help="readings, weather, grid, solar, meters, tariff, ...")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet, or CSV, with the columns of the table")],
    meter: Annotated[
        str | None, typer.Option(help="Also what the champion of quality/validator expects of this meter's readings")
    ] = None,
    yaml: Annotated[Path | None, typer.Option(help="Write the contract here too, as YAML that pandera reads")] = None,
) -> None:
    """Check a file against the contract of its table, without loading anything: every row that breaks it, and why.

    Ends with 1 where a row does. Example:

        metrify contract readings homes.parquet --yaml readings.yaml
    """
    from metrify.models.quality.contract import failures

    console: Console = context.obj
    schema = _schema(console, into, meter)
    if yaml:
        _write(yaml, schema.to_yaml() or "")
    rows = _read(file)
    broken = failures(schema, rows)
    found = {
        "table": schema.name, "rows": len(rows), "broken": int(broken["row"].nunique()), "contract": yaml,
        "reasons": broken.astype(object).where(broken.notna(), None).to_dict("records"),
    }  # fmt: skip
    console.show(found, [*_lines(file, rows, broken), *([f"The contract is in {yaml}"] if yaml else [])])
    if len(broken):
        raise typer.Exit(1)


def _schema(console: Console, into: str, meter: str | None) -> DataFrameSchema:
    from metrify.errors import BadValue
    from metrify.lake.files import table as named
    from metrify.models.quality.contract import contract as of
    from metrify.models.quality.validator import ExpectationsValidator
    from metrify.registry import Registry
    from metrify.schema import READING

    wanted = named(into)
    if meter is None:
        return of(wanted)
    if wanted is not READING:
        raise BadValue("--meter", "the table readings", into)
    validator, _ = Registry(console.workspace).load(ExpectationsValidator.family)
    assert isinstance(validator, ExpectationsValidator)
    return validator.contract(meter)


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from metrify.errors import UnreadableFile

    try:
        return pd.read_csv(file) if file.suffix in {".csv", ".gz"} else pq.read_table(file).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UnreadableFile(file, "Parquet or CSV", error) from error


def _write(yaml: Path, text: str) -> None:
    from metrify.errors import BadValue

    try:
        yaml.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadValue("--yaml", "a place where a file can be written", f"{yaml} ({error})") from error


def _lines(file: Path, rows: pd.DataFrame, broken: pd.DataFrame) -> list[object]:
    if broken.empty:
        return [f"{file}: {len(rows):,} rows keep the contract"]
    shown = [[str(case.row), str(case.reason)] for case in broken.head(_SHOWN).itertuples()]
    more = [f"and {len(broken) - _SHOWN:,} more; --json tells all"] if len(broken) > _SHOWN else []
    return [table(f"{len(broken):,} breaches in {len(rows):,} rows of {file}", ["row", "why"], shown), *more]


def register(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(contract)
