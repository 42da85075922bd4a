"""Every feature by name, in the order in which FEATURE rows hold them (`metrify features list` shows them)."""

from __future__ import annotations

from metrify.features import calendar, levels, likeday, solar, weather
from metrify.features.feature import TARGET_UNIT, Feature

__all__ = ["FEATURES", "names", "scaling"]

_PV_KW = Feature("pv_kw", "kW", "rated solar power behind the meter, from METER")

FEATURES: dict[str, Feature] = {
    feature.name: feature
    for feature in (
        *calendar.FEATURES,
        *likeday.FEATURES,
        *levels.FEATURES,
        *weather.FEATURES,
        *solar.FEATURES,
        _PV_KW,
    )
}

names: tuple[str, ...] = tuple(FEATURES)
scaling: frozenset[str] = frozenset(name for name, feature in FEATURES.items() if feature.unit == TARGET_UNIT)
"""Features in the target's unit, which models may divide by the meter's level."""
