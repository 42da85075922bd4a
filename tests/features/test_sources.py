"""Which rules are asked for what: a forecast pays only for those by which a reading is not trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.features import sources
from metrify.features.dayrecord import DEFECTS
from metrify.features.sources import Surroundings, Validated, validated
from metrify.schema import METER
from metrify.schema.table import TIME
from metrify.settings import Settings
from metrify.vee.evidence import Evidence
from metrify.vee.rules import RULES, flagged, trusted, validate
from tests.features.test_day import faulty


def found(told: tuple[str, ...] = ()) -> Validated:
    values = faulty(60, 60)[:3]
    meters, places = np.nonzero(np.isfinite(values))
    times = (np.datetime64("2023-01-01", "s") + places * np.timedelta64(3600, "s")).astype("datetime64[us]")
    rows = pa.table(
        {
            "meter_id": pa.array(np.array(["a", "b", "c"])[meters]),
            "timestamp": pa.array(times).cast(TIME),
            "kwh": pa.array(values[meters, places]),
            "available_at": pa.array(times + np.timedelta64(3600, "s")).cast(TIME),
        }
    )
    held = pd.DataFrame({"meter_id": ["a", "b", "c"], "zone": "Europe/London", "country": "GB", "pv_kw": 0.0})
    (group,) = validated(rows, Surroundings(held.reindex(columns=METER.names)), Settings(), told=told)
    return group


def test_history_and_truth_are_those_of_all_rules() -> None:
    group = found()
    evidence = Evidence(group.raw, np.zeros(3, bool), calendar=group.calendar, pv_kw=np.zeros(3))
    for panel, hindsight in ((group.history, False), (group.truth, True)):
        every = validate(evidence, Settings().vee, hindsight=hindsight)
        np.testing.assert_array_equal(panel.values, trusted(group.raw, every).values)
    assert group.raw.mask.sum() > group.history.mask.sum() > group.truth.mask.sum() - 1


def test_what_is_told_is_told_and_the_rest_not_asked() -> None:
    plain, days = found(), found(tuple(DEFECTS))
    evidence = Evidence(plain.raw, np.zeros(3, bool), calendar=plain.calendar, pv_kw=np.zeros(3))
    for rule in DEFECTS:
        at_once = flagged(validate(evidence, Settings().vee, hindsight=False), rule)
        np.testing.assert_array_equal(flagged(days.flags, rule), at_once)
    assert flagged(days.hindsight, "high_usage").any()
    for group in (plain, days):
        assert not flagged(group.flags | group.hindsight, "clock_shift").any()
    assert not flagged(plain.flags | plain.hindsight, "high_usage").any()
    np.testing.assert_array_equal(plain.history.values, days.history.values)


def test_a_forecast_asks_no_rule_that_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def listening(evidence, settings, *, hindsight=True, only=None):
        asked.update(only or {"everything"})
        return validate(evidence, settings, hindsight=hindsight, only=only)

    monkeypatch.setattr(sources, "validate", listening)
    found()
    deciding = {rule.name for rule in RULES if rule.severity == "error" or not rule.teaches}
    assert asked == deciding | {"gap", "duplicate"}
