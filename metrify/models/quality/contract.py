"""Contracts of tables for pandera: what a frame must be before it is loaded, for those who deliver it.

Imported only where a contract is asked for: pandera takes its time.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera import extensions
from pandera.errors import SchemaErrors

from metrify.errors import UnknownName
from metrify.schema import Column, Table

__all__ = ["contract", "failures"]

Ranges = Mapping[str, tuple[float, float]]

_ADDED = {"version", "ingested_at"}
"""Columns that loading fills in where they are absent."""
_DTYPES = {
    pa.string(): "str",
    pa.bool_(): "boolean",
    pa.float64(): "float64",
    pa.float32(): "float32",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.date32(): "date",
}
_WORDS = {"not_nullable": "is missing", "multiple_fields_uniqueness": "is there more than once"}
"""What pandera calls its own checks."""


def contract(
    table: Table, *, ranges: Ranges | None = None, meter_ids: Sequence[str] = (), within_hours: float | None = None
) -> pandera.DataFrameSchema:
    """A schema for rows of `table`: types, what may be empty, limits of values, a unique key, a value in each row.

    `ranges` narrow the physical limits of columns [unit of the column]; `meter_ids` are the only meters; a row that has
    an available_at must have it `within_hours` of its timestamp. `schema.to_yaml()` exports it, `from_yaml` reads it
    again. Raises UnknownName for a range of a column that is none.
    """
    _register()
    ranges = ranges or {}
    for name in set(ranges) - set(table.names):
        raise UnknownName(f"column of {table.name}", name, table.names)
    columns = {column.name: _column(column, ranges.get(column.name), meter_ids) for column in table.columns}
    checks = []
    if table.measures:
        says = f"no value in any of {', '.join(table.measures)}"
        checks.append(pandera.Check.any_of(columns=list(table.measures), error=says))
    if within_hours is not None:
        late = f"came more than {within_hours:.4g} h after its timestamp"
        checks.append(pandera.Check.came_within(hours=float(within_hours), error=late))
    return pandera.DataFrameSchema(columns, checks=checks, unique=list(table.key), coerce=True, name=table.name)


def failures(schema: pandera.DataFrameSchema, rows: pd.DataFrame) -> pd.DataFrame:
    """Every row that breaks the contract and why: row (its index; None: all of them), column, value, reason.

    Empty where the frame keeps it. The frame is not changed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pandas, about what pandera does with failures
            schema.validate(rows, lazy=True)
    except SchemaErrors as error:
        return _told(error.failure_cases, schema)
    return pd.DataFrame(columns=["row", "column", "value", "reason"])


def from_yaml(text: str) -> pandera.DataFrameSchema:
    """The contract that `to_yaml` wrote."""
    _register()
    return pandera.DataFrameSchema.from_yaml(text)


def _column(column: Column, limits: tuple[float, float] | None, meter_ids: Sequence[str]) -> pandera.Column:
    dtype = "datetime64[us, UTC]" if pa.types.is_timestamp(column.type) else _DTYPES[column.type]
    checks = list(_limits(column, limits)) if pa.types.is_floating(column.type) else []
    if column.name == "meter_id" and meter_ids:
        checks.append(pandera.Check.isin(list(meter_ids), error="is another meter"))
    required = column.required and column.name not in _ADDED
    return pandera.Column(
        dtype, checks, nullable=not required, required=required, title=column.unit or None, description=column.meaning
    )


def _limits(column: Column, limits: tuple[float, float] | None) -> Iterator[pandera.Check]:
    low, high = (-math.inf, math.inf) if limits is None else limits
    low = max(low, -math.inf if column.low is None else column.low)
    high = min(high, math.inf if column.high is None else column.high)
    unit = f" {column.unit}" if column.unit else ""
    if math.isfinite(low):
        yield pandera.Check.ge(low, error=f"is below {low:.6g}{unit}")
    else:
        yield pandera.Check.gt(low, error="is not a finite number")
    if math.isfinite(high):
        yield pandera.Check.le(high, error=f"is above {high:.6g}{unit}")
    else:
        yield pandera.Check.lt(high, error="is not a finite number")


def _told(cases: pd.DataFrame, schema: pandera.DataFrameSchema) -> pd.DataFrame:
    """One row for each row and check. A check of whole rows is reported by pandera once for every column of them."""
    cases = cases.loc[~_follows(cases, list(schema.unique or []))]
    check = cases["check"]
    repeated, absent = check == "multiple_fields_uniqueness", check == "column_in_dataframe"
    whole = (cases["schema_context"] == "DataFrameSchema") & ~check.str.startswith("coerce_dtype")
    column = cases["column"].mask(whole, "").mask(repeated, ", ".join(schema.unique or []))
    column = column.mask(absent, cases["failure_case"])
    told = pd.DataFrame({"row": cases["index"], "column": column, "value": cases["failure_case"].mask(whole, None)})
    told = told.assign(check=check).drop_duplicates(["row", "column", "check"])
    told["reason"] = [_sentence(*case) for case in told[["column", "value", "check"]].itertuples(index=False)]
    return told.drop(columns="check").sort_values(["row", "column"], ignore_index=True, na_position="first")


def _follows(cases: pd.DataFrame, key: list[str]) -> pd.Series:
    """Which cases only follow from others: a column that is not there, or whose values cannot be read, breaks more."""
    check = cases["check"]
    absent = set(cases["failure_case"][check == "column_in_dataframe"])
    unread = cases["column"][check.str.startswith("coerce_dtype")]
    untyped = cases["column"].isin(unread) & (
        check.str.startswith("dtype(") | cases["failure_case"].astype(str).str.startswith("TypeError(")
    )
    return untyped | ((check == "multiple_fields_uniqueness") & (not absent.isdisjoint(key)))


def _sentence(column: str, value: object, check: str) -> str:
    if check == "column_in_dataframe":
        return f"the column {column} is missing"
    if check.startswith(("coerce_dtype", "dtype")):
        return f"{column} is {value!r}, not of type {check.partition('(')[2].rstrip(')')}"
    if not column:
        return check
    said = _WORDS.get(check, check)
    return f"{column} {said}" if value is None or check in _WORDS else f"{column} is {value}: it {said}"


def _register() -> None:
    """Make the checks known to pandera that it lacks, once; so they can be written as YAML and read again."""
    if hasattr(pandera.Check, "any_of"):
        return

    def any_of(rows: pd.DataFrame, *, columns: list[str]) -> pd.Series:
        return rows[[name for name in columns if name in rows]].notna().any(axis=1)

    def came_within(rows: pd.DataFrame, *, hours: float) -> pd.Series:
        if not {"available_at", "timestamp"} <= set(rows):
            return pd.Series(True, rows.index)
        return ~(rows["available_at"] - rows["timestamp"] > pd.Timedelta(hours=hours))

    for check, statistic in ((any_of, "columns"), (came_within, "hours")):
        extensions.register_check_method(check, statistics=[statistic], supported_types=[pd.DataFrame])
