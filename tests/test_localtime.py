"""Times that people write, and holidays of places that are known and of those that are not."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from metrify.errors import BadValue
from metrify.localtime import country_error, holiday_days, parse_time


def _day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


def test_holidays_of_a_country_and_of_a_region() -> None:
    assert _day("2024-12-25") in holiday_days("GB", "", 2024, 2024)
    assert _day("2024-01-02") in holiday_days("GB", "SCT", 2024, 2024)
    assert _day("2024-01-02") not in holiday_days("GB", "ENG", 2024, 2024)


@pytest.mark.parametrize("country", ["XX", "gb", "HolidayBase", "registry"])
def test_a_country_that_is_not_known_has_none_and_is_logged_once(
    country: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert holiday_days(country, "once", 2023, 2023) == frozenset()
        assert holiday_days(country, "once", 2024, 2024) == frozenset()
    assert [record.getMessage().count(country) for record in caplog.records] == [1]


def test_a_region_that_is_not_known_has_the_holidays_of_its_country() -> None:
    assert holiday_days("GB", "ZZ", 2024, 2024) == holiday_days("GB", "", 2024, 2024)


def test_why_a_place_has_no_known_holidays() -> None:
    assert country_error("GB") is country_error("DE", "BY") is country_error("GBR") is None
    assert "'XX' is no ISO 3166 country" in (country_error("XX") or "")
    assert "'ZZ' is no region of GB" in (country_error("GB", "ZZ") or "")
    assert "ENG, NIR, SCT, WLS" in (country_error("GB", "ZZ") or "")


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert parse_time("2013-11-01", "x") == np.datetime64("2013-11-01T00:00:00")
    assert parse_time("2013-11-01T02:00+02:00", "x") == np.datetime64("2013-11-01T00:00:00")
    with pytest.raises(BadValue, match="train-until"):
        parse_time("soon", "train-until")
