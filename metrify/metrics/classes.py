"""Metrics of answers to yes-or-no questions: probabilities or scores, and the verdicts that were made of them.

`actual` is 1 where the answer should have been yes, 0 where no; a pair with a missing side (NaN) is left out. Where a
metric is not defined (one class only), the answer is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrify.metrics.pairs import Floats, mean, pairs, ratio

__all__ = ["score_probabilities", "score_verdicts"]

_BINS = 10
WORST = 0.1
"""Share of the rows, the most suspicious first, that people can look at."""


def score_verdicts(actual: ArrayLike, score: ArrayLike, verdict: ArrayLike) -> dict[str, float]:
    """Of scores (any scale, higher is more yes) and verdicts: accuracy, AUC-ROC, average precision, and per class.

    precision, recall and f1 are those of yes; `..._no` those of no.
    """
    actual, score, verdict = pairs(actual, score, verdict)
    yes, said = actual > 0, verdict > 0
    found = {"n": float(len(yes)), "positives": float(yes.sum()), "accuracy": ratio((yes == said).sum(), len(yes))}
    for suffix, truth, told in (("", yes, said), ("_no", ~yes, ~said)):
        right = (truth & told).sum()
        precision, recall = ratio(right, told.sum()), ratio(right, truth.sum())
        found[f"precision{suffix}"], found[f"recall{suffix}"] = precision, recall
        found[f"f1{suffix}"] = ratio(2 * right, told.sum() + truth.sum())
    return found | _ranking(yes, score)


def score_probabilities(actual: ArrayLike, probability: ArrayLike, *, threshold: float = 0.5) -> dict[str, float]:
    """`score_verdicts` at `threshold`, and whether the probabilities can be believed.

    brier: mean squared error; brier_skill: share of the Brier score of the test's own base rate that is saved (above
    0 is better than always saying the rate); log_loss; calibration_error: mean distance between said and seen over
    ten equally filled bins; recall_worst, precision_worst: of the tenth with the highest probability.
    """
    actual, probability = pairs(actual, probability)
    found = score_verdicts(actual, probability, probability >= threshold)
    brier = mean(np.square(probability - actual))
    rate = mean(actual)
    kept = np.clip(probability, 1e-12, 1 - 1e-12)
    found |= {
        "brier": brier,
        "brier_skill": 1 - ratio(brier, rate * (1 - rate)),
        "log_loss": -mean(np.where(actual > 0, np.log(kept), np.log1p(-kept))),
        "calibration_error": _calibration_error(actual, probability),
    }
    worst = worst_share(probability, WORST)
    caught = (actual[worst] > 0).sum()
    found["recall_worst"] = ratio(caught, (actual > 0).sum())
    found["precision_worst"] = ratio(caught, worst.sum())
    return found


def worst_share(score: ArrayLike, share: float) -> NDArray[np.bool_]:
    """Which rows are among the `share` with the highest scores; of equal ones the first."""
    score = np.asarray(score, np.float64)
    chosen = np.zeros(len(score), bool)
    chosen[np.argsort(-score, kind="stable")[: int(np.ceil(share * len(score)))]] = True
    return chosen


def _ranking(yes: NDArray[np.bool_], score: Floats) -> dict[str, float]:
    if not yes.any() or yes.all():
        return {"auc_roc": np.nan, "average_precision": np.nan}
    from sklearn.metrics import average_precision_score, roc_auc_score

    return {
        "auc_roc": float(roc_auc_score(yes, score)),
        "average_precision": float(average_precision_score(yes, score)),
    }


def _calibration_error(actual: Floats, probability: Floats) -> float:
    """Over bins of equal numbers of rows, so that a rare event does not put all rows into one bin."""
    order = np.argsort(probability, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    away = [abs(actual[part].mean() - probability[part].mean()) * len(part) for part in bins]
    return ratio(sum(away), len(actual))
