"""Faults: each kind does what it says, and the labels say where."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from metrify.errors import BadValue, UnknownName
from metrify.localtime import local_times
from metrify.panel import Panel
from metrify.sample.faults import KINDS, FaultPlan, Injected, inject
from tests.sample.panels import HOUR, changed, homes, made_up

ZONE = "America/Los_Angeles"


@pytest.fixture(scope="module", params=[homes, made_up], ids=["real homes", "made up"])
def panel(request: pytest.FixtureRequest) -> Panel:
    make: Callable[[], Panel] = request.param
    return make()


def _events(panel: Panel, injected: Injected) -> Iterator[tuple[np.ndarray, np.ndarray, slice, np.ndarray]]:
    """For each event its values before and after, its place and the whole meter before."""
    rows = {meter_id: row for row, meter_id in enumerate(panel.meter_ids)}
    for event in injected.faults.itertuples():
        row, where = rows[event.meter_id], slice(panel.index(event.timestamp), panel.index(event.until))
        yield panel.values[row, where], injected.panel.values[row, where], where, panel.values[row]


def _only(panel: Panel, kind: str, **sizes: object) -> list[tuple[np.ndarray, np.ndarray, slice, np.ndarray]]:
    injected = inject(panel, FaultPlan((kind,), **sizes), seed=3, zone=ZONE)
    found = list(_events(panel, injected))
    assert len(found) >= 3
    assert set(injected.faults["kind"]) == {kind}
    return found


def test_the_labels_are_the_changed_cells_and_events_are_apart(panel: Panel) -> None:
    before = panel.values.copy()
    injected = inject(panel, FaultPlan(events_per_meter=5), seed=1, zone=ZONE)
    assert np.array_equal(panel.values, before)
    labels, cells = injected.labels(), changed(panel, injected)
    assert labels.dtype == np.int32
    assert not cells[labels < 0].any()
    assert set(np.unique(labels)) == {-1, *range(len(injected.faults))}
    for number, (_, _, where, _) in enumerate(_events(panel, injected)):
        row = int(np.flatnonzero(panel.meter_ids == injected.faults["meter_id"][number])[0])
        assert (labels[row, where] == number).all()
        assert cells[row, where.start]
        assert cells[row, where.stop - 1]
    for _, mine in injected.faults.groupby("meter_id"):
        assert (mine["timestamp"].to_numpy()[1:] > mine["until"].to_numpy()[:-1]).all()
    assert injected.faults["timestamp"].dtype == injected.faults["until"].dtype == np.dtype("datetime64[s]")
    order = injected.faults.sort_values(["meter_id", "timestamp"])
    assert order.index.tolist() == list(range(len(order)))


def test_the_seed_and_the_meter_alone_decide() -> None:
    panel = made_up()
    whole = inject(panel, FaultPlan(), seed=4)
    assert inject(panel, FaultPlan(), seed=4).faults.equals(whole.faults)
    assert not inject(panel, FaultPlan(), seed=5).faults.equals(whole.faults)
    some = inject(panel.select(np.array([4, 1])), FaultPlan(), seed=4)
    assert np.array_equal(some.panel.values, whole.panel.values[[4, 1]], equal_nan=True)
    wanted = whole.faults[whole.faults["meter_id"].isin(["m-1", "m-4"])].reset_index(drop=True)
    assert some.faults.equals(wanted)


def test_a_cut_of_a_panel_can_be_labelled() -> None:
    panel = made_up()
    whole = inject(panel, FaultPlan(events_per_meter=6), seed=4)
    some = np.array([5, 2])
    cut = whole.panel.select(some).between(panel.start + 500 * HOUR, panel.start + 900 * HOUR)
    assert np.array_equal(Injected(cut, whole.faults).labels(), whole.labels()[some, 500:900])


def test_a_gap_delivers_nothing(panel: Panel) -> None:
    for _, after, _, _ in _only(panel, "gap", gap_hours=(1, 72)):
        assert np.isnan(after).all()
        assert 1 <= len(after) <= 72


def test_stuck_repeats_one_value_above_zero(panel: Panel) -> None:
    for _, after, where, meter in _only(panel, "stuck", stuck_hours=(6, 48)):
        assert len(np.unique(after)) == 1
        assert after[0] > 0
        assert len(after) <= 48
        assert after[0] in meter[max(where.start - 48, 0) : where.stop]


def test_a_spike_is_one_interval_far_above_the_meters_own(panel: Panel) -> None:
    for _, after, _, meter in _only(panel, "spike", spike_factor=(5, 10)):
        high = np.quantile(meter.astype(np.float64), 0.999)
        assert len(after) == 1
        assert 5 * high <= after[0] * (1 + 1e-6)
        assert after[0] <= 10 * high * (1 + 1e-6)


def test_negative_is_below_zero_for_hours(panel: Panel) -> None:
    for _, after, _, meter in _only(panel, "negative", negative_hours=(1, 6), negative_factor=(0.1, 2)):
        assert (after < 0).all()
        assert len(after) <= 6
        assert (after >= -2.001 * meter.mean()).all()


def test_reversed_changes_the_sign_for_days(panel: Panel) -> None:
    for before, after, _, _ in _only(panel, "reversed", reversed_days=(2, 14)):
        assert np.array_equal(after, -before)
        assert len(after) <= 14 * 24


def test_a_drop_leaves_a_fifth_for_a_week(panel: Panel) -> None:
    for before, after, _, _ in _only(panel, "drop"):
        assert (after[before > 0] <= 0.2001 * before[before > 0]).all()
        assert len(after) <= 168


def test_a_clock_is_wrong_by_whole_intervals_for_weeks(panel: Panel) -> None:
    for _, after, where, meter in _only(panel, "clock_shift", clock_shift_hours=(2, 6)):
        shifts = [shift for shift in range(-6, 7) if _moved(meter, where, after, shift)]
        assert len(shifts) == 1
        assert 2 <= abs(shifts[0]) <= 6
        assert 13 * 24 <= len(after) <= 28 * 24


def _moved(meter: np.ndarray, where: slice, after: np.ndarray, shift: int) -> bool:
    source = np.arange(where.start, where.stop) - shift
    inside = (source >= 0) & (source < len(meter))
    return bool(np.array_equal(meter[source[inside]], after[inside]) and np.isnan(after[~inside]).all())


def _by_day(panel: Panel, where: slice) -> Iterator[np.ndarray]:
    """Places, within an event, of each local day."""
    day = local_times(panel.times[where], ZONE).day
    for one in np.unique(day):
        yield np.flatnonzero(day == one)


def test_theft_scaled_and_random_leave_a_share(panel: Panel) -> None:
    for kind, factors in (("theft_scaled", 1), ("theft_random", 100)):
        for before, after, _, _ in _only(panel, kind):
            share = after[before > 0.05] / before[before > 0.05]
            assert share.min() > 0.099
            assert share.max() < 0.801
            assert len(np.unique(np.round(share, 3))) == 1 if factors == 1 else np.std(share) > 0.1


def test_theft_off_hours_is_zero_in_the_same_hours_of_each_day(panel: Panel) -> None:
    for before, after, where, _ in _only(panel, "theft_off_hours"):
        hour = local_times(panel.times[where], ZONE).minute // 60
        off = np.unique(hour[after != before])
        assert len(off) >= 3
        assert np.array_equal(off, np.arange(off[0], off[0] + len(off)))
        assert (after[np.isin(hour, off)] == 0).all()
        assert np.array_equal(after[~np.isin(hour, off)], before[~np.isin(hour, off)])


def test_theft_mean_and_random_mean_are_made_of_the_days_mean() -> None:
    panel = made_up()
    for kind, low, high in (("theft_mean", 1, 1), ("theft_random_mean", 0.1, 0.8)):
        for before, after, where, _ in _only(panel, kind):
            for day in _by_day(panel, where):
                share = after[day] / before[day].mean()
                assert share.min() > low - 1e-4
                assert share.max() < high + 1e-4


def test_theft_reversed_day_runs_each_day_backwards() -> None:
    panel = made_up()
    for before, after, where, _ in _only(panel, "theft_reversed_day"):
        for day in list(_by_day(panel, where)):
            assert np.array_equal(np.sort(after[day]), np.sort(before[day])) or len(day) < 24
        middle = list(_by_day(panel, where))[1]
        assert np.array_equal(after[middle], before[middle][::-1])


def test_thefts_last_whole_days_of_the_clock() -> None:
    panel = made_up(days=120)
    thefts = tuple(kind for kind in KINDS if kind.startswith("theft"))
    injected = inject(panel, FaultPlan(thefts, theft_days=(20, 20)), seed=1, zone=ZONE)
    scaled = injected.faults[injected.faults["kind"].isin(["theft_scaled", "theft_mean"])]
    assert len(scaled)
    for event in scaled.itertuples():
        ends = np.array([event.timestamp, event.until], "datetime64[s]")
        assert local_times(ends, ZONE).minute.tolist() == [0, 0]
        assert (ends[1] - ends[0]) / HOUR in (479, 480, 481)


def test_an_event_that_changes_nothing_is_not_recorded() -> None:
    panel = made_up()
    empty = panel.replace(np.full_like(panel.values, np.nan))
    assert inject(empty, FaultPlan(events_per_meter=9), seed=1).faults.empty
    silent = panel.replace(np.zeros_like(panel.values))
    changing = inject(silent, FaultPlan(events_per_meter=9), seed=1)
    assert set(changing.faults["kind"]) == {"gap"}
    assert (inject(silent, FaultPlan(("drop",)), seed=1).labels() == -1).all()


def test_unknown_values_stay_unknown() -> None:
    panel = made_up()
    holes = panel.replace(np.where(np.arange(panel.values.shape[1]) % 5 == 0, np.nan, panel.values))
    kinds = tuple(kind for kind in KINDS if kind not in {"gap", "clock_shift"})
    injected = inject(holes, FaultPlan(kinds, events_per_meter=6), seed=2)
    assert np.array_equal(injected.panel.mask, holes.mask)


def test_how_many_and_for_whom() -> None:
    panel = made_up(meters=200, days=60)
    plan = FaultPlan(("spike",), events_per_meter=3.0, meters_share=0.4)
    counts = inject(panel, plan, seed=8).faults.groupby("meter_id").size()
    assert 60 <= len(counts) <= 100
    assert counts.mean() == pytest.approx(3, abs=0.6)
    assert inject(panel, FaultPlan(events_per_meter=0), seed=8).faults.empty


def test_shorter_intervals_and_panels_without_room() -> None:
    quarter = made_up(meters=4, days=20, step_minutes=15)
    stuck = inject(quarter, FaultPlan(("stuck",), events_per_meter=3, stuck_hours=(6, 6)), seed=1)
    lengths = (stuck.faults["until"] - stuck.faults["timestamp"]).to_numpy() / HOUR
    assert len(lengths)
    assert set(lengths) == {5.75}  # the first value is the meter's own
    day = quarter.between(quarter.start, quarter.start + 24 * HOUR)
    assert inject(day, FaultPlan(("clock_shift", "theft_mean")), seed=1).faults.empty


@pytest.mark.parametrize(
    "wrong",
    [
        {"spike_factor": (10, 5)},
        {"spike_factor": 5},
        {"gap_hours": (0, 3)},
        {"drop_share": (0.1, 1.2)},
        {"theft_window_hours": (4, 30)},
        {"theft_days": (14, float("inf"))},
        {"stuck_hours": (float("nan"), 9)},
        {"events_per_meter": -1},
        {"meters_share": 2},
        {"kinds": ()},
    ],
)
def test_sizes_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadValue, match=next(iter(wrong))):
        FaultPlan(**wrong)


def test_a_misspelt_kind_zone_and_seed_are_refused() -> None:
    with pytest.raises(UnknownName, match="Did you mean spike"):
        FaultPlan(("spikes",))
    with pytest.raises(BadValue, match="zone"):
        inject(made_up(), FaultPlan(), seed=1, zone="Europe/Londn")
    with pytest.raises(BadValue, match="seed"):
        inject(made_up(), FaultPlan(), seed=-1)
