"""Rows of models' answers as columns of JSON, one object for each meter or asset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from metrify.models.catalog import ANSWERS
from metrify.schema import LEVELS, level_column
from metrify.scoring.answers import SILENT

__all__ = ["instant", "render"]

DECIMALS = 6
"""A thousandth of a watt-hour: more digits only make answers longer."""

Values = dict[str, list[Any]]
Column = Callable[[pd.Series], list[Any]]


def _instants(times: pd.Series) -> list[str]:
    utc = pd.DatetimeIndex(pd.to_datetime(times, utc=True)).tz_localize(None).to_numpy().astype("datetime64[s]")
    return np.char.add(np.datetime_as_string(utc), "Z").tolist()


def _dates(days: pd.Series) -> list[str]:
    return np.datetime_as_string(days.to_numpy("datetime64[D]")).tolist()


def _numbers(values: pd.Series) -> list[float | None]:
    rounded = np.round(values.to_numpy(float), DECIMALS)
    if np.isfinite(rounded).all():
        return rounded.tolist()
    return [value if np.isfinite(value) else None for value in rounded.tolist()]


def _texts(values: pd.Series) -> list[str | None]:
    """Null where there is nothing to say."""
    return [value or None for value in values.fillna("").tolist()]


def _plain(values: pd.Series) -> list[Any]:
    return values.tolist()


def _about_forecast(mine: Values) -> dict[str, Any]:
    """The length of the intervals, and the reasons of all of them as one."""
    first, *second = np.array([time.removesuffix("Z") for time in mine["timestamp"][:2]], "datetime64[m]")
    minutes = int((second[0] - first).astype(int)) if second else None
    return {"interval_minutes": minutes, "reason": "; ".join(dict.fromkeys(filter(None, mine.pop("reason")))) or None}


def _about_judged(_: Values) -> dict[str, Any]:
    return {"no_data": None}


@dataclass(frozen=True)
class _Layout:
    """How the rows of a task become an object for each of its subjects."""

    facts: Mapping[str, Column]
    """columns of which the first row of a subject speaks for all"""
    columns: Mapping[str, Column] = field(default_factory=dict)
    about: Callable[[Values], dict[str, Any]] = lambda _: {}
    """what there is to say of a subject's columns as a whole"""


_LAYOUTS = {
    "forecasting": _Layout(
        {"model": _plain, "issue_time": _instants},
        {
            "timestamp": _instants,
            **dict.fromkeys(("mean", *map(level_column, LEVELS)), _numbers),
            "reason": _texts,
        },
        _about_forecast,
    ),
    "anomaly": _Layout(
        {"model": _plain},
        {
            "timestamp": _instants,
            **dict.fromkeys(("value", "expected", "score", "threshold"), _numbers),
            "verdict": _plain,
            "reason": _texts,
        },
        _about_judged,
    ),
    "quality": _Layout(
        {"model": _plain},
        {"local_date": _dates, "score": _numbers, "estimation_risk": _numbers, "reason": _texts},
        _about_judged,
    ),
    "maintenance": _Layout(
        {
            "model": _plain,
            "as_of": _instants,
            "horizon_days": _plain,
            "probability": _numbers,
            "health": _numbers,
            "reason": _texts,
        }
    ),
}


def render(task: str, rows: pd.DataFrame, ids: list[str], unit: str | None = None) -> list[dict[str, Any]]:
    """The answer's object for each of `ids`, in this order, from rows sorted by the key of the task's table.

    A meter without a row has empty columns, and in `no_data` what the rows' attributes say of it.
    """
    layout, subject = _LAYOUTS[task], ANSWERS[task].key[0]
    names = rows[subject].to_numpy(str)
    firsts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]]) if len(names) else np.array([], int)
    spans = dict(zip(names[firsts].tolist(), pairwise([*firsts.tolist(), len(names)]), strict=True))
    heads = rows.iloc[firsts]
    facts = {name: dict(zip(spans, made(heads[name]), strict=True)) for name, made in layout.facts.items()}
    columns = {name: made(rows[name]) for name, made in layout.columns.items()}
    units = {} if unit is None else {"unit": unit}

    def told(name: str) -> dict[str, Any]:
        start, end = spans[name]
        mine = {column: values[start:end] for column, values in columns.items()}
        about = layout.about(mine)
        return {subject: name, **{fact: of[name] for fact, of in facts.items()}, **units, **about, **mine}

    silent = rows.attrs.get(SILENT, {})
    return [_empty(layout, subject, name, silent[name], units) if name in silent else told(name) for name in ids]


def _empty(layout: _Layout, subject: str, name: str, why: str, units: dict[str, str]) -> dict[str, Any]:
    nothing: Values = {column: [] for column in layout.columns}
    return {subject: name, **dict.fromkeys(layout.facts), **units, "no_data": why, **nothing}


def instant(moment: np.datetime64 | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if moment is None else f"{np.datetime64(moment, 's')}Z"
