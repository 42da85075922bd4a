"""What a table is: columns with types, units and meanings, and the check at its door."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from metrify.errors import MissingColumns

__all__ = ["BOOL", "DATE", "F32", "F64", "I32", "I64", "TEXT", "TIME", "Column", "Table"]

TEXT = pa.string()
TIME = pa.timestamp("us", tz="UTC")
DATE = pa.date32()
F64 = pa.float64()
F32 = pa.float32()
I32 = pa.int32()
I64 = pa.int64()
BOOL = pa.bool_()


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, its unit in square brackets' sense ("kWh", "" for none) and what it means.

    `low` and `high` are physical limits: a value outside of them cannot be a measurement and is refused at the door.
    """

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    required: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """One table of the lake: its columns, its key, and whether it is partitioned by meter bucket and month."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    by_meter: bool = False
    measures: tuple[str, ...] = field(default=())
    """Columns of which at least one must hold a value, or the row says nothing."""
    further: pa.DataType | None = None
    """Type of columns beyond the listed ones, for a table that is open to more."""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema; the lake adds `bucket` and `month` to tables with meters."""
        return pa.schema([pa.field(c.name, c.type, nullable=not c.required) for c in self.columns])

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise MissingColumns([name], self.names, f"table {self.name}")

    def conform(self, rows: pa.Table) -> pa.Table:
        """Put rows into this table's columns, order and types; columns that may be empty are added as nulls.

        Raises MissingColumns when a required column is absent, pa.ArrowInvalid when a value does not fit its type.
        """
        missing = [c.name for c in self.columns if c.required and c.name not in rows.column_names]
        if missing:
            raise MissingColumns(missing, rows.column_names, f"rows for {self.name}")
        arrays = [
            rows[c.name].cast(c.type) if c.name in rows.column_names else pa.nulls(rows.num_rows, c.type)
            for c in self.columns
        ]
        # nullability is judged row by row in `check`, so that one bad row does not refuse the whole table
        return pa.table(arrays, schema=pa.schema([field.with_nullable(True) for field in self.schema]))

    def check(self, rows: pa.Table) -> pa.ChunkedArray:
        """Say for each row why it cannot enter: null where it can, else a sentence. `rows` conform to the table."""
        reasons = pa.nulls(rows.num_rows, TEXT)
        for column in self.columns:
            reasons = self._refuse(reasons, column, rows[column.name])
        if self.measures and rows.num_rows:
            empty = pc.and_kleene(*[pc.is_null(rows[m]) for m in self.measures[:2]]) if len(self.measures) > 1 else None
            empty = pc.is_null(rows[self.measures[0]]) if empty is None else empty
            for measure in self.measures[2:]:
                empty = pc.and_(empty, pc.is_null(rows[measure]))
            reasons = _first(reasons, empty, f"no value in any of {', '.join(self.measures)}")
        return reasons

    def _refuse(self, reasons: pa.Array, column: Column, values: pa.ChunkedArray) -> pa.Array:
        if column.required:
            reasons = _first(reasons, pc.is_null(values), f"{column.name} is missing")
        if pa.types.is_floating(column.type):
            reasons = _first(reasons, pc.invert(pc.is_finite(values)), f"{column.name} is not a finite number")
        if column.low is not None:
            limit = f"{column.name} is below {column.low:g} {column.unit}"
            reasons = _first(reasons, pc.less(values, column.low), limit)
        if column.high is not None:
            limit = f"{column.name} is above {column.high:g} {column.unit}"
            reasons = _first(reasons, pc.greater(values, column.high), limit)
        return reasons


def _first(reasons: pa.Array, refused: pa.Array, reason: str) -> pa.Array:
    """Keep the first reason of each row."""
    take = pc.and_(pc.fill_null(refused, False), pc.is_null(reasons))
    return pc.if_else(take, pa.scalar(reason, TEXT), reasons)
