"""A mapping file says how the columns of a source become the columns of a table. It is TOML:

    table = "readings"            # optional; refused when the command names another table
    layout = "long"               # "long": one row a reading; "wide": one column a meter; "channels": one row a value;
                                  # "green_button": ESPI XML, which says itself what its columns are
    zone = "Europe/London"        # IANA zone of stamps that carry no offset; those with an offset are taken as they are
    stamp = "start"               # whether `timestamp` is the "start" or the "end" of the interval
    interval_minutes = 30         # needed for stamp = "end" and for power units; else read off the data
    timestamp_format = "%d/%m/%Y %H:%M"  # of times and dates as text; without it ISO 8601
    lead_minutes = 1440           # what was forecast or announced: available this long before its interval starts
    delimiter = ";"               # of CSV; without it a comma
    decimal = ","                 # of numbers as text; without it a point
    obis = true                   # columns of a long file headed by an OBIS code (1-0:1.8.0) are what the code says
    estimated = "refuse"          # of Green Button: values that the sender estimated; "take" lets them in as measured

    [columns]                     # column of the table = column of the source ...
    meter_id = "LCLid"
    timestamp = "tstp"
    version = "revision"          # the higher version of a reading wins; without one every reading has version 1
    kwh = { column = "power", unit = "kW", scale = 0.001 }  # ... with its unit, and a factor applied before
    voltage_v = { obis = "1-0:32.7.0", unit = "V" }  # ... or the column, or channel, of this OBIS code

    [constants]                   # column of the table = the same value for every row
    location = "london"

    [wide]                        # for layout = "wide": what the cells are
    target = "kwh"
    unit = "Wh"
    scale = 1.0
    columns = ["MAC1", "MAC2"]    # without it: every column that [columns] does not name; names are the meter ids

    [channels]                    # for layout = "channels": all values of a meter and time become one reading
    code = "obis"                 # column that says of which channel a value is: an OBIS code, or a column of the table
    value = "value"
    unit = "unit"                 # column of its unit; without it the unit of [columns], or else of the table
    skip = ["1-0:14.7.0"]         # channels to leave out

OBIS codes (`metrify.lake.obis`) need no naming one by one: D = 29 is the energy of an interval (1.29.0 kwh, 2.29.0
kwh_export, 3.29.0 kvarh, 16.29.0 net kwh), D = 5 the same as mean power [kW], D = 8 a register (1.8.0, 2.8.0), 12, 32,
52, 72 voltage and 11, 31, 51, 71 current, of several phases their mean. What has no column (a tariff's register such as
1.8.1, a maximum, a stored value) is quarantined value by value, with the reason; a column that [columns] names by obis
takes no other code.

A Green Button file needs no mapping. Of these keys it knows table, interval_minutes (where ReadingType tells a wrong
length), estimated, lead_minutes, [constants], and [columns] for meter_id = "meter_id" (ServiceDeliveryPoint/mRID or the
id in the self link of its UsagePoint), "title" or "self" (the whole link). A value whose ReadingQuality says
that it was not measured so (7 edited, 8 reference day, 9 interpolation, 10 questionable, 11 derived, 12 forecast, 13
mixed, 15 normalised, 16 other) is quarantined: READING holds measurements, and nothing must learn from what only looks
like one; the gap is then estimated like any other.

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
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from metrify.errors import BadMapping, InputError, MissingColumns, UnknownKeys, UnreadableFile
from metrify.lake.mappingcheck import check, uncovered
from metrify.lake.obis import Meaning, Obis, meaning
from metrify.lake.source import STRICT, Channels, Source, Text, Whole, Wide
from metrify.schema import READING, Table

__all__ = ["CELL_COLUMN", "CELL_VALUE", "Channels", "Mapping", "Source", "Wide"]

CELL_COLUMN, CELL_VALUE = "column of the cell", "value of the cell"
"""What a cell of a wide file is called once it is a row of its own."""

_GREEN_BUTTON = {"meter_id": Source("meter_id"), "timestamp": Source("timestamp"), "available_at": Source("end")}
"""The columns that `metrify.lake.greenbutton.read` gives to the channels of a feed."""


def _named(value: Any) -> Any:
    """A column by its name alone, or by the OBIS code that heads it."""
    if isinstance(value, dict) and "obis" in value:
        return {"column": value["obis"], **value}
    return {"column": value} if isinstance(value, str) else value


@dataclass(frozen=True)
class Mapping:
    """See the module's text for what each key means."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    table: Text = ""
    layout: Literal["long", "wide", "channels", "green_button"] = "long"
    zone: Text = ""
    stamp: Literal["start", "end"] = "start"
    interval_minutes: Annotated[Whole, Field(ge=1, le=1440)] | None = None
    timestamp_format: Text = ""
    lead_minutes: Annotated[Whole, Field(ge=0)] | None = None
    delimiter: Annotated[Text, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    obis: Annotated[bool, Field(strict=True)] = False
    estimated: Literal["refuse", "take"] = "refuse"
    columns: dict[str, Annotated[Source, BeforeValidator(_named)]] = field(default_factory=dict)
    constants: dict[str, str | int | float | datetime | date] = field(default_factory=dict)
    wide: Wide | None = None
    channels: Channels | None = None

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
            found = TypeAdapter(cls).validate_python(content)
        except ValidationError as error:
            raise _explain(error, where) from error
        return found._of_feed() if found.layout == "green_button" and not found.channels else found

    @classmethod
    def green_button(cls) -> Mapping:
        """For a Green Button file, which says itself what it holds."""
        return cls(layout="green_button")._of_feed()

    def _of_feed(self) -> Mapping:
        elsewhere = {*self.constants, *(["available_at"] if self.lead_minutes is not None else [])}
        columns = {name: source for name, source in _GREEN_BUTTON.items() if name not in elsewhere}
        return replace(self, columns={**columns, **self.columns}, channels=Channels("channel", "value", "unit"))

    @classmethod
    def plain(cls, found: Table, names: Sequence[str], where: str) -> Mapping:
        """For a file whose columns are named like the table's: each by its own name, stamps with an offset.

        Raises MissingColumns where the file lacks a column that the table must have.
        """
        own = [name for name in found.names if name in names and name != "ingested_at"]
        missing = uncovered(found, set(own))
        if missing:
            raise MissingColumns(missing, names, where)
        return cls(columns={name: Source(name) for name in own}, obis=found is READING).headed(names, where)

    def headed(self, names: Sequence[str], where: str) -> Mapping:
        """With the columns of a long file that OBIS codes head. Raises BadMapping where two are of one column."""
        if self.channels or not (self.obis or any(source.obis for source in self.columns.values())):
            return self
        codes = {name: code for name in names if (code := Obis.parse(name))}
        columns = {
            name: replace(source, column=next((n for n in codes if codes[n] == Obis.parse(source.obis)), source.column))
            for name, source in self.columns.items()
        }
        for name in codes if self.obis else ():
            known = meaning(name)
            if isinstance(known, Meaning) and known.column not in self.columns:
                if known.column in columns:
                    both = f"{columns[known.column].column} and {name} are both {known.column}"
                    raise BadMapping(where, both, f'Name one: {known.column} = {{ obis = "{name}" }} under [columns].')
                columns[known.column] = Source(name, known.unit)
        return replace(self, columns=columns)

    @property
    def meter_column(self) -> str:
        """The column of the source that tells its meters apart; empty where a constant does."""
        return self.columns["meter_id"].column if "meter_id" in self.columns else ""

    def sources(self, found: Table) -> dict[str, Source]:
        """Where each column of the table comes from, once the cells of a wide file are rows."""
        if self.channels:
            shared = {name: source for name, source in self.columns.items() if name not in found.measures}
            return {**shared, **{name: Source(name) for name in found.measures}}
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
        wanted = [source.column for source in self.columns.values() if not (self.channels and source.obis)]
        wanted += self.cells(names)
        if self.channels:
            wanted += filter(None, [self.channels.code, self.channels.value, self.channels.unit])
        missing = [name for name in dict.fromkeys(wanted) if name not in names]
        if missing or (self.wide is not None and not self.cells(names)):
            raise MissingColumns(missing or ["one a meter"], names, where)

    def checked(self, found: Table, where: str = "mapping") -> Mapping:
        """This mapping if it makes sense for the table. Raises UnknownKeys, BadMapping."""
        check(self, found, where)
        return self


def _explain(error: ValidationError, where: str) -> InputError:
    unknown = [e for e in error.errors() if e["type"] == "unexpected_keyword_argument"]
    first = (unknown or error.errors())[0]
    path = [str(part) for part in first["loc"]]
    if unknown:
        known = Mapping if len(path) == 1 else {"wide": Wide, "channels": Channels}.get(path[0], Source)
        return UnknownKeys(": ".join([where, *path[:-1]]), [path[-1]], [f.name for f in fields(known)])
    return BadMapping(where, f"{'.'.join(path)}: {first['msg']}, found {first.get('input')!r}", "Correct the value.")
