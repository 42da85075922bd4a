"""Which rules are asked for what: a forecast pays only for those by which a reading is not trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.features import sources
from metrify.features.dayrecord import DEFECTS
from metrify.features.sources import Surroundings, Validated, validated
from metrify.lake.tables import Lake
from metrify.schema import METER
from metrify.schema.table import TIME
from metrify.settings import Settings, Workspace
from metrify.vee.around import Around, Happenings
from metrify.vee.evidence import Evidence
from metrify.vee.ladder import UNFIT
from metrify.vee.rules import RULES, flagged, trusted, validate
from tests.features.test_day import faulty


def found(told: tuple[str, ...] = (), **around: Any) -> Validated:
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
    (group,) = validated(rows, Surroundings(held.reindex(columns=METER.names), **around), Settings(), told=told)
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


def test_what_happened_to_a_meter_is_known_to_the_rules_that_ask() -> None:
    begin = np.array(["2023-01-10T06:00"], "datetime64[s]").astype(np.int64)
    dark = Happenings(np.array(["b"]), begin, begin + 7200)
    group = found(tuple(UNFIT), outages=dark)
    assert np.argwhere(flagged(group.hindsight, "outage")).tolist() == [[1, 222], [1, 223]]
    assert not flagged(group.flags, "outage").any()
    assert not flagged(found().hindsight, "outage").any()


def test_an_outage_is_true_and_no_estimate_is_made_of_it() -> None:
    begin = np.array(["2023-01-10T06:00"], "datetime64[s]").astype(np.int64)
    group = found(tuple(UNFIT), outages=Happenings(np.array(["b"]), begin, begin + 7200))
    unfit = np.any([flagged(group.hindsight, rule) for rule in UNFIT], axis=0)
    assert np.isfinite(group.truth.values[1, 222:224]).all()
    np.testing.assert_array_equal(group.usable.values, np.where(unfit, np.float32("nan"), group.truth.values))


def test_surroundings_are_those_of_the_rules_and_the_weather(workspace: Workspace) -> None:
    lake = Lake(workspace)
    read = Surroundings.read(lake)
    assert isinstance(read, Around)
    assert read.weather == {}
    assert set(Around.__dataclass_fields__) | {"weather"} == set(Surroundings.__dataclass_fields__)
