"""Example requests and answers of every route, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from metrify.errors import NoSuchModel

__all__ = ["ANSWERS", "MODEL", "REQUESTS", "REQUEST_ID", "WAITING"]

REQUEST_ID = "6f1c2c1e-8a53-4d3a-9a55-0f2b7d1f6c11"
_UNKNOWN = "a meter that the lake does not know"
_HISTORY = {
    "meter_id": "new",
    "start": "2026-03-27T00:00:00Z",
    "interval_minutes": 60,
    "kwh": [0.3, 0.2, None, *[0.2] * 45],
}

REQUESTS: dict[str, dict[str, Any]] = {
    "forecasting": {
        "one meter": {"meter_id": "M-17"},
        "several meters, the next 48 hours": {"meter_ids": ["M-17", "M-18"], "horizon": "48h"},
        "as of a moment": {"meter_id": "M-17", "issue_time": "2026-03-29T00:00:00Z", "allow_fallback": False},
        _UNKNOWN: {"history": _HISTORY},
    },
    "anomaly": {
        "the last 24 hours of one meter": {"meter_id": "M-17"},
        "a weekend of several meters": {
            "meter_ids": ["M-17", "M-18"],
            "since": "2026-03-28T00:00:00Z",
            "until": "2026-03-30T00:00:00Z",
        },
        _UNKNOWN: {"history": _HISTORY},
    },
    "maintenance": {
        "one piece of equipment": {"asset_id": "D-17"},
        "several, as of a moment": {"asset_ids": ["D-17", "T-3"], "as_of": "2026-03-29T00:00:00Z"},
        "equipment that the lake does not know": {
            "assets": {"asset_id": "new", "kind": "meter", "make": "Acme", "installed_on": "2019-05-01"}
        },
    },
    "quality": {
        "the last whole day of one meter": {"meter_id": "M-17"},
        "a week of several meters": {"meter_ids": ["M-17", "M-18"], "first": "2026-03-23", "last": "2026-03-29"},
        _UNKNOWN: {"history": _HISTORY},
    },
}
"""By task, with what each shows."""


def _answer(subject: str, found: dict[str, Any], *models: str) -> dict[str, Any]:
    members = [{"model": model, "answered": True, "reason": None} for model in models or (found["model"],)]
    return {"request_id": REQUEST_ID, "degraded": False, "members": members, subject: [found]}


_TIMES = ["2026-03-29T00:00:00Z", "2026-03-29T00:30:00Z"]

ANSWERS: dict[str, dict[str, Any]] = {
    "forecasting": _answer(
        "forecasts",
        {
            "meter_id": "M-17",
            "model": "forecasting/lightgbm:3",
            "issue_time": "2026-03-29T00:00:00Z",
            "unit": "kWh",
            "interval_minutes": 30,
            "reason": None,
            "timestamp": _TIMES,
            "mean": [0.214, 0.198],
            "q05": [0.08, 0.07],
            "q10": [0.1, 0.09],
            "q25": [0.15, 0.13],
            "q50": [0.2, 0.18],
            "q75": [0.26, 0.24],
            "q90": [0.35, 0.33],
            "q95": [0.42, 0.4],
        },
    ),
    "anomaly": _answer(
        "anomalies",
        {
            "meter_id": "M-17",
            "model": "anomaly/zscore:2 + anomaly/isolation_forest:1",
            "unit": "kWh",
            "no_data": None,
            "timestamp": _TIMES,
            "value": [0.21, 6.4],
            "expected": [0.2, 0.19],
            "score": [0.12, 5.8],
            "threshold": [3.3, 3.3],
            "verdict": [False, True],
            "reason": [
                None,
                "anomaly/zscore:2: 6.4 kWh where 0.19 is usual at this hour (z 41); "
                "anomaly/isolation_forest:1: +38 spreads of this hour against the reading before",
            ],
        },
        "anomaly/zscore:2",
        "anomaly/isolation_forest:1",
    ),
    "maintenance": _answer(
        "risks",
        {
            "asset_id": "D-17",
            "model": "maintenance/failure:1",
            "as_of": "2026-03-29T00:00:00Z",
            "horizon_days": 365,
            "probability": 0.034,
            "health": 48.7,
            "reason": "age 14.2 years; 2 tamper events in 365 days; make Acme",
        },
    ),
    "quality": _answer(
        "quality",
        {
            "meter_id": "M-17",
            "model": "quality/score:1",
            "no_data": None,
            "local_date": ["2026-03-27", "2026-03-28"],
            "score": [100.0, 87.5],
            "estimation_risk": [0.02, 0.31],
            "reason": [None, "6 of 48 intervals missing (-12.5)"],
        },
    ),
}
"""By task."""

MODEL = {
    "task": "forecasting",
    "wanted": "forecasting@champion",
    "ready": True,
    "absent": False,
    "reason": None,
    "model": "forecasting/lightgbm:3",
    "release": "1.0",
    "aliases": ["champion"],
    "registered": "2026-03-01T12:00:00Z",
    "metrics": {"wape": 0.421},
    "unit": "kWh",
    "meters": 64,
    "assets": None,
    "lake_version": 12,
    "data_until": "2026-03-29T00:00:00Z",
}
WAITING = {
    "task": "maintenance",
    "wanted": "maintenance@champion",
    "ready": False,
    "absent": True,
    "reason": str(NoSuchModel("maintenance", "champion", [MODEL["model"]])),
}
