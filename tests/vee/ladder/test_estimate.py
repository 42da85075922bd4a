"""The estimation ladder as a whole: which rung answers, with what band, and what the rules say of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrify.panel import Panel
from metrify.sample.gaps import cut
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Flags, Found
from metrify.vee.ladder import METHODS, Estimates, LearnedEstimates, estimate, revalidate
from metrify.vee.ladder.classprofile import ClassProfiles
from metrify.vee.rules import flagged, to_estimate, validate
from tests.vee.meters import evidence_of, hours_of, panel_of, telling

SETTINGS = VeeSettings()


def homes(meters: int = 3, days: int = 60, seed: int = 5) -> Panel:
    """A daily shape with chance on it."""
    rng = np.random.default_rng(seed)
    day = 0.3 + 0.2 * np.sin(np.arange(24) / 24 * 2 * np.pi)
    return panel_of(np.tile(day, (meters, days)) * rng.gamma(9, 1 / 9, (meters, days * 24)) + 0.01)


def without(panel: Panel, found: Found) -> Panel:
    return panel.replace(np.where(found, np.float32(np.nan), panel.values))


def filled(evidence: Evidence, **more) -> tuple[Flags, Estimates]:
    flags = validate(evidence, SETTINGS)
    return flags, estimate(evidence, flags, SETTINGS, **more)


def methods(estimates: Estimates, found: Found) -> set[str]:
    return {METHODS[number] for number in estimates.method[found]}


def test_each_gap_is_answered_by_the_first_rung_that_can() -> None:
    panel = homes()
    short, day = hours_of(panel, "2013-06-20T03", "2013-06-20T05"), hours_of(panel, "2013-06-24", "2013-06-25")
    month = hours_of(panel, "2013-06-10", "2013-07-20", row=1)
    evidence = evidence_of(without(panel, short | day | month))
    flags, found = filled(evidence)
    assert methods(found, short) == {"linear"}
    assert methods(found, day) == {"like_days"}
    assert methods(found, month) == {"like_days", "two_weeks", "class_profile"}
    np.testing.assert_array_equal(np.isfinite(found.values), to_estimate(flags))
    np.testing.assert_array_equal(found.method > 0, to_estimate(flags))
    assert (found.low <= found.values)[short | day].all()
    assert (found.values <= found.high)[short | day].all()
    assert found.reasons.empty
    assert not found.scaled.any()


def test_a_wrong_reading_is_replaced_and_teaches_nothing() -> None:
    panel = homes()
    negative, stuck = hours_of(panel, "2013-06-20T03", "2013-06-20T04"), hours_of(panel, "2013-06-26", "2013-06-28")
    spike = hours_of(panel, "2013-07-04T12", "2013-07-04T13")
    panel.values[negative], panel.values[stuck], panel.values[spike] = -3, 0.777, 50
    _, found = filled(evidence_of(panel))
    for wrong in (negative, stuck, spike):
        assert np.isfinite(found.values[wrong]).all()
    assert np.nanmax(found.values) < 1.5
    assert np.nanmin(found.values) > 0
    clean = homes()
    _, same = filled(evidence_of(without(clean, negative | stuck | spike)))
    np.testing.assert_array_equal(found.values, same.values)


def test_outages_and_wrong_clocks_teach_nothing() -> None:
    panel = telling()
    panel.values[:, ::2] += 40  # or they would lie on a line and be taken for somebody's estimates
    gap, before, after = (hours_of(panel, f"2013-06-{day}", f"2013-06-{day + 1}") for day in (19, 18, 20))
    evidence = evidence_of(without(panel, gap), outage=before)
    _, found = filled(evidence)
    assert found.values[gap][5] == pytest.approx((1800 + 1500 + 1900) / 3 + 6)
    flags = validate(evidence, SETTINGS)
    shifted = np.where(after, flags | np.uint32(1 << 13), flags)
    assert flagged(shifted, "clock_shift").any()
    other = estimate(evidence, shifted, SETTINGS)
    assert not np.allclose(other.values[gap], found.values[gap])


def test_a_gap_at_either_end_of_the_panel_can_be_asked_for() -> None:
    panel = homes()
    ends = hours_of(panel, "2013-06-03", "2013-06-03T02") | hours_of(panel, "2013-08-01T22", "2013-08-02")
    evidence = evidence_of(without(panel, ends))
    flags, unasked = filled(evidence)
    assert not to_estimate(flags).any()
    assert not np.isfinite(unasked.values).any()
    asked = estimate(evidence, flags, SETTINGS, wanted=ends)
    assert methods(asked, ends) == {"like_days"}


def test_a_meter_without_readings_has_a_reason() -> None:
    panel = homes()
    panel.values[1] = np.nan
    panel.values[2, 5:] = np.nan
    flags = validate(evidence_of(panel), SETTINGS)
    wanted = np.isnan(panel.values)
    found = estimate(evidence_of(panel), flags, SETTINGS, wanted=wanted)
    assert not np.isfinite(found.values).any()
    assert not found.method.any()
    rows = found.reasons.set_index("meter_id")
    assert rows.loc["M1", "reason"] == "the meter has no reading at all"
    assert (rows.loc["M1", "timestamp"], rows.loc["M1", "until"]) == (panel.start, panel.end)
    assert "less than a day's readings" in rows.loc["M2", "reason"]
    assert rows.loc["M2", "timestamp"] == panel.times[5]
    assert set(rows["kind"]) == {"no_estimate"}
    told = estimate(evidence_of(panel), flags, SETTINGS).reasons
    assert told["meter_id"].tolist() == ["M1"]


def test_an_all_zero_meter_is_estimated_at_zero() -> None:
    panel = panel_of(np.zeros((1, 24 * 30)))
    gaps = hours_of(panel, "2013-06-10T03", "2013-06-10T05") | hours_of(panel, "2013-06-12", "2013-06-16")
    _, found = filled(evidence_of(without(panel, gaps)))
    for array in (found.values, found.low, found.high):
        assert (array[gaps] == 0).all()


def test_an_exporting_meter_may_be_estimated_below_zero() -> None:
    panel = homes(1)
    sun = np.tile(np.where((np.arange(24) > 9) & (np.arange(24) < 15), 2, 0), 60)
    panel = panel.replace(panel.values - sun.astype(np.float32))
    noon = hours_of(panel, "2013-06-20T08", "2013-06-20T14")
    _, found = filled(evidence_of(without(panel, noon), signed=np.array([True])))
    assert found.values[noon].min() < -1
    assert found.low[noon].min() < found.values[noon].min()
    taking = evidence_of(without(panel.replace(np.abs(panel.values)), noon))
    assert np.nanmin(filled(taking)[1].low) >= 0


def test_what_is_learned_goes_first_where_it_answers() -> None:
    panel = homes()
    gap = hours_of(panel, "2013-06-20", "2013-06-21")
    evidence = evidence_of(without(panel, gap))

    def learned(evidence: Evidence, flags: Flags, wanted: Found, profiles: ClassProfiles) -> LearnedEstimates:
        values = np.full(wanted.shape, np.nan, np.float32)
        values[wanted] = np.where(np.arange(24) < 10, 0.4 + np.arange(24) / 100, np.nan)
        values[0, np.flatnonzero(wanted[0])[:2]] = -0.1, 0.25
        return LearnedEstimates(values, values - 0.2, values + 0.2, "quality/imputer:3")

    _, found = filled(evidence, learned=learned)
    assert found.learned == "quality/imputer:3"
    assert [METHODS[number] for number in found.method[gap]] == ["learned"] * 10 + ["like_days"] * 14
    np.testing.assert_allclose(found.values[gap][:3], [0, 0.25, 0.42])
    np.testing.assert_allclose(found.low[gap][:3], [0, 0.05, 0.22], rtol=1e-5)


def test_an_estimate_that_a_rule_flags_falls_to_the_next_rung() -> None:
    panel = homes()
    gap = hours_of(panel, "2013-06-20", "2013-06-22")
    evidence = evidence_of(without(panel, gap))

    def stuck(evidence: Evidence, flags: Flags, wanted: Found, profiles: ClassProfiles) -> LearnedEstimates:
        values = np.where(wanted, np.float32(0.4321), np.float32(np.nan))
        return LearnedEstimates(values, values, values, "quality/imputer:1")

    _, found = filled(evidence, learned=stuck)
    assert methods(found, gap) == {"like_days"}
    filled_up = evidence_of(panel.replace(np.where(gap, found.values, panel.values)))
    assert not to_estimate(validate(filled_up, SETTINGS)).any()


def test_without_a_rung_that_passes_there_is_no_estimate() -> None:
    panel = homes(1)
    gap = hours_of(panel, "2013-06-20T05", "2013-06-20T09")
    evidence = evidence_of(without(panel, gap))
    flags = validate(evidence, SETTINGS)
    # whatever is estimated is a spike
    strict = SETTINGS.model_copy(update={"spike_factor": 0.01})
    found = estimate(evidence, flags, strict)
    assert not np.isfinite(found.values).any()
    assert found.reasons["reason"].tolist() == ["every estimate was flagged by a rule"]


def test_the_band_holds_about_four_of_five_readings() -> None:
    panel = homes(6, 120, seed=8)
    holes, mask, _ = cut(panel, (1, 6, 24), 6, seed=11)
    _, found = filled(evidence_of(holes))
    inside = (found.low <= panel.values) & (panel.values <= found.high)
    assert 0.72 < inside[mask].mean() < 0.88


def test_a_class_that_is_passed_in_is_used() -> None:
    panel = homes(1)
    long = hours_of(panel, "2013-06-06", "2013-07-30")
    shapes = np.ones((1, 4, 24), np.float32)
    shapes[..., 12:] = 3
    _, found = filled(evidence_of(without(panel, long)), profiles=ClassProfiles(shapes, np.zeros(1, np.int64)))
    values = found.values[found.method == METHODS.index("class_profile")]
    assert values.max() == pytest.approx(3 * values.min())


readings = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(0, 24 * 8)),
    elements=st.floats(-1, 5, width=32) | st.just(float("nan")) | st.sampled_from([0.0, 0.5]),
)


@settings(deadline=None, max_examples=40)
@given(readings, st.booleans(), st.randoms(use_true_random=False))
def test_estimates_stand_only_where_they_are_wanted(values: np.ndarray, exports: bool, random) -> None:
    panel = panel_of(values.copy())
    evidence = evidence_of(panel, signed=np.full(len(values), exports))
    flags = validate(evidence, SETTINGS)
    wanted = None if random.random() < 0.5 else np.isnan(values) | (values > 4)
    found = estimate(evidence, flags, SETTINGS, wanted=wanted)
    np.testing.assert_array_equal(panel.values, values)
    asked = to_estimate(flags) if wanted is None else wanted
    there = np.isfinite(found.values)
    assert not (there & ~asked).any()
    np.testing.assert_array_equal(there, found.method > 0)
    assert np.isfinite(found.low[there]).all()
    assert np.isfinite(found.high[there]).all()
    assert (found.low[there] <= found.values[there]).all()
    assert (found.values[there] <= found.high[there]).all()
    assert exports or not (found.values < 0).any()
    told = found.reasons[found.reasons["kind"] == "no_estimate"]
    rows = {meter_id: place for place, meter_id in enumerate(panel.meter_ids)}
    covered = np.zeros(values.shape, bool)
    for row in told.itertuples():
        first, until = (panel.index(np.datetime64(time)) for time in (row.timestamp, row.until))
        covered[rows[row.meter_id], first:until] = True
    assert covered[asked & ~there].all()
    assert not (covered & there).any()


def test_what_warnings_say_of_estimates_is_counted_and_of_readings_is_not() -> None:
    panel = homes(2)
    panel.values[1, 5:30] = 0  # of a meter without estimates
    day = hours_of(panel, "2013-06-20", "2013-06-21")
    evidence = evidence_of(without(panel, day))
    _, found = filled(evidence)
    assert revalidate(evidence, found, SETTINGS) == {}
    nothing = replace(found, values=np.where(day, np.float32(0), found.values))
    assert revalidate(evidence, nothing, SETTINGS)["zero_run"] == 24
    assert revalidate(evidence, replace(found, values=np.full_like(found.values, np.nan)), SETTINGS) == {}
