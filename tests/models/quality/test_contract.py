"""Contracts of tables: what breaks them is named row by row in words, and YAML keeps them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metrify.errors import UnknownName
from metrify.models.quality.contract import contract, failures, from_yaml
from metrify.schema import METER, READING, TABLES, WEATHER, Table


def rows(**changed: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "meter_id": ["a", "a", "b"],
            "timestamp": pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T01:00Z", "2024-01-01T00:00Z"]),
            "kwh": [0.1, 0.2, 0.3],
            "voltage_v": [230.0, np.nan, 231.0],
        }
    )
    return frame.assign(**changed)


def said(frame: pd.DataFrame, **settings) -> list[tuple[int | None, str]]:
    told = failures(contract(READING, **settings), frame)
    assert list(told.columns) == ["row", "column", "value", "reason"]
    return list(zip(told["row"], told["reason"], strict=True))


def test_rows_that_keep_it_have_no_failure_and_stay_as_they_are() -> None:
    frame = rows()
    before = frame.copy(deep=True)
    assert said(frame) == []
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"meter_id": ["a", None, "b"]}, [(1, "meter_id is missing")]),
        ({"voltage_v": [230.0, -1.0, 231.0]}, [(1, "voltage_v is -1.0: it is below 0 V")]),
        ({"kwh": [0.1, np.inf, 0.3]}, [(1, "kwh is inf: it is above 1e+06 kWh")]),
        ({"register_kwh": [1.0, 2.0, np.inf]}, [(2, "register_kwh is inf: it is not a finite number")]),
        ({"kwh": [0.1, "many", 0.3]}, [(1, "kwh is 'many', not of type 'float64'")]),
        (
            {"kwh": [0.1, np.nan, 0.3], "voltage_v": np.nan},
            [(1, f"no value in any of {', '.join(READING.measures)}")],
        ),
        (
            {"meter_id": "a"},
            [(row, "meter_id, timestamp is there more than once") for row in (0, 2)],
        ),
    ],
)
def test_what_breaks_it_is_said_row_by_row(changed: dict, expected: list) -> None:
    assert said(rows(**changed)) == expected


def test_a_missing_column_is_said_once() -> None:
    assert said(rows().drop(columns="timestamp")) == [(None, "the column timestamp is missing")]


def test_ranges_meters_and_freshness_narrow_it() -> None:
    came = rows()["timestamp"] + pd.to_timedelta([1, 30, 2], unit="h")
    assert said(rows(available_at=came), within_hours=24.0) == [(1, "came more than 24 h after its timestamp")]
    assert said(rows(), within_hours=24.0) == []  # when it came is not said
    assert said(rows(), ranges={"kwh": (0.15, 0.25)}) == [
        (0, "kwh is 0.1: it is below 0.15 kWh"),
        (2, "kwh is 0.3: it is above 0.25 kWh"),
    ]
    assert said(rows(), meter_ids=["a"]) == [(2, "meter_id is b: it is another meter")]
    with pytest.raises(UnknownName, match="Did you mean kwh"):
        contract(READING, ranges={"kwhh": (0, 1)})


def test_what_the_door_of_the_lake_refuses_a_contract_refuses() -> None:
    """Each limit of the table is in the contract."""
    for column in READING.columns:
        for limit, beyond in ((column.low, -1), (column.high, 1)):
            if limit is not None:
                told = said(rows(**{column.name: [limit, limit + beyond * (abs(limit) + 1), limit]}))
                assert [row for row, _ in told] == [1], column.name


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_has_a_contract_that_yaml_keeps(table: Table) -> None:
    schema = contract(table)
    again = from_yaml(schema.to_yaml() or "")
    assert again == schema
    assert set(again.columns) == set(table.names)
    assert again.unique == list(table.key)


def test_a_contract_from_yaml_finds_the_same() -> None:
    schema = contract(READING, ranges={"kwh": (0, 0.25)}, meter_ids=["a"], within_hours=2.0)
    frame = rows(available_at=rows()["timestamp"] + pd.Timedelta(hours=3))
    told = failures(schema, frame)
    assert len(told) == 5
    pd.testing.assert_frame_equal(failures(from_yaml(schema.to_yaml() or ""), frame), told)


def test_dates_numbers_and_texts_of_other_tables_are_read_as_they_come() -> None:
    meters = pd.DataFrame({"meter_id": [1, 2], "valid_from": ["2024-01-01T00:00Z", "soon"], "zone": ["UTC", "UTC"]})
    meters["interval_minutes"] = [30, None]
    assert [reason.split(",")[0] for reason in failures(contract(METER), meters)["reason"]] == ["valid_from is 'soon'"]
    weather = pd.DataFrame({"location": ["x"], "temperature_c": [80.0]})
    assert "temperature_c is 80.0: it is above 65 degC" in set(failures(contract(WEATHER), weather)["reason"])
