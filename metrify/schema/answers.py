"""Tables that models, plans and people answer with, and the features that models learn from."""

from __future__ import annotations

from metrify.schema.table import BOOL, DATE, F32, F64, I32, TEXT, TIME, Column, Table

__all__ = [
    "ALERT",
    "ANOMALY",
    "DECISION",
    "ESTIMATE",
    "FEATURE",
    "FEEDBACK",
    "FORECAST",
    "INCIDENT",
    "LEVELS",
    "PLAN",
    "PREDICTION",
    "RISK",
    "level_column",
]

LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
"""Quantile levels of every forecast."""


def level_column(level: float) -> str:
    """The FORECAST column of a quantile level: 0.1 is q10."""
    return f"q{round(level * 100):02d}"


_METER_ID = Column("meter_id", TEXT, "", "the metering point", required=True)
_TIMESTAMP = Column("timestamp", TIME, "UTC", "start of the interval", required=True)
_ISSUE = Column("issue_time", TIME, "UTC", "when it was issued: nothing known later was used", required=True)
_LEAD = Column("lead_minutes", I32, "min", "timestamp minus issue_time", required=True)
_MODEL = Column("model", TEXT, "", "family and registry version, such as forecasting/lightgbm:3", required=True)
_REASON = Column("reason", TEXT, "", "empty for an ordinary answer, else the named fallback and why")

FEATURE = Table(
    "FEATURE",
    "What was known about a forecast row at its issue time; one more float32 column per declared feature.",
    (
        _METER_ID,
        _ISSUE,
        _TIMESTAMP,
        _LEAD,
        Column("target", F32, "as the target", "what came true; empty where it is unknown or was flagged"),
    ),
    key=("meter_id", "issue_time", "timestamp"),
    by_meter=True,
    further=F32,
)

FORECAST = Table(
    "FORECAST",
    "Forecasts: the point is q50; the mean is beside it for those who pay for squared error.",
    (
        _METER_ID,
        _ISSUE,
        _TIMESTAMP,
        _MODEL,
        _LEAD,
        Column("mean", F64, "as the target", "expected value"),
        *(Column(level_column(q), F64, "as the target", f"{q:.0%} quantile") for q in LEVELS),
        _REASON,
    ),
    key=("meter_id", "issue_time", "timestamp", "model"),
    by_meter=True,
)

ANOMALY = Table(
    "ANOMALY",
    "Scores of readings, and the verdict at the threshold of the alert budget.",
    (
        _METER_ID,
        _TIMESTAMP,
        _MODEL,
        Column("score", F64, "", "-log10 of the share of ordinary readings that are as strange; empty: see the reason"),
        Column("verdict", BOOL, "", "whether the score passed the threshold", required=True),
        Column("expected", F64, "kWh", "what was expected"),
        _REASON,
    ),
    key=("meter_id", "timestamp", "model"),
    by_meter=True,
)

ESTIMATE = Table(
    "ESTIMATE",
    "What a model would put where a reading is missing or wrong; what is put there is an EDIT.",
    (
        _METER_ID,
        _TIMESTAMP,
        _MODEL,
        Column("value", F64, "as the target", "the estimate; empty: see the reason"),
        Column("low", F64, "as the target", "lower end of the uncertainty band, the 10 % quantile"),
        Column("high", F64, "as the target", "upper end of the uncertainty band, the 90 % quantile"),
        _REASON,
    ),
    key=("meter_id", "timestamp", "model"),
    by_meter=True,
)

INCIDENT = Table(
    "INCIDENT",
    "Anomalies of one cause merged into one case.",
    (
        Column("incident_id", TEXT, "", "hash of meter, kind and start", required=True),
        _METER_ID,
        Column("timestamp", TIME, "UTC", "when it began", required=True),
        Column("until", TIME, "UTC", "when it ended", required=True),
        Column("kind", TEXT, "", "spike, drop, stuck, reversed, theft, shift, ...", required=True),
        Column("energy_kwh", F64, "kWh", "energy concerned"),
        Column("cost", F64, "money", "money concerned"),
        Column("evidence", TEXT, "", "what was expected and what came", required=True),
    ),
    key=("incident_id",),
    by_meter=True,
)

RISK = Table(
    "RISK",
    "Chance and cost of the failure of equipment.",
    (
        Column("asset_id", TEXT, "", "the equipment", required=True),
        Column("as_of", TIME, "UTC", "when it was judged", required=True),
        _MODEL,
        Column("horizon_days", I32, "days", "within how many days", required=True),
        Column("probability", F64, "probability", "chance of failure within the horizon; empty: see the reason"),
        Column("health", F64, "0-100", "health index, higher is better"),
        Column("consequence", F64, "money", "cost of a failure"),
        Column("risk", F64, "money", "probability times consequence"),
        _REASON,
    ),
    key=("asset_id", "as_of", "model"),
)

PLAN = Table(
    "PLAN",
    "Who does which work on which equipment when.",
    (
        Column("plan_id", TEXT, "", "one run of the planner", required=True),
        Column("asset_id", TEXT, "", "the equipment", required=True),
        Column("work", TEXT, "", "inspect, repair or replace", required=True),
        Column("crew", TEXT, "", "who", required=True),
        Column("local_date", DATE, "", "day of the work", required=True),
        Column("start", TIME, "UTC", "begin of the work", required=True),
        Column("hours", F64, "h", "duration"),
        Column("cost", F64, "money", "cost of the work"),
        Column("saving", F64, "money", "expected cost that it avoids"),
    ),
    key=("plan_id", "asset_id", "work"),
)

PREDICTION = Table(
    "PREDICTION",
    "Every served answer, for accuracy, lineage and audit.",
    (
        Column("prediction_id", TEXT, "", "one answered request row", required=True),
        Column("request_id", TEXT, "", "the request", required=True),
        _METER_ID,
        _ISSUE,
        _TIMESTAMP,
        _MODEL,
        Column("arm", TEXT, "", "champion, challenger, canary or shadow", required=True),
        Column("mean", F64, "as the target", "expected value"),
        Column("q10", F64, "as the target", "10 % quantile"),
        Column("q50", F64, "as the target", "the point"),
        Column("q90", F64, "as the target", "90 % quantile"),
        Column("latency_ms", F64, "ms", "time from request to answer"),
        Column("feature_hash", TEXT, "", "hash of the features used"),
        Column("answered_at", TIME, "UTC", "when", required=True),
    ),
    key=("prediction_id",),
    by_meter=True,
)

FEEDBACK = Table(
    "FEEDBACK",
    "What people say of an answer.",
    (
        Column("subject_id", TEXT, "", "incident, alert or prediction", required=True),
        Column("verdict", TEXT, "", "confirmed or false", required=True),
        Column("author", TEXT, "", "who", required=True),
        Column("comment", TEXT, "", "in their words"),
        Column("given_at", TIME, "UTC", "when", required=True),
    ),
    key=("subject_id", "author", "given_at"),
)

ALERT = Table(
    "ALERT",
    "Incidents that were told to people, each once.",
    (
        Column("alert_id", TEXT, "", "hash of the incident and the rule", required=True),
        Column("incident_id", TEXT, "", "the incident", required=True),
        _METER_ID,
        Column("kind", TEXT, "", "kind of the incident", required=True),
        Column("severity", TEXT, "", "info, warning or error", required=True),
        Column("state", TEXT, "", "open, acknowledged or silenced", required=True),
        Column("raised_at", TIME, "UTC", "when", required=True),
    ),
    key=("alert_id",),
    by_meter=True,
)

DECISION = Table(
    "DECISION",
    "What monitoring decided about a model, and why.",
    (
        Column("decision_id", TEXT, "", "hash of model, trigger and time", required=True),
        _MODEL,
        Column("trigger", TEXT, "", "accuracy, drift, age, new data, schema or manual", required=True),
        Column("action", TEXT, "", "retrain, promote, roll back or none", required=True),
        Column("reason", TEXT, "", "in words, with the figures", required=True),
        Column("decided_at", TIME, "UTC", "when", required=True),
    ),
    key=("decision_id",),
)
