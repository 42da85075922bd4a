"""Metrics of detectors by event: people act on cases, not on readings."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["APART", "by_kind", "incidents", "score_events"]

APART = np.timedelta64(6, "h")
"""Flagged readings of a meter that lie closer together are one incident."""


def incidents(rows: pd.DataFrame) -> NDArray[np.int64]:
    """The incident that each row belongs to, counted from 0; -1 where it was not flagged.

    `rows`: meter_id, timestamp, verdict. Flagged readings of a meter less than APART from the next are one incident.
    """
    flagged = rows["verdict"].to_numpy(bool)
    number = np.full(len(rows), -1, np.int64)
    meters = pd.factorize(rows["meter_id"])[0][flagged]
    times = rows["timestamp"].to_numpy()[flagged]
    order = np.lexsort((times, meters))
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(meters[order]) != 0) | (np.diff(times[order]) > APART)
    places = np.flatnonzero(flagged)
    number[places[order]] = np.cumsum(begins) - 1
    return number


def score_events(rows: pd.DataFrame) -> dict[str, float]:
    """Recall, precision and F1 by event, and how many false incidents people would see.

    `rows`: meter_id, timestamp, verdict, `event` (name of the true event that covers the reading, "" for none). An
    event is found if any of its readings was flagged; an incident is false if none of its readings is of an event.
    event_delay_hours: median time from an event's first reading to its first flagged one.
    """
    number = incidents(rows)
    true = rows["event"].to_numpy() != ""
    flagged = number >= 0
    total = int(rows.loc[true, "event"].nunique())
    found = int(rows.loc[true & flagged, "event"].nunique())
    raised = int(number.max(initial=-1)) + 1
    right = len(np.unique(number[flagged & true]))
    recall = found / total if total else np.nan
    precision = right / raised if raised else np.nan
    both = recall + precision
    meter_days = len(
        rows.assign(day=rows["timestamp"].to_numpy().astype("datetime64[D]"))[["meter_id", "day"]].value_counts()
    )
    return {
        "events": float(total),
        "event_recall": recall,
        "event_precision": precision,
        "event_f1": 2 * recall * precision / both if both > 0 else (np.nan if np.isnan(both) else 0.0),
        "false_incidents": (raised - right) / meter_days * 1000 if meter_days else np.nan,
        "event_delay_hours": _delay(rows, true, flagged),
    }


def by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Events and found events per kind: columns kind, events, found, recall. `rows` as above, with `kind`."""
    true = rows[rows["event"].to_numpy() != ""]
    events = true.groupby(["kind", "event"], observed=True)["verdict"].any().reset_index()
    table = events.groupby("kind", observed=True)["verdict"].agg(["size", "sum"]).reset_index()
    table.columns = ["kind", "events", "found"]
    return table.assign(found=table["found"].astype(int), recall=table["found"] / table["events"])


def _delay(rows: pd.DataFrame, true: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> float:
    first = rows[true].groupby("event", observed=True)["timestamp"].min()
    seen = rows[true & flagged].groupby("event", observed=True)["timestamp"].min()
    late = (seen - first.reindex(seen.index)) / np.timedelta64(1, "h")
    return float(late.median()) if len(late) else np.nan
