"""One answer from those of several models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import UnknownName
from metrify.models.catalog import ANSWERS
from metrify.schema import LEVELS, level_column
from metrify.scoring.answers import SILENT

__all__ = ["combine"]

_MEANS = {
    "forecasting": ("mean", *map(level_column, LEVELS)),
    "anomaly": ("score", "threshold", "expected"),
    "quality": ("score", "estimation_risk"),
    "maintenance": ("probability", "health", "consequence", "risk"),
}
_JOIN = " + "

Places = NDArray[np.int64]
"""for each row of all members the row of the answer that it belongs to"""


def combine(task: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One row for each row that any member answered, in the order of the first frame; the others' further rows follow.

    Numbers are the mean of the members that have one; so the quantiles of forecasts are averaged level by level
    (Vincentization: Genest 1992, doi:10.1214/aos/1176348676; Lichtendahl et al. 2013, doi:10.1287/mnsc.1120.1667),
    which keeps them in order. A reading is an anomaly where the mean score reaches the mean threshold, or, without
    thresholds, where half of the verdicts or more say so. A reason is told with the model whose it is, and `model`
    names all that have the row; an ordinary reading has none. A single frame comes back as it is; there must be one.
    Raises UnknownName for a task that is none.
    """
    if task not in ANSWERS:
        raise UnknownName("task", task, ANSWERS)
    members = [frame for frame in frames if len(frame)]
    if len(members) < 2:
        return (members or frames)[0].reset_index(drop=True)
    keys = [name for name in ANSWERS[task].key if name != "model"]
    rows = pd.concat(members, ignore_index=True)
    place = rows.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()  # in order of appearance
    answer = rows[~pd.Series(place).duplicated()].reset_index(drop=True)
    for name in _MEANS[task]:
        if name in rows:
            answer[name] = rows[name].astype(float).groupby(place).mean()
    if task == "anomaly":
        answer["verdict"] = _verdict(answer, rows["verdict"].astype(float).groupby(place).mean())
    answer["reason"] = _told(rows, place)
    if task == "anomaly":  # what a member alone finds strange is none of the answer's
        answer["reason"] = answer["reason"].where(answer["verdict"] | answer["score"].isna(), "")
    answer["model"] = _joined(rows["model"], place, _JOIN.join)
    answer.attrs = _silent(frames, answer)
    return answer


def _verdict(answer: pd.DataFrame, share: pd.Series) -> pd.Series:
    """At the mean threshold; where no member has one, by the share of the members' own verdicts."""
    threshold = answer["threshold"] if "threshold" in answer else pd.Series(np.nan, answer.index)
    return (answer["score"] >= threshold).where(threshold.notna(), share >= 0.5)


def _told(rows: pd.DataFrame, place: Places) -> pd.Series | str:
    """Reasons behind the name of their model; one that all members of a row give alike needs no name."""
    reasons = rows["reason"].fillna("").astype(str)
    if not reasons.any():
        return ""
    told = (rows["model"] + ": " + reasons).where(reasons != "", "")
    alike = reasons.groupby(place).transform("nunique").to_numpy() == 1
    return _joined(reasons.where(alike, told), place, lambda texts: "; ".join(dict.fromkeys(filter(None, texts))))


def _joined(texts: pd.Series, place: Places, join: Callable[[tuple[str, ...]], str]) -> pd.Series:
    """The texts of each row's members as one; rows mostly agree, so what was joined once is looked up."""
    lists: list[list[str]] = [[] for _ in range(int(place.max()) + 1)]
    for row, text in zip(place.tolist(), texts.tolist(), strict=True):
        lists[row].append(text)
    joined = {found: join(found) for found in set(map(tuple, lists))}
    return pd.Series([joined[tuple(found)] for found in lists], dtype=object)


def _silent(frames: list[pd.DataFrame], answer: pd.DataFrame) -> dict[str, dict[str, str]]:
    """What members say of meters without a row, as long as no other member has one."""
    told = {meter: why for frame in frames for meter, why in frame.attrs.get(SILENT, {}).items()}
    answered = set(answer["meter_id"]) if told else set()
    return {SILENT: {meter: why for meter, why in told.items() if meter not in answered}} if told else {}
