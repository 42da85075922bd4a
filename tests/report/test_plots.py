"""Figures: what they show, whatever they are given."""

from __future__ import annotations

import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import dates
from PIL import Image

from metrify.metrics.forecasts import score, score_by
from metrify.report import accuracy, canvas, plots
from metrify.report.frames import answers, chosen_meters, last_days, with_gaps
from metrify.report.palette import PALETTE
from tests.report.fleet import ZONE, make_forecasts

WIDTHS = pytest.mark.parametrize("width", [canvas.WIDE, canvas.NARROW])


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return make_forecasts()


def label_texts(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def line(ax, colour: str) -> np.ndarray:
    """The y values of the longest line of that role."""
    return max((item.get_ydata() for item in ax.lines if item.get_color() == PALETTE[colour][0]), key=len)


def test_hours_are_those_of_the_wall_clock(rows):
    found = answers(rows)
    local = found["timestamp"].dt.tz_convert(ZONE).dt.hour
    assert (found["hour"] == local).all()
    assert found["lead_minutes"].between(0, 1440).all()
    day_of_change = found[found["timestamp"].dt.tz_convert(ZONE).dt.date == pd.Timestamp("2024-03-10").date()]
    assert sorted(day_of_change["hour"].unique()) == [0, 1, *range(3, 24)]


def test_answers_take_naive_times_as_utc_and_miss_no_actual(rows):
    naive = rows.assign(
        timestamp=rows["timestamp"].dt.tz_localize(None), issue_time=rows["issue_time"].dt.tz_localize(None)
    )
    pd.testing.assert_frame_equal(answers(naive), answers(rows))
    assert answers(rows.drop(columns="actual"))["actual"].isna().all()


def test_an_easy_a_typical_and_a_hard_meter_are_chosen(rows):
    ranked = score_by(rows, ["meter_id"]).sort_values("wape")["meter_id"].tolist()
    assert list(chosen_meters(rows)) == [ranked[2], ranked[8], ranked[14]]
    assert [note.split(",")[0] for note in chosen_meters(rows).values()] == ["easy", "typical", "hard"]
    assert list(chosen_meters(rows[rows["meter_id"] == "Building_4"])) == ["Building_4"]
    assert set(chosen_meters(rows.assign(actual=np.nan)).values()) == {""}


def test_the_freshest_answer_of_the_last_local_days_is_shown(rows):
    stale = rows.assign(issue_time=rows["issue_time"] - pd.Timedelta(days=1), q50=-1.0)
    shown = last_days(answers(pd.concat([rows, stale])), 3)
    assert (shown["q50"] >= 0).all()
    local = shown["timestamp"].dt.tz_convert(ZONE)
    assert local.dt.date.nunique() == 3
    assert (local.min().hour, len(shown)) == (0, 3 * 24 * 17)


def test_a_gap_is_left_open(rows):
    one = answers(rows[rows["meter_id"] == "Building_2"])
    assert len(with_gaps(one)) == len(one)
    broken = with_gaps(one.drop(index=range(30, 40)))
    assert broken["q50"].isna().sum() == 1
    assert broken["timestamp"].is_monotonic_increasing


@WIDTHS
def test_bands_show_three_meters_by_the_local_clock(rows, width):
    figure = plots.forecast_bands(rows, width)
    axes = figure.axes
    assert len(axes) == 3
    left = dates.num2date(axes[-1].get_xlim()[0]).astimezone(pd.Timestamp(0, tz=ZONE).tz)
    assert (left.hour, left.minute) == (0, 0)
    assert label_texts(axes[-1].xaxis)[0].startswith(f"{left:%a} {left.day}")
    assert axes[-1].get_xlabel() == f"Local time, {ZONE}"
    assert "[kWh]" in figure.get_supylabel()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["90 % band", "80 % band", "50 % band", "median (q50)", "came true", "issued"]
    meter = axes[0].get_title("left").split(" (")[0]
    wanted = last_days(answers(rows[rows["meter_id"] == meter]), 5 if width == canvas.WIDE else 3)
    np.testing.assert_allclose(line(axes[0], "forecast"), wanted["q50"])
    np.testing.assert_allclose(line(axes[0], "ink"), wanted["actual"])
    issues = [item for item in axes[0].lines if item.get_color() == PALETTE["muted"][0]]
    assert len(issues) == wanted["issue_time"].nunique()


def test_a_day_is_marked_by_its_hours_and_needs_no_actual(rows):
    day = rows.groupby("meter_id").tail(24).drop(columns="actual")
    figure = plots.forecast_bands(day, canvas.WIDE)
    assert label_texts(figure.axes[-1].xaxis) == ["Sun 17 Mar", "06:00", "12:00", "18:00"]
    assert "came true" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_export_below_zero_is_not_cut_off(rows):
    figure = plots.forecast_bands(rows.assign(q05=rows["q05"] - 2), canvas.WIDE)
    assert all(ax.get_ylim()[0] < 0 for ax in figure.axes)
    assert all(ax.get_ylim()[0] == 0 for ax in plots.forecast_bands(rows, canvas.WIDE).axes)


def test_errors_by_hour_and_by_lead(rows):
    figure = accuracy.errors(rows, canvas.WIDE)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(heights, score_by(answers(rows), ["hour"])["mae"])
    by_lead = score_by(answers(rows), ["lead_minutes"])["coverage_80"]
    np.testing.assert_allclose(line(figure.axes[3], "forecast"), by_lead)
    assert figure.axes[0].get_ylim() == figure.axes[2].get_ylim()
    assert figure.axes[0].get_title("left") == "MAE [kWh] by hour of the local day"


def test_meters_are_sorted_and_the_ends_named(rows):
    ax = accuracy.meter_wape(rows, 450).axes[0]
    shares = line(ax, "error")
    assert len(shares) == 17
    assert (np.diff(shares) >= 0).all()
    named = [text.get_text() for text in ax.texts]
    ranked = score_by(rows, ["meter_id"]).sort_values("wape")["meter_id"].tolist()
    assert [name.split(",")[0] for name in named[1:]] == [ranked[0], ranked[-1]]


def test_reliability_is_near_the_diagonal_for_honest_quantiles(rows):
    observed = line(accuracy.reliability(rows, 450).axes[0], "forecast")
    np.testing.assert_allclose(observed, [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], atol=0.03)
    found = score(rows)
    assert observed[5] - observed[1] == pytest.approx(found["coverage_80"], abs=0.005)


def test_importance_is_the_share_of_the_gain(report):
    ax = plots.importance(report.importance, 450).axes[0]
    widths = [bar.get_width() for bar in ax.patches]
    assert len(widths) == 15
    assert widths == sorted(widths)
    assert widths[-1] == pytest.approx(1000 / report.importance["gain"].sum())


def test_a_week_without_pv_shows_load_alone(report):
    assert len(plots.week(report.week, canvas.WIDE, zone=ZONE).axes[0].lines) == 2
    assert len(plots.week(report.week[["timestamp", "kwh"]], canvas.WIDE, zone=ZONE).axes[0].lines) == 1


@pytest.mark.parametrize(
    "change", ["one row", "no actual but one", "constant zero", "half hours", "categories", "a thousand"]
)
def test_odd_forecasts_are_drawn_without_a_warning(rows, change):
    odd = rows[rows["meter_id"].isin(["Building_1", "Building_2"])].copy()
    if change == "one row":
        odd = odd.iloc[[10]]
    elif change == "no actual but one":
        odd.loc[odd.index != odd.index[10], "actual"] = np.nan
    elif change == "constant zero":
        odd[["actual", "mean", "q05", "q10", "q25", "q50", "q75", "q90", "q95"]] = 0.0
        odd.loc[odd.index[0], "actual"] = 1.0
    elif change == "half hours":
        odd["timestamp"] = odd["issue_time"] + (odd["timestamp"] - odd["issue_time"]) / 2
    elif change == "categories":
        odd = odd.astype({"meter_id": "category", "zone": "category"})
    else:
        odd = pd.concat([odd.head(3).assign(meter_id=f"m{i}") for i in range(1000)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in (plots.forecast_bands, accuracy.errors, accuracy.meter_wape, accuracy.reliability):
            assert canvas.svg(draw(odd, canvas.NARROW), "odd", "odd").startswith("<svg")


@WIDTHS
def test_svg_has_text_and_only_the_colours_of_the_palette(rows, width):
    drawn = canvas.svg(plots.forecast_bands(rows, width), "a", 'bands "of" <three>')
    assert ">came true</text>" in drawn
    assert 'aria-label="bands &#34;of&#34; &lt;three&gt;"' in drawn
    assert "#" not in drawn.replace("&#34;", "").replace('href="#a-', "").replace("url(#a-", "")
    assert "http" not in drawn
    used = {name for name in PALETTE if f"var(--{name})" in drawn}
    assert {"ink", "muted", "rule", "forecast"} <= used


def test_dollars_in_a_name_are_not_a_formula():
    rows = pd.DataFrame({"feature": ["$cost_1$", "b"], "gain": [2.0, 1.0]})
    assert ">$cost_1$</text>" in canvas.svg(plots.importance(rows, 450), "a", "a")


def test_drawing_changes_no_setting_of_the_process(rows, tmp_path):
    before = dict(mpl.rcParams)
    canvas.save_png(accuracy.meter_wape(rows, 450), tmp_path / "meters.png")
    assert dict(mpl.rcParams) == before


def test_a_png_has_twice_the_size_on_light_ground(rows, tmp_path):
    path = canvas.save_png(accuracy.meter_wape(rows, 450), tmp_path / "meters.png")
    with Image.open(path) as image:
        assert image.size == (900, 640)
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("ground", [0, 1], ids=["light", "dark"])
def test_every_colour_stands_out_from_its_ground(ground):
    for behind in ("ground", "card"):
        for name in ("ink", "muted", "forecast", "solar", "error"):
            pair = sorted(luminance(PALETTE[role][ground]) for role in (behind, name))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (name, behind)
    assert len({colours[0] for colours in PALETTE.values()}) == len(PALETTE), "a colour has one role"
