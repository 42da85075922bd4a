"""The sections of the tasks beside forecasting: tables, pictures, and what the graph said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from metrify.report.canvas import NARROW, WIDE
from metrify.report.palette import light
from metrify.report.tasks import PICTURES, days, detection, observed_by_said
from tests.report.fleet import make_tasks


@pytest.fixture(scope="module")
def pictures() -> dict[str, pd.DataFrame]:
    return {result.task: result.picture for result in make_tasks()}


def test_the_page_has_a_section_a_picture_and_an_answer_for_each(html: str) -> None:
    for result in make_tasks():
        assert f'<h2 id="{result.task}">{result.title}</h2>' in html
        assert PICTURES[result.task][1](result.picture) in html
    assert "0.912" in html
    assert "M-1 &amp; co" in html
    assert html.count("9 kWh where 0.4 is usual") == 3


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_flagged_readings_stand_out_of_what_is_usual(pictures: dict[str, pd.DataFrame], width: float) -> None:
    ax = detection(pictures["anomaly"], width).axes[0]
    usual, value, flagged = ax.lines
    assert len(usual.get_xdata()) == len(value.get_xdata()) == 240
    assert len(flagged.get_xdata()) == 61


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_what_was_said_stands_beside_what_came_true(pictures: dict[str, pd.DataFrame], width: float) -> None:
    ax = observed_by_said(pictures["maintenance"], width).axes[0]
    said, seen = ([bar.get_height() for bar in bars] for bars in ax.containers)
    assert len(said) == len(seen) == 10
    assert said == sorted(said)
    assert np.mean(seen) == pytest.approx(pictures["maintenance"]["actual"].mean())


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_worst_meter_is_on_top(pictures: dict[str, pd.DataFrame], width: float) -> None:
    rows = pictures["quality"]
    ax = days(rows, width).axes[0]
    loss = (100 - rows["score"]).groupby(rows["meter_id"]).sum().sort_values(ascending=False)
    assert [text.get_text() for text in ax.get_yticklabels()] == list(loss.index)
    assert sum(len(cells.get_paths()) for cells in ax.collections) == len(rows)
    dark = [cells for cells in ax.collections if to_hex(cells.get_facecolor()[0]) == light("error")]
    assert sum(len(cells.get_paths()) for cells in dark) == (rows["score"] < 100).sum()
