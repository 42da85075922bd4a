"""The page docs/vocabulary.md, written from the tables: `python -m metrify.schema.page [FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from metrify.schema import TABLES
from metrify.schema.table import Column, Table

__all__ = ["WORDS", "page"]

WORDS: dict[str, str] = {
    "meter": "The metering point: a place in the grid where energy is measured, forecast and billed, for as long as it "
    "is connected. `meter_id` names it in every table.",
    "device": "The box on the wall that measures at a meter. It breaks and is exchanged; METER rows say which "
    "`device_id` measured at which meter from `valid_from` to `valid_to`.",
    "interval": "A stretch of time with one reading. `timestamp` is its start, in UTC. Its length is a property of the "
    "data (15, 30 or 60 minutes) and may differ between meters. Energy is in kWh per interval, power in kW.",
    "zone": "The IANA time zone of a meter, such as Europe/London. Everything that follows people's habits (hour, "
    "weekday, holiday, day-ahead) is reckoned by its clock, so a day can have 23, 24 or 25 hours.",
    "available_at": "The moment from which a value could be known. Features of a forecast use nothing that became "
    "available after the forecast was issued: an observed temperature of tomorrow is of no use today.",
    "issue time": "The moment at which a forecast is made. Lags and rolling statistics count back from it.",
    "lead": "How far ahead a forecast looks: `timestamp` minus issue time, in minutes. Day-ahead at midnight means "
    "leads from 0 to a day.",
    "quantile": "q10 is the value that the truth stays below one time in ten. q50 is the point forecast; q10 to q90 "
    "is the 80 % band; the mean stands beside it for those who pay for squared error.",
    "task": "What is asked of a model: forecasting, anomaly, maintenance or quality.",
    "family": "One way to learn one task, written task/name: forecasting/lightgbm. In MLflow and in URLs the slash is "
    "a dot. A trained family is registered as a model with a version; `champion` and `challenger` are aliases.",
    "workspace": "One folder that holds everything Metrify keeps: lake, registry, checkpoints, reports. METRIFY_HOME "
    "names it, `./.metrify` is the default. Two workspaces know nothing of each other.",
    "bucket": "A share of the meters: `crc32(meter_id)` modulo the number of buckets that the workspace was made with. "
    "Tables with meters are partitioned by bucket and UTC month, so that work splits without moving rows.",
    "quarantine": "Where a row goes that its table refuses, whole and with the reason. Nothing is dropped.",
}

_HEAD = """\
# Vocabulary

The words and tables of Metrify. This page is generated from `metrify/schema/` by `make docs` \
(`python -m metrify.schema.page`); change it there.

Times are UTC unless a column says local. An empty cell means: not known. A row that lacks a required value, or holds \
one beyond its limits, goes to QUARANTINE with the reason.
"""


def page() -> str:
    """The whole page as Markdown."""
    words = "\n".join(f"- **{word}**: {meaning}" for word, meaning in WORDS.items())
    contents = "\n".join(f"- [{name}](#{name.lower()}): {table.meaning}" for name, table in TABLES.items())
    sections = "\n".join(map(_section, TABLES.values()))
    return f"{_HEAD}\n## Words\n\n{words}\n\n## Tables\n\n{contents}\n\n{sections}"


def _section(table: Table) -> str:
    rows = "\n".join(map(_row, table.columns))
    facts = [f"Key: {_code(table.key)}.", "Partitioned by bucket and month." if table.by_meter else "Not partitioned."]
    if table.measures:
        facts.append(f"At least one of {_code(table.measures)} holds a value.")
    return (
        f"### {table.name}\n\n{table.meaning}\n\n{' '.join(facts)}\n\n"
        "| column | type | unit | meaning | required | limits |\n|---|---|---|---|---|---|\n"
        f"{rows}\n"
    )


def _row(column: Column) -> str:
    cells = [
        f"`{column.name}`",
        str(column.type),
        column.unit,
        column.meaning,
        "yes" if column.required else "",
        _limits(column),
    ]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _limits(column: Column) -> str:
    low, high = (None if end is None else f"{end:,.10g}" for end in (column.low, column.high))
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main(arguments: list[str]) -> None:
    """Write the page to the named file, else to docs/vocabulary.md of the folder in which it runs."""
    Path(*arguments[:1] or ["docs/vocabulary.md"]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
