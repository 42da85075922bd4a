"""The quality pages as text, and what they are made of."""

from __future__ import annotations

import base64
import datetime as dt
import io
import re
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from metrify.errors import BadValue, UnknownMeter
from metrify.lake.tables import Lake
from metrify.report.gradecalendar import years
from metrify.report.grades import GradeMatrix, monday, stretches
from metrify.report.heatmap import grade_colours, heat_map, ticks
from metrify.report.judgements import Judgements, in_force, judged_edits
from metrify.report.quality import QualityReport, page_name, write_quality
from metrify.report.qualitytables import by_method, by_rule, edit_runs, shares_of_intervals, worst_days
from metrify.report.words import stretch
from metrify.schema import EDIT, FINDING, GRADE, METER, QUARANTINE, READING
from metrify.settings import Workspace
from metrify.vee.grades.points import GRADES
from tests.report import judged
from tests.report.judged import EVIL, LONG, ZONE, make_grades, put
from tests.report.test_page import Outline
from tests.report.test_plots import luminance


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return Lake(workspace)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, QualityReport]:
    """Pages of one lake by meter, "" for the fleet; drawing takes seconds, so they are drawn once."""
    workspace = Workspace.open(tmp_path_factory.mktemp("quality"))
    judged.fill_lake(Lake(workspace), meters=12, days=40)
    return {meter: write_quality(workspace, meter_id=meter) for meter in ("", EVIL, "silent")}


def test_a_place_where_no_page_can_be_written_is_told(workspace: Workspace, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadValue, match="path: wanted a place where a file can be written"):
        write_quality(workspace, tmp_path / "file" / "page.html")


def outline(workspace: Workspace, **asked) -> Outline:
    return Outline(write_quality(workspace, **asked).path.read_text(encoding="utf-8"))


def text(found: Outline) -> str:
    return re.sub(r"\s+", " ", " ".join(found.text)).replace("\N{NO-BREAK SPACE}", " ")


def matrix(*rows: str, first: str = "2024-03-04") -> GradeMatrix:
    """One meter a row, one day a letter; a blank is a day without a grade."""
    cells = [
        {"meter_id": f"m{k}", "local_date": pd.Timestamp(first) + pd.Timedelta(days=day), "grade": letter}
        for k, row in enumerate(rows)
        for day, letter in enumerate(row)
        if letter != " "
    ]
    return GradeMatrix.of(pd.DataFrame(cells, columns=["meter_id", "local_date", "grade"]))


def pixels(address: str) -> np.ndarray:
    """RGBA of a PNG in a data address."""
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def test_the_worst_meter_is_on_top_and_no_grade_is_no_fault():
    found = matrix("AAB", "F A", "AAA", "CCC")
    assert list(found.meters) == ["m3", "m1", "m0", "m2"]
    np.testing.assert_array_equal(found.levels, [[3, 3, 3], [6, 0, 1], [1, 1, 2], [1, 1, 1]])
    np.testing.assert_array_equal(found.counts, [6, 1, 3, 0, 0, 1])
    assert list(found.bad_days) == [0, 1, 0, 0]


def test_weeks_begin_on_monday_and_shares_add_up_to_one():
    found = matrix("A" * 20 + "F" * 20, first="2024-03-06")  # a Wednesday
    weeks = found.weeks()
    assert [str(edge) for edge in weeks.edges[[0, 1, -1]]] == ["2024-03-04", "2024-03-11", "2024-04-15"]
    np.testing.assert_allclose(weeks.shares.sum(axis=1), 1)
    assert weeks.shares[2].tolist() == [1, 0, 0, 0, 0, 0]
    assert found.worst_week() == np.datetime64("2024-04-08")  # of two weeks of seven F the later
    assert len(matrix("AAAF").weeks().shares) == 4  # few days are shown as days
    assert np.isnan(matrix("A A").weeks().shares[1]).all()


def test_stretches_cover_the_last_day():
    for days in (1, 2, 20, 21, 22, 23, 28, 29, 400):
        first = np.datetime64("2023-10-25")
        last = first + np.timedelta64(days - 1, "D")
        edges = stretches(first, last)
        assert edges[0] <= first
        assert edges[-2] <= last < edges[-1]
    assert monday(np.array(["2024-03-10", "2024-03-11"], "datetime64[D]")).astype(str).tolist() == [
        "2024-03-04",
        "2024-03-11",
    ]


def test_a_pixel_is_a_meter_day_in_the_colour_of_its_grade():
    picture = heat_map(matrix("ABCDEF", "A    A"))
    for address, ground in ((picture.light, 0), (picture.dark, 1)):
        found = pixels(address)
        assert found.shape == (2, 6, 4)
        wanted = [[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in grade_colours(ground)]
        np.testing.assert_array_equal(found[0, :, :3], wanted)
        assert found[1, :, 3].tolist() == [255, 0, 0, 0, 0, 255]  # clear where there is no grade
    assert picture.names == ["m0", "m1"]
    assert picture.ranks == []


@pytest.mark.parametrize("ground", [0, 1], ids=["light", "dark"])
def test_grades_differ_in_lightness_step_by_step(ground: int):
    """So they can be told apart by whoever sees no or other colours, and on a print."""
    light = np.array([luminance(colour) for colour in grade_colours(ground)]) + 0.05
    steps = light[:-1] / light[1:] if ground == 0 else light[1:] / light[:-1]
    assert (steps > 1.2).all()


def test_two_thousand_meters_and_a_year_are_a_small_picture():
    random = np.random.default_rng(1)
    names, noise = np.repeat(np.arange(2000), 365), random.integers(0, 6, 2000 * 365)  # noise: the worst to pack
    grades = pd.DataFrame(
        {
            "meter_id": pd.Categorical.from_codes(names, [f"m{k}" for k in range(2000)]),
            "local_date": np.tile(pd.date_range("2024-01-01", periods=365), 2000),
            "grade": pd.Categorical.from_codes(noise, list(GRADES)),
        }
    )
    begun = time.process_time()
    picture = heat_map(GradeMatrix.of(grades))
    assert time.process_time() - begun < 3
    assert len(picture.light) + len(picture.dark) < 1_500_000
    assert pixels(picture.light).shape == (2000, 730, 4)  # each day twice as wide, to stay sharp
    assert picture.names == []
    assert [rank.text for rank in picture.ranks] == ["1", "500", "1,000", "1,500", "2,000"]


def test_of_more_meters_the_worst_are_shown_and_it_is_said():
    levels = np.ones((2500, 2), np.uint8)
    levels[:3] = 6
    names = np.array([f"m{k}" for k in range(2500)], object)
    picture = heat_map(GradeMatrix(names, np.datetime64("2024-01-01"), levels))
    assert picture.meters == 2000
    assert "the worst 2,000 of 2,500 meters" in picture.caption
    assert heat_map(GradeMatrix(names, np.datetime64("2020-01-01"), np.ones((2500, 1800), np.uint8))).meters == 416


def test_ticks_are_months_or_days_and_leave_room():
    year = ticks(np.datetime64("2023-07-15"), 365)
    assert next(tick.text for tick in year if not tick.minor) == "Aug"
    assert "2024" in [tick.text for tick in year]
    assert [tick.text for tick in ticks(np.datetime64("2024-02-28"), 3)] == ["28 Feb", "29 Feb", "1 Mar"]
    assert [tick.text for tick in ticks(np.datetime64("2024-02-28"), 1)] == ["28 Feb"]
    for days in (1, 5, 8, 30, 62, 63, 100, 365, 1500, 4000):
        at = [tick.at for tick in ticks(np.datetime64("2020-01-30"), days)]
        assert days in {63} or at
        assert (np.diff(at) >= 0.06).all()


def as_judged(*edits: pd.DataFrame) -> pd.DataFrame:
    return judged_edits(EDIT.conform(pa.Table.from_pandas(pd.concat(edits), preserve_index=False)))


def test_of_several_edits_of_a_value_one_holds():
    readings = judged.make_readings("m", "2024-01-01", 1).head(2)
    first, hour = judged.make_edits(readings), pd.Timedelta(hours=1)
    later = judged.make_edits(readings, "three_like_days", edited_at=judged.NOW + hour)
    undone = judged.make_edits(readings, "learned", edited_at=judged.NOW + 2 * hour, undone_at=judged.NOW + 3 * hour)
    edits = as_judged(undone, later, first)
    assert in_force(edits)["method"].tolist() == ["three_like_days"] * 2
    methods = by_method(edits)
    assert methods[["column", "method", "values", "meters", "share"]].to_numpy().tolist() == [
        ["kwh", "three_like_days", 2, 1, 1.0]
    ]
    assert methods["width"][0] == pytest.approx((later["high"] - later["low"]).mean())


def test_an_edit_of_a_reading_that_changed_since_holds_no_longer(lake: Lake):
    readings = judged.make_readings("m", "2024-03-04", 2)
    put(lake, READING, readings)
    put(lake, EDIT, judged.make_edits(readings.iloc[[3]]))  # made when there was no reading: it came late
    put(lake, EDIT, judged.make_edits(readings.iloc[[4]], "manual", before=readings["kwh"].iloc[4]))
    found = Judgements.read(lake, meter_id="m")
    assert dict(zip(found.edits["method"], found.edits["state"], strict=True)) == {"linear": "stale", "manual": "holds"}
    put(lake, GRADE, make_grades(1, 2, first="2024-03-04").assign(meter_id="m"))
    told = text(outline(lake.workspace, meter_id="m"))
    assert "96 readings came, 1 intervals are estimated, 1 of them in place of a reading." in told
    assert "metrify impute , stale" in told or "metrify impute, stale" in told


def test_rules_are_counted_by_findings_intervals_and_meters():
    times = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-02"], utc=True)
    rows = pd.DataFrame(
        {
            "meter_id": ["a", "a", "b"],
            "timestamp": times,
            "rule": ["gap", "gap", "spike"],
            "severity": ["info", "info", "error"],
            "intervals": [3, 4, 1],
        }
    )
    found = by_rule(rows, meters=4)
    assert found[["rule", "findings", "intervals", "meters", "meter_share"]].to_numpy().tolist() == [
        ["gap", 2, 7, 1, 0.25],
        ["spike", 1, 1, 1, 0.25],
    ]
    assert found["share"].tolist() == [0.875, 0.125]


def test_the_worst_day_and_the_rules_are_named():
    grades = make_grades(1, 4).assign(
        grade=["A", "C", "F", "B"],
        measured=[1, 0.9, 0.2, 0.99],
        estimated=[0, 0.1, 0, 0.01],
        reason=[None, "5 of 48 intervals estimated", "38 of 48 intervals without a value; gap", "stuck"],
    )
    grades["local_date"] = pd.to_datetime(grades["local_date"])
    findings = pd.DataFrame({"meter_id": "silent", "rule": ["gap", "a", "b", "c"], "intervals": [1200, 3, 2, 1]})
    (row,) = worst_days(grades, findings, GradeMatrix.of(grades), 5).to_dict("records")
    assert (row["worst"], row["bad_days"]) == ("F on 2024-03-03", 1)
    assert row["why"] == "38 of 48 intervals without a value; gap"
    assert row["rules"] == "gap 1,200, a 3, b 2, ..."
    assert row["missing"] == pytest.approx(1 - (3.09 + 0.11) / 4)
    np.testing.assert_array_equal(row["days"], [1, 1, 1, 0, 0, 1])
    assert np.isnan(shares_of_intervals(grades.head(0))).all()


def test_neighbouring_edits_are_one_run_and_an_undone_one_stands_apart():
    readings = judged.make_readings("m", "2024-01-01", 1).iloc[[0, 1, 2, 8, 9]]
    edits = judged.make_edits(readings)
    edits.loc[edits.index[-1], "undone_at"] = judged.NOW
    edits = as_judged(edits)
    runs = edit_runs(edits, pd.Timedelta(minutes=30))
    assert runs["intervals"].tolist() == [1, 1, 3]  # the latest first
    assert runs["undone_at"].notna().tolist() == [True, False, False]
    assert runs["until"].iloc[2] - runs["timestamp"].iloc[2] == pd.Timedelta(minutes=90)
    assert runs["after"].iloc[2] == pytest.approx(edits["after"].iloc[:3].sum())
    assert runs["before"].isna().all()
    assert edit_runs(edits.head(0), pd.Timedelta(minutes=30)).empty


def test_a_stretch_says_the_clock_that_holds():
    hour = pd.Timestamp("2024-10-26T23:00", tz="UTC")
    assert stretch(hour, hour + pd.Timedelta(hours=1), ZONE) == "2024-10-27 00:00 to 01:00 BST"
    assert stretch(hour, hour + pd.Timedelta(hours=3), ZONE) == "2024-10-27 00:00 BST to 02:00 GMT"
    assert stretch(hour, hour + pd.Timedelta(hours=26), ZONE) == "2024-10-27 00:00 BST to 2024-10-28 01:00 GMT"


def test_the_calendar_has_a_square_a_day_in_its_week():
    grades = make_grades(1, 370, first="2023-12-30").assign(measured=1.0)
    grades["local_date"] = pd.to_datetime(grades["local_date"])
    latest, earlier, first = years(grades)
    assert (latest.name, earlier.name, first.name) == (2025, 2024, 2023)
    assert [len(year.squares) for year in (latest, earlier, first)] == [2, 366, 2]
    assert [(day.row, day.column) for day in first.squares] == [(6, 1), (7, 1)]  # a Saturday and a Sunday
    assert (earlier.squares[0].row, earlier.squares[-1].row, earlier.weeks) == (1, 2, 53)
    assert "Mon 2024-01-01: F" in earlier.squares[0].title
    assert [month.text for month in earlier.months] == [f"{dt.date(2024, m, 1):%b}" for m in range(1, 13)]
    assert earlier.caption == "2024: days by grade, 366 of F."


def test_the_page_of_the_fleet_says_what_the_lake_holds(pages: dict[str, QualityReport]):
    report = pages[""]
    grades = make_grades(12, 40)
    assert report.path.parts[-2:] == ("reports", "quality.html")
    assert (report.meters, report.meter_days) == (12, 480)
    assert report.grades == {grade: int((grades["grade"] == grade).sum()) for grade in GRADES}
    assert report.measured == pytest.approx(grades["measured"].mean())
    assert report.worst[0] == "silent"
    page = Outline(report.path.read_text(encoding="utf-8"))
    told = text(page)
    good = grades["grade"].isin(["A", "B"]).mean()
    assert f"Of 480 meter-days from 2024-03-01 to 2024-04-09, {good:.1%} are graded A or B".replace("%", " %") in told
    assert "never-heard is in METER, but no day of it is graded" in told
    assert "F on 2024-04-09" in told
    assert "three_like_days" in told
    assert "kwh is not a finite number READING 4" in told
    assert "metrify report quality --meter silent" in told
    assert told.count(LONG) == 2  # beside the picture and in the table
    (image,) = page.all("img")
    assert image["alt"].startswith("Grades of 12 meters from 2024-03-01 to 2024-04-09, the worst meter on top.")


def test_the_page_of_a_meter_says_what_was_found_and_edited(pages: dict[str, QualityReport]):
    report = pages[EVIL]
    assert report.path == pages[""].path.with_name(page_name(EVIL))
    assert (report.meters, report.meter_days) == (1, 40)
    page = Outline(report.path.read_text(encoding="utf-8"))
    told = text(page)
    assert f"Data quality of meter {EVIL}" in told
    assert "The week with the worst grades, from Monday 2024-0" in told
    assert f"by the clock of {ZONE}" in told
    assert "metrify impute" in told
    assert len([a for a in page.all("i") if "title" in a]) == 40
    assert "kwh is missing READING 1" in told


@pytest.mark.parametrize("meter", ["", EVIL, "silent"])
def test_pages_are_whole_ordered_and_fetch_nothing(pages: dict[str, QualityReport], meter: str):
    html = pages[meter].path.read_text(encoding="utf-8")
    page = Outline(html)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert (np.diff(levels) <= 1).all()
    assert not {"script", "iframe", "object"} & {tag for tag, _ in page.elements}
    addresses = [
        value for _, found in page.elements for name, value in found.items() if name in {"src", "srcset", "href"}
    ]
    assert all(value.startswith(("#", "data:")) for value in addresses)
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(set(ids)) == len(ids)
    assert {value[1:] for value in addresses if value.startswith("#")} <= set(ids)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in cell for cell in page.all("th"))
    assert all(len(found["aria-label"]) > 3 for _, found in page.elements if found.get("role") == "img")
    if meter != "silent":
        assert EVIL in text(page)  # as text
        assert "<script" not in html


def test_an_empty_lake_has_a_page_that_says_what_to_do(workspace: Workspace):
    report = write_quality(workspace)
    assert (report.meters, report.meter_days, report.measured, report.worst) == (0, 0, None, [])
    told = text(Outline(report.path.read_text(encoding="utf-8")))
    assert "No meter-day has a grade yet: run metrify vee ." in told
    assert "The lake holds no readings of this time: load some." in told
    assert len(outline(workspace).all("svg")) == 0


def test_readings_without_grades_are_told_to_be_graded(lake: Lake):
    put(lake, READING, judged.make_readings("m", "2024-03-04", 3))
    told = text(outline(lake.workspace))
    assert "Validate the readings and grade their days." in told
    told = text(outline(lake.workspace, meter_id="m"))
    assert "No day of this meter has a grade yet." in told
    with pytest.raises(UnknownMeter, match="The lake holds 1 meters"):
        write_quality(lake.workspace, meter_id="other")


def test_one_day_of_one_meter_that_is_all_missing(lake: Lake):
    grades = make_grades(1, 1)
    put(lake, GRADE, grades)
    put(lake, METER, judged.make_meters(["silent"]))
    report = write_quality(lake.workspace)
    assert report.grades["F"] == report.meter_days == 1
    assert (report.measured, report.missing) == (0, 1)
    told = text(Outline(report.path.read_text(encoding="utf-8")))
    assert "Data quality of 1 meter " in told
    assert "Of 1 meter-day on 2024-03-01, 0.0 % are graded A or B, 100.0 % D to F." in told
    told = text(outline(lake.workspace, meter_id="silent"))
    assert "There is no reading and no estimate to draw of the week with the worst grades." in told


def test_a_day_of_25_hours_is_one_day_with_all_its_readings(lake: Lake):
    readings = judged.make_readings("m", "2024-10-25", 6)  # the clock goes back on the 27th
    assert len(readings) == 6 * 48 + 2
    grades = make_grades(1, 6, first="2024-10-25").assign(meter_id="m", grade=["A", "A", "F", "A", "A", "A"])
    gap = readings[readings["timestamp"].between("2024-10-27T00:00Z", "2024-10-27T01:30Z")]
    assert len(gap) == 4  # 01:00 to 02:00, twice
    put(lake, READING, readings.drop(index=gap.index))
    put(lake, EDIT, judged.make_edits(gap))
    put(lake, GRADE, grades)
    put(lake, METER, judged.make_meters(["m"]))
    told = text(outline(lake.workspace, meter_id="m"))
    of_week = readings["timestamp"] < pd.Timestamp("2024-10-28", tz=ZONE)  # the week begins before the readings do
    assert f"from Monday 2024-10-21, by the clock of {ZONE}: {of_week.sum() - 4} readings came, 4 intervals" in told
    assert "2024-10-27 01:00 BST to 02:00 GMT 4 kwh [kWh]" in told


def test_a_stretch_of_days_is_cut_at_their_midnights(lake: Lake):
    put(lake, GRADE, make_grades(3, 10))
    findings = judged.make_findings(make_grades(3, 10)).drop_duplicates(["meter_id", "timestamp", "rule"])
    put(lake, FINDING, findings)
    put(lake, QUARANTINE, judged.make_quarantine(3))
    since, until = np.datetime64("2024-03-03"), np.datetime64("2024-03-05")
    found = Judgements.read(lake, since, until)
    assert sorted(set(found.grades["local_date"].dt.strftime("%d"))) == ["03", "04"]
    bounds = [pd.Timestamp(day, tz="UTC") for day in (since, until)]
    inside = findings["timestamp"].between(*bounds, inclusive="left")
    assert len(found.findings) == inside.sum() > 0
    assert len(found.quarantined) == 3  # of which no time is known
    one = Judgements.read(lake, since, until, meter_id="silent", zone="America/New_York")
    shifted = findings["timestamp"].between(*(bound + pd.Timedelta(hours=5) for bound in bounds), inclusive="left")
    assert len(one.findings) == (shifted & (findings["meter_id"] == "silent")).sum()
    assert len(one.quarantined) == 0
    report = write_quality(lake.workspace, since=since, until=until)
    assert report.meter_days == 6


def test_what_is_no_grade_is_no_grade(lake: Lake):
    put(lake, GRADE, make_grades(2, 3).assign(grade=["A", "?", "A", "B", "A", "A"], reason=None, estimated=np.nan))
    report = write_quality(lake.workspace)
    assert report.meter_days == 5
    assert report.estimated is None


def test_no_meter_leads_out_of_the_folder_or_shares_its_page():
    names = ["../../etc/passwd", "..", "a/b", "a_b", "a\\b", "M 1", "ü" * 60, "-" * 300, "-" * 301]
    files = [page_name(name) for name in names]
    assert all(re.fullmatch(r"quality-[\w.-]{1,100}\.html", file) for file in files)
    assert len(set(files)) == len(names)
