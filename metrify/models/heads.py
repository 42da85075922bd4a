"""What families of several LightGBM boosters share: one booster a head, such as the median or a quantile."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm as lgb

from metrify.models.base import Model

__all__ = ["at_once", "importance", "load_boosters", "parameters", "save_boosters"]

_SEARCHED = (
    "learning_rate", "num_leaves", "min_data_in_leaf", "feature_fraction", "bagging_fraction", "lambda_l2", "seed",
)  # fmt: skip


def parameters(model: Model) -> dict[str, Any]:
    """LightGBM's parameters from the family's hyperparameters; the same rows give the same trees."""
    settings = model.settings
    return {name: settings[name] for name in _SEARCHED} | {
        "bagging_freq": 1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,  # a fixed histogram method: the automatic choice is not deterministic
        "verbosity": -1,
    }


def at_once(calls: Mapping[str, tuple[Any, ...]], threads: int) -> dict[str, Any]:
    """Run (function, *arguments) by name, one core each: OpenMP's own threads stall where other work runs too.

    `threads` 0: OMP_NUM_THREADS, which Ray sets, else all cores.
    """
    cores = threads or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    with ThreadPoolExecutor(max_workers=min(cores, len(calls))) as pool:
        running = {name: pool.submit(*call) for name, call in calls.items()}
        return {name: future.result() for name, future in running.items()}


def importance(booster: lgb.Booster) -> dict[str, float]:
    """Share of each feature in the gain of the trees."""
    gain = booster.feature_importance("gain")
    return dict(zip(booster.feature_name(), gain / max(gain.sum(), 1e-12), strict=True))


def save_boosters(boosters: Mapping[str, lgb.Booster], folder: Path) -> None:
    """One file a head."""
    for head, booster in boosters.items():
        booster.save_model(folder / f"{head}.txt")


def load_boosters(heads: Iterable[str], folder: Path) -> dict[str, lgb.Booster]:
    """The boosters saved in `folder`, by head; those that are not there yet are left out."""
    files = {head: folder / f"{head}.txt" for head in heads}
    return {head: lgb.Booster(model_file=file) for head, file in files.items() if file.exists()}
