"""The vocabulary: every table of Metrify, defined once, with Arrow types, units and keys.

docs/vocabulary.md is generated from here.
"""

from __future__ import annotations

from metrify.errors import UnknownName
from metrify.schema import answers, inputs, judgements
from metrify.schema.answers import (
    ALERT,
    ANOMALY,
    DECISION,
    ESTIMATE,
    FEATURE,
    FEEDBACK,
    FORECAST,
    INCIDENT,
    LEVELS,
    PLAN,
    PREDICTION,
    RISK,
    level_column,
)
from metrify.schema.inputs import (
    ASSET,
    EVENT,
    GRID,
    HOLIDAY,
    METER,
    READING,
    READING_HISTORY,
    SOLAR,
    TARIFF,
    WEATHER,
)
from metrify.schema.judgements import CLEAN, EDIT, FINDING, GRADE, QUALITY, QUARANTINE
from metrify.schema.table import TIME, Column, Table

__all__ = [
    "ALERT",
    "ANOMALY",
    "ASSET",
    "CLEAN",
    "DECISION",
    "EDIT",
    "ESTIMATE",
    "EVENT",
    "FEATURE",
    "FEEDBACK",
    "FINDING",
    "FORECAST",
    "GRADE",
    "GRID",
    "HOLIDAY",
    "INCIDENT",
    "LEVELS",
    "METER",
    "PLAN",
    "PREDICTION",
    "QUALITY",
    "QUARANTINE",
    "READING",
    "READING_HISTORY",
    "RISK",
    "SOLAR",
    "TABLES",
    "TARIFF",
    "TIME",
    "WEATHER",
    "Column",
    "Table",
    "level_column",
    "table",
]

TABLES: dict[str, Table] = {
    found.name: found
    for module in (inputs, judgements, answers)
    for found in (getattr(module, name) for name in module.__all__)
    if isinstance(found, Table)
}


def table(name: str) -> Table:
    """The table of that name, in any case, singular or plural. Raises UnknownName."""
    wanted = name.upper().replace("-", "_")
    for candidate in (wanted, wanted.removesuffix("S")):
        if candidate in TABLES:
            return TABLES[candidate]
    raise UnknownName("table", name, (known.lower() for known in TABLES))
