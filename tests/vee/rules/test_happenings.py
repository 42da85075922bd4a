"""Outages and exchanges, told as they are known."""

from __future__ import annotations

import numpy as np

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules.happenings import RULES

RULE = {rule.name: rule for rule in RULES}


def evidence(**known: np.ndarray) -> Evidence:
    panel = Panel(np.array(["a", "b"]), np.datetime64("2020-01-01", "s"), 60, np.ones((2, 5), np.float32))
    return Evidence(panel, np.zeros(2, bool), **known)


def test_they_are_where_they_are_known_and_else_nowhere() -> None:
    where = np.zeros((2, 5), bool)
    where[1, 2:4] = True
    for rule, field in (("outage", "outage"), ("exchange", "exchanged")):
        np.testing.assert_array_equal(RULE[rule].find(evidence(**{field: where}), VeeSettings()), where)
        assert not RULE[rule].find(evidence(), VeeSettings()).any()


def test_an_outage_is_told_after_it_only() -> None:
    at_once = RULE["outage"].at_once
    assert at_once is not None
    assert not at_once(evidence(outage=np.ones((2, 5), bool)), VeeSettings()).any()
