"""Risk of equipment: as of when, of which, and from what was known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metrify.errors import UnknownAsset
from metrify.lake.tables import Lake
from metrify.schema import EVENT, READING, RISK, WEATHER
from metrify.scoring.risk import RiskScorer
from tests.scoring.fleet import END, HOUR, Aging, equip, load, readings, stamps


@pytest.fixture
def lake(workspace) -> Lake:
    lake = Lake(workspace)
    equip(lake)
    return lake


@pytest.fixture
def scorer(workspace, lake) -> RiskScorer:
    return RiskScorer(workspace, Aging(), "maintenance/aging:1")


def test_equipment_is_judged_as_of_the_end_of_what_the_lake_knows(scorer) -> None:
    answer = scorer.answer(["old"])
    assert list(answer.columns) == RISK.names
    assert scorer.until == np.datetime64("2019-06-01", "s")
    assert answer.at[0, "as_of"] == pd.Timestamp("2019-06-01", tz="UTC")
    assert answer.at[0, "probability"] == pytest.approx(4.41 / 100, rel=0.01)
    assert answer.at[0, "horizon_days"] == 365
    assert answer.at[0, "model"] == "maintenance/aging:1"
    assert scorer.assets == {"old", "broken", "planned"}


def test_readings_and_weather_carry_the_default_further_but_forecasts_and_the_future_do_not(scorer, lake) -> None:
    times = np.array(["2019-09-01", "2019-09-02"], "datetime64[s]")
    kinds = {"location": ["here"] * 2, "kind": ["observed", "forecast"]}
    rows = {"timestamp": stamps(times), "available_at": stamps(times + HOUR), "temperature_c": np.ones(2)}
    lake.upsert(WEATHER, pa.table(kinds | rows))
    assert scorer.refresh()
    assert scorer.until == np.datetime64("2019-09-02", "s")
    lake.upsert(READING, readings("one", END, load(24, 1)))
    scorer.refresh()
    assert scorer.until == END + 24 * HOUR
    soon = {"subject_id": ["old"], "timestamp": stamps(np.array(["2090-01-01"], "datetime64[s]")), "kind": ["outage"]}
    lake.upsert(EVENT, pa.table(soon))
    scorer.refresh()
    assert scorer.until is not None
    assert scorer.until <= np.datetime64("now", "s")


def test_equipment_that_is_not_in_service_has_a_reason_and_no_probability(scorer) -> None:
    answer = scorer.answer(["planned", "broken", "old"]).set_index("asset_id")
    assert answer["probability"].isna().to_dict() == {"broken": True, "old": False, "planned": True}
    assert answer["reason"].to_dict() == {
        "broken": "failed on 2019-06-01",
        "old": "",
        "planned": "not installed before 2021-01-01",
    }


def test_nothing_later_than_the_moment_is_known(scorer, lake) -> None:
    earlier = np.datetime64("2019-05-01", "s")
    before = scorer.answer(["broken", "old"], earlier)
    assert before["probability"].notna().all()
    later = stamps(np.array(["2019-05-02"], "datetime64[s]"))
    lake.upsert(EVENT, pa.table({"subject_id": ["old"], "timestamp": later, "kind": ["failure"]}))
    scorer.refresh()
    pd.testing.assert_frame_equal(scorer.answer(["broken", "old"], earlier), before)
    assert scorer.answer(["old"])["probability"].isna().all()


def test_unknown_assets_are_named(scorer) -> None:
    with pytest.raises(UnknownAsset, match="ghost"):
        scorer.answer(["old", "ghost"])


def test_equipment_of_the_request_is_judged_among_the_fleet(scorer) -> None:
    guest = pd.DataFrame({"asset_id": ["guest"], "kind": ["meter"], "make": ["Acme"], "installed_on": ["2009-06-01"]})
    answer = scorer.answer(["guest", "old"], assets=guest)
    assert answer["asset_id"].tolist() == ["guest", "old"]
    assert answer.at[0, "probability"] == pytest.approx(0.1, rel=0.01)
    asked = scorer._model.asked[-1].set_index("asset_id")
    assert asked.at["old", "tamper_365d"] == 1
    assert asked.at["guest", "tamper_365d"] == 0
    future = guest.assign(installed_on="2077-01-01")
    assert scorer.answer([], assets=future)["reason"].tolist() == ["not installed before 2077-01-01"]


def test_attributes_of_a_request_overrule_those_of_the_lake_and_keep_its_events(scorer) -> None:
    other = pd.DataFrame({"asset_id": ["old"], "kind": ["meter"], "make": ["Acme"], "installed_on": ["1999-06-01"]})
    answer = scorer.answer(["old", "broken"], assets=other).set_index("asset_id")
    assert answer.at["old", "probability"] == pytest.approx(0.2, rel=0.01)
    assert answer.at["broken", "reason"] == "failed on 2019-06-01"
    assert scorer._model.asked[-1].set_index("asset_id").at["old", "tamper_365d"] == 1


def test_a_lake_without_time_is_judged_as_of_today(workspace) -> None:
    scorer = RiskScorer(workspace, Aging(), "maintenance/aging:1")
    assert scorer.until is None
    with pytest.raises(UnknownAsset):
        scorer.answer(["old"])
    guest = pd.DataFrame({"asset_id": ["guest"], "kind": ["meter"], "installed_on": ["2009-06-01"]})
    answer = scorer.answer(["guest"], assets=guest)
    assert answer.at[0, "as_of"] == pd.Timestamp.now("UTC").normalize()
