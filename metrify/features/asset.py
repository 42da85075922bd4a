"""The asset frame: what was known of each piece of equipment on the days on which it is judged, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import UnknownAsset
from metrify.features.equipment import CATEGORIES, DAY, Equipment, Times
from metrify.features.feature import Feature
from metrify.features.service import Ends, standing, target

__all__ = ["CATEGORIES", "FEATURES", "Equipment", "as_of_grid", "asset_frame"]

Features = dict[str, NDArray[np.float32]]

EVENT_KINDS = ("tamper", "outage", "repair", "inspection", "comms")
"""Kinds of EVENT with features of their own; all others but the ends of a service count as `other`."""
WINDOWS = (90, 365)
HOT = 30.0
YEAR = 365.25
PRIOR_YEARS = 200.0
"""asset-years at the fleet's rate that each make and model starts with"""
_ENDS = ("failure", "replacement")
_COUNTED = (*EVENT_KINDS, "other")
_LEAST_DAYS = 183

FEATURES: tuple[Feature, ...] = (
    Feature("age_years", "years", "time since installation"),
    Feature("rating_kva", "kVA", "rated power"),
    Feature("daily_maximum_1y", "degC", "mean of the days' highest temperature at its place over the last 365 days"),
    Feature("hot_days_1y", "days", f"days of the last 365 with more than {HOT:g} degC at its place, of 365"),
    Feature("temperature_life", "degC", "mean temperature at its place since its installation, as far as known"),
    *(
        Feature(f"{kind}_{days}d", "events", f"events of kind {kind} in the last {days} days")
        for kind in _COUNTED
        for days in WINDOWS
    ),
    *(Feature(f"{kind}_life", "events", f"events of kind {kind} so far") for kind in _COUNTED),
    *(Feature(f"days_since_{kind}", "days", f"time since the last event of kind {kind}") for kind in _COUNTED),
    Feature("failure_rate", "1/year", "failures per year in service of its make and model so far, towards the fleet's"),
)


def as_of_grid(equipment: Equipment, every_days: int, horizon_days: int, until: np.datetime64 | None = None) -> Times:
    """Days (00:00 UTC, ascending) on which the history is judged: from the first event on, `every_days` apart.

    The last one is the latest whose horizon is over `until` (default: when the latest event became known); before the
    first event nothing was recorded, so that survival proves nothing. Empty where the records are too short.
    """
    until = equipment.known_until if until is None else until
    if equipment.events.empty or np.isnat(until):
        return np.empty(0, "datetime64[s]")
    first = equipment.events["timestamp"].min().to_datetime64().astype("datetime64[s]")
    last = until.astype("datetime64[D]").astype("datetime64[s]") - horizon_days * DAY
    steps = int((last - first) / (every_days * DAY)) if last >= first else -1
    return last - np.arange(steps, -1, -1) * every_days * DAY


def asset_frame(
    equipment: Equipment,
    as_of: Times,
    *,
    horizon_days: int,
    asset_ids: Sequence[str] | None = None,
    in_service_only: bool = True,
    labels_until: np.datetime64 | None = None,
) -> pd.DataFrame:
    """One row per time of `as_of` [UTC] and asset that was in service then, as far as was known then.

    Columns: asset_id, as_of, horizon_days, standing ("" in service), FEATURES (float32), CATEGORIES (text) and target:
    1 a failure within `horizon_days` after as_of, 0 none, NaN unknown (see service.target). Only events that became
    known by `labels_until` (default: all) make targets. With `in_service_only=False` every asset has a row, and
    `standing` says why it is not in service. Raises UnknownAsset for `asset_ids` that no ASSET row names.
    """
    chosen = _chosen(equipment, asset_ids)
    until = equipment.known_until if labels_until is None else labels_until
    truth = Ends.known(equipment, until)
    moments = np.unique(np.asarray(as_of, "datetime64[s]"))
    frame = pd.concat(
        [
            _judged(equipment, moment, target(moment, horizon_days, truth, until), chosen, in_service_only)
            for moment in (moments if len(moments) else np.zeros(1, "datetime64[s]"))
        ],
        ignore_index=True,
    )
    frame.insert(2, "horizon_days", np.full(len(frame), horizon_days, np.int32))
    return frame if len(moments) else frame.iloc[:0]


def _judged(
    equipment: Equipment,
    moment: np.datetime64,
    came: NDArray[np.float32],
    chosen: NDArray[np.int_],
    in_service_only: bool,
) -> pd.DataFrame:
    """The rows of one moment; `came` is the target of every asset."""
    ends = Ends.known(equipment, moment)
    words = standing(equipment, moment, ends)
    columns = {
        "asset_id": equipment.assets.index.to_numpy(),
        "as_of": np.full(len(words), moment),
        "standing": words,
        **_features(equipment, moment, ends),
        **{name: equipment.assets[name].to_numpy() for name in CATEGORIES},
        "target": came,
    }
    rows = chosen[words[chosen] == ""] if in_service_only else chosen
    return pd.DataFrame({name: values[rows] for name, values in columns.items()})


def _chosen(equipment: Equipment, asset_ids: Sequence[str] | None) -> NDArray[np.int_]:
    if asset_ids is None:
        return np.arange(len(equipment.assets))
    rows = equipment.assets.index.get_indexer(list(asset_ids))
    if (rows < 0).any():
        unknown = [name for name, row in zip(asset_ids, rows, strict=True) if row < 0]
        raise UnknownAsset(unknown, len(equipment.assets))
    return rows


def _features(equipment: Equipment, moment: np.datetime64, ends: Ends) -> Features:
    """FEATURES of every asset, each float32 of shape [N]."""
    assets = equipment.assets
    found = {
        "age_years": (moment - assets["installed_on"].to_numpy()) / (YEAR * DAY),
        "rating_kva": assets["rating_kva"].to_numpy(),
        **_heat(equipment, moment),
        **_happened(equipment, moment),
        "failure_rate": _failure_rate(equipment, moment, ends),
    }
    return {feature.name: found[feature.name].astype(np.float32) for feature in FEATURES}


def _heat(equipment: Equipment, moment: np.datetime64) -> Features:
    """Warmth of each asset's place; NaN where most of the year, or all of its life, is unknown."""
    assets = equipment.assets
    installed, location = assets["installed_on"].to_numpy(), assets["location"].to_numpy()
    found = {name: np.full(len(assets), np.nan) for name in ("daily_maximum_1y", "hot_days_1y", "temperature_life")}
    known = equipment.weather[equipment.weather["known_at"] <= moment]
    for place, days in known.groupby("location"):
        here = np.flatnonzero(location == place)
        year = days["maximum"][days["day"] >= moment - 365 * DAY]
        if len(year) >= _LEAST_DAYS:
            found["daily_maximum_1y"][here] = year.mean()
            found["hot_days_1y"][here] = (year > HOT).mean() * 365
        total = np.r_[0.0, np.cumsum(days["mean"])]
        since = np.searchsorted(days["day"].to_numpy(), installed[here])
        count = len(days) - since
        found["temperature_life"][here] = np.where(count > 0, (total[-1] - total[since]) / np.maximum(count, 1), np.nan)
    return found


def _happened(equipment: Equipment, moment: np.datetime64) -> Features:
    """How often and how recently each kind of event befell each asset."""
    events = equipment.events[(equipment.events["timestamp"] <= moment) & (equipment.events["known_at"] <= moment)]
    events = events[~events["kind"].isin(_ENDS)]
    names = events["kind"].cat.categories
    kinds = np.array([_COUNTED.index(name if name in EVENT_KINDS else "other") for name in names], np.int64)
    shape = (len(equipment.assets), len(_COUNTED))
    cell = events["asset"].to_numpy() * shape[1] + kinds[events["kind"].cat.codes]
    days = ((moment - events["timestamp"].to_numpy()) / DAY).astype(np.float64)
    since = np.full(shape[0] * shape[1], np.inf)
    np.minimum.at(since, cell, days)
    since = np.where(np.isfinite(since), since, np.nan).reshape(shape)
    counts = {
        suffix: np.bincount(cell[days < span], minlength=since.size).reshape(shape)
        for suffix, span in (*((f"{window}d", window) for window in WINDOWS), ("life", np.inf))
    }
    found = {f"{kind}_{suffix}": count[:, k] for suffix, count in counts.items() for k, kind in enumerate(_COUNTED)}
    return found | {f"days_since_{kind}": since[:, k] for k, kind in enumerate(_COUNTED)}


def _failure_rate(equipment: Equipment, moment: np.datetime64, ends: Ends) -> NDArray[np.float64]:
    """Failures per year in service of each asset's kind, make and model since records began, [N].

    Few years in service leave the rate near the fleet's.
    """
    assets, events = equipment.assets, equipment.events
    known = events["timestamp"][events["known_at"] <= moment]
    recorded = known.min().to_datetime64() if len(known) else moment
    begun = np.maximum(assets["installed_on"].to_numpy(), recorded)
    years = np.nan_to_num(np.maximum((np.fmin(ends.first, moment) - begun) / (YEAR * DAY), 0.0))
    failed = (ends.failed <= moment).astype(np.float64)
    group = assets.groupby(["kind", "make", "model"], sort=False).ngroup().to_numpy()
    years_of, failed_of = (np.bincount(group, values) for values in (years, failed))
    fleet = failed.sum() / max(years.sum(), 1.0)
    return ((failed_of + PRIOR_YEARS * fleet) / (years_of + PRIOR_YEARS))[group]
