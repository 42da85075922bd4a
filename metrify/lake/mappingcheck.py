"""Whether a mapping makes sense for a table: names, times, units, constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from metrify.errors import BadMapping, UnknownKeys, UnknownName
from metrify.lake.obis import Obis
from metrify.lake.source import Source
from metrify.lake.units import conversion
from metrify.localtime import zone_error
from metrify.schema import READING, WEATHER, Table, table

if TYPE_CHECKING:
    from metrify.lake.mapping import Mapping

__all__ = ["check", "uncovered"]


_FEED_SAYS = ("stamp", "zone", "timestamp_format", "delimiter", "decimal", "obis", "wide")
"""Keys that mean nothing for a Green Button file."""


def check(mapping: Mapping, found: Table, where: str) -> None:
    """Raises UnknownKeys, BadMapping."""
    _check_layout(mapping, found, where)
    _check_names(mapping, found, where)
    _check_times(mapping, found, where)
    for name, source in {**mapping.sources(found), **mapping.columns}.items():
        _check_unit(mapping, found, name, source, where)
    for name, value in mapping.constants.items():
        _check_constant(found, name, value, where)


def uncovered(found: Table, named: set[str]) -> list[str]:
    """Columns that no row can do without and nobody names; what the lake can tell itself is not among them."""
    told = {"ingested_at", "available_at", "version"}
    return [column.name for column in found.columns if column.required and column.name not in named | told]


def _check_layout(mapping: Mapping, found: Table, where: str) -> None:
    if (mapping.layout == "wide") != (mapping.wide is not None):
        raise BadMapping(where, 'layout = "wide" and [wide] go together', "Name both, or neither.")
    if (mapping.layout in ("channels", "green_button")) != (mapping.channels is not None):
        raise BadMapping(where, 'layout = "channels" and [channels] go together', "Name both, or neither.")
    coded = mapping.obis or mapping.channels or any(source.obis for source in mapping.columns.values())
    if coded and found is not READING:
        raise BadMapping(where, f"channels and OBIS codes are of READING, not of {found.name}", "Name plain columns.")
    if mapping.layout == "green_button":
        _check_feed(mapping, where)
    elif mapping.estimated != "refuse":
        raise BadMapping(where, "only a Green Button file says which values are estimated", "Drop estimated.")
    for name, source in mapping.columns.items():
        if source.obis and Obis.parse(source.obis) is None:
            raise BadMapping(where, f"columns.{name}: {source.obis!r} is no OBIS code", "Write one such as 1-0:1.29.0.")
        if mapping.channels and name in found.measures and not source.obis:
            fix = f'Name its code: {name} = {{ obis = "1-0:1.29.0" }}.'
            raise BadMapping(where, f"columns.{name}: a value is in the column of [channels]", fix)


def _check_feed(mapping: Mapping, where: str) -> None:
    plain = type(mapping)()
    said = [key for key in _FEED_SAYS if getattr(mapping, key) != getattr(plain, key)]
    said += [f"columns.{name}" for name in mapping.columns if name not in ("meter_id", "timestamp", "available_at")]
    if said:
        raise BadMapping(where, f"a Green Button file says itself what {', '.join(said)} would say", "Drop it.")


def _check_names(mapping: Mapping, found: Table, where: str) -> None:
    if mapping.table and table(mapping.table) is not found:
        raise BadMapping(where, f"it is for {mapping.table}, not for {found.name}", "Take the mapping of this table.")
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
    missing = uncovered(found, named) or (
        [] if mapping.obis or named & set(found.measures) else list(found.measures)[:1]
    )
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
