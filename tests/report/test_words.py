"""Figures as people read them, and the order of the league."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from metrify.report import words
from metrify.report.league import champion, headline, standings


@pytest.mark.parametrize(
    ("say", "value", "text"),
    [
        (words.percent, 0.4223, "42.2 %"),
        (words.percent, np.nan, words.MISSING),
        (words.change, -0.0683, "\N{MINUS SIGN}6.8 %"),
        (words.change, 0.107, "+10.7 %"),
        (words.change, -0.0001, "0.0 %"),
        (words.change, None, words.MISSING),
        (words.number, 0.219341, "0.219"),
        (words.number, 12.3456, "12.3"),
        (words.number, 99.99, "100"),
        (words.number, 1234.56, "1,235"),
        (words.number, -0.5, "-0.500"),
        (words.number, 0.0, "0"),
        (words.number, pd.NA, words.MISSING),
        (words.count, 148_920.0, "148,920"),
        (words.plain, 3.0, "3"),
        (words.plain, 0.05, "0.05"),
        (words.plain, True, "True"),
        (words.plain, (1, 2), "(1, 2)"),
        (words.plain, np.nan, words.MISSING),
        (words.duration, 0.004, "< 0.1 s"),
        (words.duration, 3.21, "3.2 s"),
        (words.duration, 9.97, "10.0 s"),
        (words.duration, 59.6, "1 min 00 s"),
        (words.duration, 124.2, "2 min 04 s"),
        (words.duration, 3720, "1 h 02 min"),
        (words.duration, np.nan, words.MISSING),
        (words.moment, dt.datetime(2026, 3, 1, 7, 5), "2026-03-01 07:05 UTC"),
    ],
)
def test_words(say, value, text):
    assert say(value).replace("\N{NO-BREAK SPACE}", " ") == text


def test_a_period_ends_with_its_last_local_day():
    utc = dt.UTC
    first, until = dt.datetime(2024, 3, 1, 23, tzinfo=utc), dt.datetime(2024, 3, 31, 22, tzinfo=utc)
    assert words.period(first, until, "Europe/Berlin") == "2024-03-02 to 2024-03-31"


def league(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["family", "role", "wape"])


def test_the_league_is_sorted_and_measured_against_the_best_baseline():
    table = standings(
        league(("n1", "baseline", 0.5), ("a", "champion", 0.4), ("n2", "baseline", 0.6), ("b", "x", np.nan))
    )
    assert table["family"].tolist() == ["a", "n1", "n2", "b"]
    np.testing.assert_allclose(table["gain"], [0.2, 0.0, -0.2, np.nan])
    assert champion(table)["family"] == "a"


def test_a_champion_that_lost_is_not_praised():
    table = standings(league(("naive", "baseline", 0.4), ("a", "champion", 0.5)))
    text = headline(table).replace("\N{NO-BREAK SPACE}", " ")
    assert text == "a has a WAPE of 50.0 %, 25.0 % above that of the best baseline, naive."


def test_nobody_competed():
    table = standings(pd.DataFrame())
    assert table.empty
    assert champion(table) is None
    assert headline(table) == "No model has been compared yet."
