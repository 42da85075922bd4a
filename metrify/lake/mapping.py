"""A mapping file says how the columns of a source become the columns of a table. It is TOML:

    table = "readings"            # optional; refused when the command names another table
    layout = "long"               # "long": one row a reading; "wide": one column a meter
    zone = "Europe/London"        # IANA zone of stamps that carry no offset; those with an offset are taken as they are
    stamp = "start"               # whether `timestamp` is the "start" or the "end" of the interval
    interval_minutes = 30         # needed for stamp = "end" and for power units; else read off the data
    timestamp_format = "%d/%m/%Y %H:%M"  # of times and dates as text; without it ISO 8601
    lead_minutes = 1440           # what was forecast or announced: available this long before its interval starts
    delimiter = ";"               # of CSV; without it a comma
    decimal = ","                 # of numbers as text; without it a point

    [columns]                     # column of the table = column of the source ...
    meter_id = "LCLid"
    timestamp = "tstp"
    version = "revision"          # the higher version of a reading wins; without one every reading has version 1
    kwh = { column = "power", unit = "kW", scale = 0.001 }  # ... with its unit, and a factor applied before

    [constants]                   # column of the table = the same value for every row
    location = "london"

    [wide]                        # for layout = "wide": what the cells are
    target = "kwh"
    unit = "Wh"
    scale = 1.0
    columns = ["MAC1", "MAC2"]    # without it: every column that [columns] does not name; names are the meter ids

A wide file's [columns] name what is the same for the whole row, such as the timestamp; an empty cell is no reading.
Units are listed in `metrify.lake.units`. `available_at`, from when on a row could be known, is the end of its interval
unless a column, a constant or `lead_minutes` says otherwise; a weather forecast must say so, for example
`available_at = "issued"`. Weather that was observed cannot be known before the end of its interval: `lead_minutes` is
for forecasts only, and where the source names an earlier time the end is taken.
Times in TOML may be written bare: valid_from = 2013-01-01T00:00:00Z.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError

from metrify.errors import BadMapping, InputError, MissingColumns, UnknownKeys, UnknownName, UnreadableFile
from metrify.lake.units import conversion
from metrify.localtime import zone_error
from metrify.schema import WEATHER, Table, table

__all__ = ["CELL_COLUMN", "CELL_VALUE", "Mapping", "Source", "Wide"]

CELL_COLUMN, CELL_VALUE = "column of the cell", "value of the cell"
"""What a cell of a wide file is called once it is a row of its own."""

_STRICT = ConfigDict(extra="forbid")
_Text = Annotated[str, Strict()]
_Number = Annotated[float, Strict()]
_Whole = Annotated[int, Strict()]


@dataclass(frozen=True)
class Source:
    """A column of the source, its unit (none: the schema's), and a factor that is applied first."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    column: _Text
    unit: _Text = ""
    scale: _Number = 1.0


@dataclass(frozen=True)
class Wide:
    """What the cells of a wide file are; no `columns` means all that the mapping does not name otherwise."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    target: _Text
    unit: _Text = ""
    scale: _Number = 1.0
    columns: list[_Text] = field(default_factory=list)


def _named(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


@dataclass(frozen=True)
class Mapping:
    """See the module's text for what each key means."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    table: _Text = ""
    layout: Literal["long", "wide"] = "long"
    zone: _Text = ""
    stamp: Literal["start", "end"] = "start"
    interval_minutes: Annotated[_Whole, Field(ge=1, le=1440)] | None = None
    timestamp_format: _Text = ""
    lead_minutes: Annotated[_Whole, Field(ge=0)] | None = None
    delimiter: Annotated[_Text, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    columns: dict[str, Annotated[Source, BeforeValidator(_named)]] = field(default_factory=dict)
    constants: dict[str, str | int | float | datetime | date] = field(default_factory=dict)
    wide: Wide | None = None

    @classmethod
    def read(cls, path: Path | str) -> Mapping:
        """The mapping in a TOML file. Raises UnreadableFile, UnknownKeys, BadMapping."""
        try:
            text = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UnreadableFile(path, "a TOML mapping", error) from error
        return cls.of(text, str(path))

    @classmethod
    def of(cls, content: dict[str, Any], where: str = "mapping") -> Mapping:
        """A mapping from the content of its file. Raises UnknownKeys, BadMapping."""
        try:
            return TypeAdapter(cls).validate_python(content)
        except ValidationError as error:
            raise _explain(error, where) from error

    @classmethod
    def plain(cls, found: Table, names: Sequence[str], where: str) -> Mapping:
        """For a file whose columns are named like the table's: each by its own name, stamps with an offset.

        Raises MissingColumns where the file lacks a column that the table must have.
        """
        own = [name for name in found.names if name in names and name != "ingested_at"]
        missing = _uncovered(found, set(own))
        if missing:
            raise MissingColumns(missing, names, where)
        return cls(columns={name: Source(name) for name in own})

    def sources(self, found: Table) -> dict[str, Source]:
        """Where each column of the table comes from, once the cells of a wide file are rows."""
        if self.wide is None:
            return self.columns
        cells = Source(CELL_VALUE, self.wide.unit, self.wide.scale)
        return {**self.columns, found.key[0]: Source(CELL_COLUMN), self.wide.target: cells}

    def cells(self, names: Sequence[str]) -> list[str]:
        """The columns of a wide file that hold cells; none of a long one."""
        if self.wide is None:
            return []
        shared = {source.column for source in self.columns.values()}
        return self.wide.columns or [name for name in names if name not in shared]

    def fits(self, names: Sequence[str], where: str) -> None:
        """Raises MissingColumns if a file lacks a column that this mapping names."""
        wanted = [source.column for source in self.columns.values()] + self.cells(names)
        missing = [name for name in dict.fromkeys(wanted) if name not in names]
        if missing or (self.wide is not None and not self.cells(names)):
            raise MissingColumns(missing or ["one a meter"], names, where)

    def checked(self, found: Table, where: str = "mapping") -> Mapping:
        """This mapping if it makes sense for the table. Raises UnknownKeys, BadMapping."""
        _check_names(self, found, where)
        _check_times(self, found, where)
        for name, source in self.sources(found).items():
            _check_unit(self, found, name, source, where)
        for name, value in self.constants.items():
            _check_constant(found, name, value, where)
        return self


def _explain(error: ValidationError, where: str) -> InputError:
    unknown = [e for e in error.errors() if e["type"] == "unexpected_keyword_argument"]
    first = (unknown or error.errors())[0]
    path = [str(part) for part in first["loc"]]
    if unknown:
        known = Mapping if len(path) == 1 else Wide if path[0] == "wide" else Source
        return UnknownKeys(": ".join([where, *path[:-1]]), [path[-1]], [f.name for f in fields(known)])
    return BadMapping(where, f"{'.'.join(path)}: {first['msg']}, found {first.get('input')!r}", "Correct the value.")


def _uncovered(found: Table, named: set[str]) -> list[str]:
    """Columns that no row can do without and nobody names; what the lake can tell itself is not among them."""
    told = {"ingested_at", "available_at", "version"}
    return [column.name for column in found.columns if column.required and column.name not in named | told]


def _check_names(mapping: Mapping, found: Table, where: str) -> None:
    if mapping.table and table(mapping.table) is not found:
        raise BadMapping(where, f"it is for {mapping.table}, not for {found.name}", "Take the mapping of this table.")
    if (mapping.layout == "wide") != (mapping.wide is not None):
        raise BadMapping(where, 'layout = "wide" and [wide] go together', "Name both, or neither.")
    open_names = [name for name in found.names if name != "ingested_at"]
    sources = mapping.sources(found)
    for part, names in (("columns", sources), ("constants", mapping.constants)):
        if set(names) - set(open_names):
            raise UnknownKeys(f"{where}: {part}", set(names) - set(open_names), open_names)
    cells = {found.key[0], mapping.wide.target} if mapping.wide else set()
    both = sorted(set(sources) & set(mapping.constants) | cells & set(mapping.columns))
    if both:
        raise BadMapping(where, f"{', '.join(both)} is named twice", "A value is a column, a constant or a cell.")
    named = {*sources, *mapping.constants}
    missing = _uncovered(found, named) or ([] if named & set(found.measures) else list(found.measures)[:1])
    if missing:
        fix = "Name the column of the file under [columns], or a value for all rows under [constants]."
        raise BadMapping(where, f"nothing is named for {', '.join(missing)} of {found.name}", fix)


def _check_times(mapping: Mapping, found: Table, where: str) -> None:
    problem = zone_error(mapping.zone) if mapping.zone else None
    if problem:
        raise BadMapping(where, f"zone: {problem}", "Name the zone of the clock that made the stamps.")
    if mapping.stamp == "end" and not (mapping.interval_minutes and "timestamp" in found.names):
        raise BadMapping(where, 'stamp = "end" needs the interval length', "Add interval_minutes.")
    named = {*mapping.columns, *mapping.constants}
    if mapping.lead_minutes is not None and ("available_at" in named or "available_at" not in found.names):
        raise BadMapping(where, "lead_minutes says again what available_at says, or means nothing here", "Drop it.")
    _check_issue(mapping, found, where)


def _check_issue(mapping: Mapping, found: Table, where: str) -> None:
    """A weather forecast is known before its time, an observation is not."""
    lead = mapping.lead_minutes is not None
    observed = mapping.constants.get("kind") == "observed"
    if found is WEATHER and observed and lead:
        raise BadMapping(where, "what was observed was not known lead_minutes before", "Drop lead_minutes.")
    if found is WEATHER and not (observed or lead or "available_at" in {*mapping.columns, *mapping.constants}):
        fix = 'Name its issue time as available_at or its lead_minutes; or say kind = "observed" under [constants].'
        raise BadMapping(where, "a weather forecast must say when it was issued", fix)


def _check_unit(mapping: Mapping, found: Table, name: str, source: Source, where: str) -> None:
    column = found[name]
    number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    try:
        how = conversion(column, source.unit)
    except UnknownName as error:
        raise BadMapping(where, str(error).rstrip("."), "Name one of these, or use scale.") from error
    if source.scale != 1 and not number:
        raise BadMapping(where, f"{name}: scale is for numbers", "Drop it.")
    if how.mean_power and not mapping.interval_minutes:
        problem = f"{name}: {source.unit} becomes {column.unit} only with the interval length"
        raise BadMapping(where, problem, "Add interval_minutes.")


def _check_constant(found: Table, name: str, value: Any, where: str) -> None:
    try:
        pa.array([value]).cast(found[name].type)
    except pa.ArrowException as error:
        problem = f"constants.{name}: {value!r} is no {found[name].type}"
        raise BadMapping(where, problem, "Write times with an offset, such as 2013-01-01T00:00:00Z.") from error
