"""Reasons: the strongest drivers in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.features.asset import CATEGORIES, FEATURES
from metrify.models.maintenance.reasons import reasons


def row(**values) -> pd.DataFrame:
    return pd.DataFrame({name: [value] for name, value in values.items()})


def said(contributions: list[float], **values) -> str:
    return reasons(row(**values), list(values), np.array([contributions], np.float32))[0]


def test_the_three_strongest_towards_failure_in_order() -> None:
    words = said([0.9, 0.5, 0.2, 0.1, -2], age_years=14.2, make="Kestrel", hot_days_1y=31.0, tamper_90d=1.0, model="x")
    assert words == "age 14.2 years; make Kestrel; 31 days above 30 degC in a year"


def test_what_speaks_for_survival_where_nothing_speaks_for_failure() -> None:
    assert said([-0.9, 0.01], age_years=0.4, tamper_90d=0.0) == "less likely: age 0.4 years"
    assert said([0.01, -0.01], age_years=0.4, tamper_90d=0.0) == "like the fleet"


def test_counts_times_and_what_is_unknown() -> None:
    assert said([1], outage_365d=1.0) == "1 outage event in 365 days"
    assert said([1], comms_life=7.0) == "7 comms events so far"
    assert said([1], days_since_repair=12.4) == "12 days since the last repair"
    assert said([1], days_since_repair=np.nan) == "no repair so far"
    assert said([1], rating_kva=None) == "rating kva unknown"
    assert said([1], make=None) == "make unknown"


def test_every_feature_has_words() -> None:
    for feature in FEATURES:
        for value in (3.0, np.nan):
            assert "_" not in said([1], **{feature.name: value})
    for name in CATEGORIES:
        assert said([1], **{name: "Vega"}) == f"{name} Vega"
