"""Tables that Metrify writes about its inputs: what was refused, found, edited and graded."""

from __future__ import annotations

from metrify.schema.table import DATE, F64, I32, I64, TEXT, TIME, Column, Table

__all__ = ["CLEAN", "EDIT", "FINDING", "GRADE", "QUALITY", "QUARANTINE"]

_METER_ID = Column("meter_id", TEXT, "", "the metering point", required=True)
_TIMESTAMP = Column("timestamp", TIME, "UTC", "start of the interval", required=True)

QUARANTINE = Table(
    "QUARANTINE",
    "Rows that could not enter their table, whole, with the reason.",
    (
        Column("quarantine_id", TEXT, "", "hash of table, source, row and reason: the same row is kept once", True),
        Column("table", TEXT, "", "the table that it was meant for", required=True),
        Column("source", TEXT, "", "file or topic that it came from", required=True),
        Column("row", I64, "", "row number in the source, counted from 1", required=True),
        Column("reason", TEXT, "", "why it was refused", required=True),
        Column("content", TEXT, "JSON", "the row as it came", required=True),
        Column("ingested_at", TIME, "UTC", "when it came", required=True),
        Column("meter_id", TEXT, "", "the metering point, where it could be read"),
        Column("timestamp", TIME, "UTC", "start of the interval, where it could be read"),
    ),
    key=("quarantine_id",),
)

FINDING = Table(
    "FINDING",
    "What a validation rule found in the readings.",
    (
        _METER_ID,
        _TIMESTAMP,
        Column("rule", TEXT, "", "name of the rule", required=True),
        Column("until", TIME, "UTC", "end of the last interval concerned", required=True),
        Column("intervals", I32, "", "number of intervals concerned", required=True),
        Column("severity", TEXT, "", "info, warning or error", required=True),
        Column("detail", TEXT, "", "what was found, in words"),
        Column("found_at", TIME, "UTC", "when the rule ran", required=True),
    ),
    key=("meter_id", "timestamp", "rule"),
    by_meter=True,
)

EDIT = Table(
    "EDIT",
    "Estimates and corrections: who put which value in place of which, and why.",
    (
        _METER_ID,
        _TIMESTAMP,
        Column("edit_id", TEXT, "", "hash of what was edited and how", required=True),
        Column("column", TEXT, "", "the edited column of READING", required=True),
        Column("before", F64, "as the column", "value before; empty where there was none"),
        Column("after", F64, "as the column", "value after"),
        Column("method", TEXT, "", "rung of the estimation ladder, or manual", required=True),
        Column("low", F64, "as the column", "lower end of the uncertainty band"),
        Column("high", F64, "as the column", "upper end of the uncertainty band"),
        Column("author", TEXT, "", "who or which job", required=True),
        Column("reason", TEXT, "", "why", required=True),
        Column("edited_at", TIME, "UTC", "when", required=True),
        Column("undone_at", TIME, "UTC", "when it was undone; empty means it was not"),
        Column("undone_by", TEXT, "", "who or which job undid it"),
    ),
    key=("meter_id", "timestamp", "column", "edit_id"),
    by_meter=True,
)

CLEAN = Table(
    "CLEAN",
    "Readings after validation, estimation and editing, what bills are made of: a view of READING and EDIT.",
    (
        _METER_ID,
        _TIMESTAMP,
        Column("kwh", F64, "kWh", "energy taken in the interval"),
        Column("kwh_export", F64, "kWh", "energy given back in the interval"),
        Column(
            "status",
            TEXT,
            "",
            "measured; estimated; edited, by hand; flagged by an error rule, as it came; missing: no value",
            required=True,
        ),
        Column("method", TEXT, "", "how it was estimated or edited"),
        Column("low", F64, "as the target", "lower end of the uncertainty band of an estimate"),
        Column("high", F64, "as the target", "upper end of the uncertainty band of an estimate"),
        Column("findings", I64, "bit mask", "rules that flagged the reading"),
    ),
    key=("meter_id", "timestamp"),
    by_meter=True,
)

GRADE = Table(
    "GRADE",
    "Grade of a meter-day by the utility's rules.",
    (
        _METER_ID,
        Column("local_date", DATE, "", "day at the meter's place", required=True),
        Column("grade", TEXT, "", "A to F", required=True),
        Column("measured", F64, "share", "share of the day's intervals with a valid measurement"),
        Column("estimated", F64, "share", "share of the day's intervals that were estimated or edited"),
        Column("reason", TEXT, "", "the rule that set the grade"),
        Column("graded_at", TIME, "UTC", "when", required=True),
    ),
    key=("meter_id", "local_date"),
    by_meter=True,
)

QUALITY = Table(
    "QUALITY",
    "Learned quality of a meter-day.",
    (
        _METER_ID,
        Column("local_date", DATE, "", "day at the meter's place", required=True),
        Column("score", F64, "0-100", "quality, higher is better"),
        Column("estimation_risk", F64, "probability", "chance that the next day needs estimation"),
        Column("reason", TEXT, "", "what lowered the score"),
        Column("model", TEXT, "", "family and version", required=True),
    ),
    key=("meter_id", "local_date", "model"),
    by_meter=True,
)
