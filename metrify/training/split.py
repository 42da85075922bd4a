"""Splits by time: what is learned from always ends before what is judged on begins."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import BadValue, TooLittle

__all__ = ["Fold", "folds", "within"]


@dataclass(frozen=True)
class Fold:
    """Learn from what was true before `train_until`, be judged on issues from `test_from` up to `test_until` [UTC]."""

    train_from: np.datetime64
    train_until: np.datetime64
    test_from: np.datetime64
    test_until: np.datetime64


def folds(
    issues: NDArray[np.datetime64],
    *,
    train_until: np.datetime64 | None,
    test_until: np.datetime64 | None,
    number: int = 1,
) -> list[Fold]:
    """Rolling origins over the available issue times.

    Without `train_until`, the last fifth of the issues is the test. The test is cut into `number` windows; each is
    forecast by a model that learned up to its begin. Raises TooLittle where nothing can be judged, BadValue for times
    outside of the issues.
    """
    if not len(issues):
        raise TooLittle("a test", "moments whose answers can be judged, with enough of their past", "none")
    first, last = issues.min(), issues.max()
    begin = train_until if train_until is not None else issues[int(len(issues) * 0.8)]
    end = test_until if test_until is not None else last + np.timedelta64(1, "s")
    if not first < begin < end or begin > last:
        raise BadValue("train_until", f"a time between {first} and {last}, before test_until", str(begin))
    edges = [begin + (end - begin) * part // number for part in range(number)] + [end]
    return [Fold(first, start, start, stop) for start, stop in pairwise(edges)]


def within(rows: pd.DataFrame, first: np.datetime64, until: np.datetime64) -> pd.DataFrame:
    """Rows issued from `first` up to, not including, `until`."""
    issues = rows["issue_time"].to_numpy()
    return rows[(issues >= first) & (issues < until)]
