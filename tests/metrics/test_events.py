"""Events: what was found, how late, and what was raised for nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metrify.metrics.events import by_kind, incidents, score_events


def rows() -> pd.DataFrame:
    """Two meters x four days, hourly: a drop of a day that is flagged from its third hour on, and a spike unseen."""
    times = np.datetime64("2024-01-01", "s") + np.arange(96) * np.timedelta64(3600, "s")
    frame = pd.DataFrame({"meter_id": np.repeat(["a", "b"], 96), "timestamp": np.tile(times, 2)})
    frame["event"], frame["kind"], frame["verdict"] = "", "", False
    frame.loc[24:47, ["event", "kind"]] = ["a drop", "drop"]
    frame.loc[27:40, "verdict"] = True
    frame.loc[96 + 10, ["event", "kind"]] = ["b spike", "spike"]
    frame.loc[96 + 60, "verdict"] = True
    frame.loc[96 + 64, "verdict"] = True
    frame.loc[96 + 90, "verdict"] = True
    return frame


def test_flagged_readings_that_lie_close_are_one_incident() -> None:
    number = incidents(rows())
    assert number.max() + 1 == 3
    assert number[96 + 60] == number[96 + 64] != number[96 + 90]
    shuffled = rows().sample(frac=1, random_state=1)
    assert pd.Series(incidents(shuffled), shuffled.index).sort_index().ge(0).equals(pd.Series(number).ge(0))
    assert incidents(shuffled).max() == number.max()


def test_recall_counts_events_and_precision_incidents() -> None:
    found = score_events(rows())
    assert found["events"] == 2
    assert found["event_recall"] == 0.5
    assert found["event_precision"] == pytest.approx(1 / 3)
    assert found["event_f1"] == pytest.approx(2 * 0.5 / 3 / (0.5 + 1 / 3))
    assert found["false_incidents"] == pytest.approx(2 / 8 * 1000)
    assert found["event_delay_hours"] == 3


def test_each_kind_has_its_row() -> None:
    table = by_kind(rows()).set_index("kind")
    assert table.loc["drop", ["events", "found", "recall"]].tolist() == [1, 1, 1]
    assert table.loc["spike", ["events", "found", "recall"]].tolist() == [1, 0, 0]


def test_without_events_or_verdicts_nothing_is_claimed() -> None:
    quiet = rows().assign(verdict=False)
    assert score_events(quiet)["event_recall"] == 0
    assert np.isnan(score_events(quiet)["event_precision"])
    calm = rows().assign(event="", kind="")
    assert np.isnan(score_events(calm)["event_recall"])
    assert score_events(calm)["event_precision"] == 0
    assert by_kind(calm).empty
