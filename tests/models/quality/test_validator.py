"""Expectations that are learned: limits, the words of what breaks them, and the risk that follows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from metrify.errors import EmptyTable, OneClass, UnknownName
from metrify.features.day import day_frame
from metrify.metrics.classes import score_probabilities
from metrify.models.base import Batch
from metrify.models.quality.expectations import MEASURES, Expectations
from metrify.models.quality.validator import ExpectationsValidator
from tests.features.days import judged
from tests.models.quality.fleet import prone_fleet, split

DAYS = 120


@lru_cache(maxsize=1)
def fitted() -> ExpectationsValidator:
    return ExpectationsValidator().fit(Batch(split()[0]))


@lru_cache(maxsize=1)
def homes() -> pd.DataFrame:
    """Days of eight homes of levels 1 to 8, which use twice as much on days off; some days lack a reading."""
    random = np.random.default_rng(5)
    hour = np.arange(DAYS * 24)
    off = (hour // 24 + 6) % 7 >= 5  # 2023-01-01 was a Sunday
    shape = (0.5 + (hour % 24 >= 18)) * np.where(off, 2.0, 1.0)
    values = np.arange(1, 9)[:, None] * shape * random.uniform(0.8, 1.2, (8, len(hour)))
    values[:, 20 * 24 + 5 :: 17 * 24] = np.nan
    return day_frame(judged(values), 24.0)


@lru_cache(maxsize=1)
def of_homes() -> ExpectationsValidator:
    return ExpectationsValidator(least_days=14).fit(Batch(homes()))


def a_day(meter: str = "M002", *, off: bool = False, **changed: float) -> pd.DataFrame:
    """A whole day of a home, with these features changed."""
    rows = homes()
    whole = rows[(rows["meter_id"] == meter) & (rows["is_day_off"] == off) & (rows["valid_share"] == 1)]
    return whole.iloc[[-5]].assign(**changed)


def test_limits_are_quantiles_of_trusted_days_widened_from_the_median() -> None:
    rows = homes().query("meter_id == 'M003'")
    learned = Expectations.learn(rows, tail=0.1, margin=0.5, least_days=10)
    trusted = rows[(rows["valid_share"] == 1) & (rows["is_day_off"] == 0)]
    ratio = trusted["total"] / (trusted["level"] * trusted["intervals"])
    low, middle, high = np.quantile(ratio, [0.1, 0.5, 0.9])
    place = [measure.name for measure in MEASURES].index("daily total")
    found = learned.limits[0, 0, place]
    assert found == pytest.approx([low - 0.5 * (middle - low), high + 0.5 * (high - middle)], rel=1e-5)
    assert learned.limits[0, 1, place, 0] > learned.limits[0, 0, place, 0]  # days off bring more


def test_a_day_like_the_others_meets_all_and_one_that_is_not_says_what_was_expected() -> None:
    good = of_homes().predict(Batch(a_day()))
    assert good["score"].item() == 100.0
    assert good["reason"].item() == ""
    row = a_day()
    bad = of_homes().predict(Batch(a_day(total=10 * row["total"].item(), highest_evening=90.0)))
    total, highest = bad["reason"].item().split("; ")
    assert total.startswith(f"daily total {10 * row['total'].item():.3g} kWh, expected ")
    low, high = map(float, total.rpartition("expected ")[2].split(" to "))
    assert low < row["total"].item() < high
    assert highest.startswith("highest of the evening 90 kWh, expected at most ")
    assert bad["score"].item() == pytest.approx(100 * (1 - (2 + 2 / 8) / 11))


def test_each_kind_of_day_has_its_own_limits() -> None:
    working = a_day(total=2 * a_day()["total"].item())
    assert "daily total" in of_homes().predict(Batch(working))["reason"].item()
    assert of_homes().predict(Batch(a_day(off=True)))["reason"].item() == ""


def test_readings_that_are_missing_late_or_stop_are_said() -> None:
    rows = pd.concat([a_day(readings=20.0), a_day(open_gap_hours=3.0, readings=21.0), a_day(delay_hours=9.0)])
    reasons = of_homes().predict(Batch(rows))["reason"].tolist()
    assert reasons[0].startswith("20 of 24 readings, expected at least 24")
    assert "silence at the end of the day 3 h, expected at most 0" in reasons[1]
    assert reasons[2] == "last reading after the end of the day 9 h, expected at most 1"


def test_a_meter_that_is_always_late_is_expected_to_be() -> None:
    rows = homes().assign(delay_hours=np.float32(5.0))
    answer = ExpectationsValidator().fit(Batch(rows)).predict(Batch(a_day(delay_hours=5.5)))
    assert "last reading" not in answer["reason"].item()


def test_an_unknown_meter_is_expected_to_be_as_those_of_its_level() -> None:
    answer = of_homes().predict(Batch(a_day().assign(meter_id="new")))
    assert answer["score"].item() == 100.0
    wrong = a_day(total=10 * a_day()["total"].item()).assign(meter_id="new")
    assert "daily total" in of_homes().predict(Batch(wrong))["reason"].item()


def test_risk_comes_true_as_often_as_it_says_and_beats_today() -> None:
    test = split()[1]
    answer = fitted().predict(Batch(test))
    found = score_probabilities(test["target"], answer["estimation_risk"])
    as_today = score_probabilities(test["target"], (test["valid_share"] < 1).astype(float))
    assert found["auc_roc"] > as_today["auc_roc"] + 0.1
    assert found["brier_skill"] > 0.15
    assert found["calibration_error"] < 0.03


def test_what_cannot_be_judged_is_left_out_and_nothing_known_says_so() -> None:
    part = a_day(lowest_night=np.nan, highest_night=np.nan)
    assert of_homes().predict(Batch(part))["score"].item() == 100.0
    nothing = a_day(**dict.fromkeys(ExpectationsValidator.needs.features, np.nan))
    answer = of_homes().predict(Batch(nothing))
    assert answer["score"].item() == 0.0
    assert answer["reason"].item() == "nothing is known of the readings of this day"
    assert 0 < answer["estimation_risk"].item() < 1


def test_save_and_load_give_an_equal_model_without_pickle(tmp_path) -> None:
    fitted().save(tmp_path / "model")
    again = ExpectationsValidator.load(tmp_path / "model")
    rows = Batch(split()[1])
    pd.testing.assert_frame_equal(again.predict(rows), fitted().predict(rows))
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".npz"}


def test_nothing_to_tell_apart_is_refused() -> None:
    train = split()[0]
    with pytest.raises(OneClass, match="quality/validator"):
        ExpectationsValidator().fit(Batch(train.assign(target=0.0)))
    with pytest.raises(EmptyTable, match="next day"):
        ExpectationsValidator().fit(Batch(train.assign(target=np.nan)))


def test_a_contract_has_the_ranges_of_the_meter() -> None:
    pytest.importorskip("pandera")
    from metrify.models.quality.contract import failures

    schema = of_homes().contract("M002")
    rows = pd.DataFrame(
        {
            "meter_id": ["M002"] * 4 + ["other"],
            "timestamp": pd.date_range("2023-05-01", periods=5, freq="h", tz="UTC"),
            "kwh": [3.0, 40.0, -1.0, 4.0, 3.0],
        }
    )
    rows["available_at"] = rows["timestamp"] + pd.to_timedelta([1, 1, 1, 60, 1], unit="h")
    said = failures(schema, rows)
    assert said["row"].tolist() == [1, 2, 3, 4]
    assert said["reason"][0].startswith("kwh is 40.0: it is above ")
    assert said["reason"][1].startswith("kwh is -1.0: it is below ")
    assert said["reason"][2] == "came more than 26 h after its timestamp"
    assert said["reason"][3] == "meter_id is other: it is another meter"
    with pytest.raises(UnknownName, match="M999"):
        of_homes().contract("M999")


def test_the_fleet_teaches_in_seconds() -> None:
    assert len(prone_fleet()) > 20_000
    assert len(fitted()._expectations.meters) == 120
