"""Rules that look beside the series change nothing, whatever they are shown."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence
from metrify.vee.rules import channels, happenings, register

RULES = (*register.RULES, *channels.RULES, *happenings.RULES)
SETTINGS = VeeSettings()
FLOATS = st.floats(-1e6, 1e6, width=32) | st.just(float("nan")) | st.sampled_from([0.0, 0.5, 230.0, 99_999.0])


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    shape = draw(st.integers(0, 3)), draw(st.integers(0, 60))
    ids, start = np.array([f"M{m}" for m in range(shape[0])], dtype="U2"), np.datetime64("2024-10-27", "s")

    def panel(kind: type = np.float32) -> Panel:
        return Panel(
            ids,
            start,
            draw(st.sampled_from([15, 30, 60])),
            draw(arrays(np.float32, shape, elements=FLOATS)).astype(kind),
        )

    def matrix() -> np.ndarray | None:
        return draw(st.none() | arrays(np.bool_, shape))

    counters = ("register_kwh", "register_export_kwh")
    names = draw(st.sets(st.sampled_from(["kwh_export", "kvarh", "voltage_v", *counters])))
    others = {name: panel(np.float64 if name in counters else np.float32) for name in names}
    rated = draw(st.none() | arrays(np.float64, shape[0], elements=st.sampled_from([0.0, 3.0, float("nan")])))
    signed = draw(arrays(np.bool_, shape[0]))
    return Evidence(panel(), signed, channels=others, outage=matrix(), exchanged=matrix(), pv_kw=rated)


def bytes_of(seen: Evidence) -> list[bytes]:
    """All that the evidence holds."""
    found = [getattr(seen, field.name) for field in fields(seen)]
    matrices = [value for value in found if isinstance(value, np.ndarray)]
    return [m.tobytes() for m in (seen.panel.values, *(p.values for p in seen.channels.values()), *matrices)]


@settings(deadline=None)  # the first call compiles
@given(evidences())
def test_no_rule_changes_or_drops_anything(seen: Evidence) -> None:
    before = bytes_of(seen)
    for rule in RULES:
        for find in (rule.find, rule.at_once or rule.find):
            found = find(seen, SETTINGS)
            assert found.shape == seen.panel.values.shape
            assert found.dtype == bool
    assert bytes_of(seen) == before


@settings(deadline=None)
@given(evidences())
def test_a_rule_finds_nothing_without_what_it_sees(seen: Evidence) -> None:
    for rule in RULES:
        if not any(name in seen.channels or getattr(seen, name, None) is not None for name in rule.sees):
            assert not rule.find(seen, SETTINGS).any()
