"""How configs name models, and what their deployments are called."""

from __future__ import annotations

import pytest

from metrify.errors import BadValue
from metrify.serving.wanted import Wanted


@pytest.mark.parametrize(
    ("text", "shown", "suffix"),
    [
        ("champion", "anomaly@champion", ""),
        ("anomaly/zscore@champion", "anomaly/zscore@champion", "-zscore"),
        ("anomaly/zscore@challenger", "anomaly/zscore@challenger", "-zscore-challenger"),
        ("anomaly/zscore:7", "anomaly/zscore:7", "-zscore-7"),
    ],
)
def test_a_model_is_named_in_three_ways(text, shown, suffix):
    found = Wanted.parse("anomaly", text)
    assert (str(found), found.suffix) == (shown, suffix)


@pytest.mark.parametrize(
    "text", ["challenger", "", "anomaly/zscore@", "@champion", "a:b:c", "a@champion:3", "anomaly/zscore@champion\n"]
)
def test_a_model_named_in_no_way_is_refused(text):
    with pytest.raises(BadValue, match=r"models\.anomaly: wanted champion, family@alias or family:version"):
        Wanted.parse("anomaly", text)


def test_a_family_of_another_task_is_refused():
    with pytest.raises(BadValue, match=r"models\.anomaly: wanted a family of anomaly"):
        Wanted.parse("anomaly", "forecasting/lightgbm@champion")
