"""The page as text: whole, ordered, self-contained, and honest about what it was not given."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from metrify.errors import MissingColumns
from metrify.report import Facts, Link, Quality, Report, Stage, write
from metrify.report.page import render

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """Elements in order with their attributes; what is opened is closed in turn."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    return Outline(html)


def bare(**parts) -> Report:
    return Report("Bare", dt.datetime(2026, 1, 1, tzinfo=dt.UTC), **parts)


def test_it_is_written_where_it_was_asked_for(report, html, tmp_path):
    path = write(report, tmp_path / "reports" / "first.html")
    assert path == tmp_path / "reports" / "first.html"
    assert path.read_text(encoding="utf-8") == html, "the same report is the same page"


def test_a_report_is_described_without_loading_what_draws_it():
    script = "import sys, metrify.report; sys.exit(bool({'matplotlib', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_headings_are_in_order(outline):
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert outline.all("html") == [{"lang": "en"}]


def test_every_figure_is_there_twice_and_says_what_it_shows(outline):
    drawn = outline.all("svg")
    assert len(outline.all("figure")) == 10
    assert len(drawn) == 20
    assert all(svg["role"] == "img" and len(svg["aria-label"]) > 30 for svg in drawn)


def test_every_table_has_a_caption_and_scopes(outline):
    assert len(outline.all("caption")) == len(outline.all("table")) == 12
    assert all("scope" in cell for cell in outline.all("th"))


def test_nothing_is_fetched_and_nothing_runs(html, outline):
    assert not {"script", "img", "iframe", "object", "use-remote"} & {tag for tag, _ in outline.elements}
    assert "default-src 'none'" in html
    assert "@import" not in html
    assert set(re.findall(r"url\(([^)]{4})", html)) <= {
        "#ban",
        "#err",
        "#met",
        "#rel",
        "#imp",
        "#wee",
        "#ser",
        "#ano",
        "#mai",
        "#qua",
    }
    targets = [
        value for _, attributes in outline.elements for name, value in attributes.items() if name in {"src", "href"}
    ]
    away = {target for target in targets if not target.startswith("#")}
    assert away == {"data:,", "http://127.0.0.1:5000", "http://127.0.0.1:8265", "http://127.0.0.1:8000/docs"}
    assert {a["href"] for a in outline.all("link")} == {"data:,"}


def test_ids_are_unique_and_references_lead_somewhere(html, outline):
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)|aria-labelledby="([^"]+)"', html)
    assert {name for names in used for name in names if name} <= set(ids)


def test_what_it_says(outline, report):
    text = " ".join(outline.text).replace("\N{NO-BREAK SPACE}", " ")
    best = report.league[report.league["role"] == "champion"].iloc[0]
    naive = report.league[report.league["role"] == "baseline"]["wape"].min()
    assert f"forecasting/lightgbm version 3 has a WAPE of {best['wape']:.1%}".replace("%", " %") in text
    assert f"{1 - best['wape'] / naive:.1%} below that of the best baseline, naive/last week".replace("%", " %") in text
    assert "2023-08-01 to 2024-07-30" in text  # local days; the last one ends at the last reading
    assert "148,920" in text
    assert "2 min 04 s" in text
    assert "kwh is below -1e+06 kWh" in text
    assert "2026-11-23 08:12 UTC" in text


def test_a_bare_report_says_what_it_lacks():
    outline = Outline(render(bare()))
    absent = [attributes for tag, attributes in outline.elements if attributes.get("class") == "absent"]
    assert len(absent) >= 10
    assert outline.all("svg") == outline.all("table") == []
    assert len([tag for tag, _ in outline.elements if tag == "h2"]) == 8


@pytest.mark.parametrize(
    "missing",
    [
        "facts",
        "stages",
        "quality",
        "league",
        "forecasts",
        "week",
        "served",
        "importance",
        "settings",
        "links",
        "limits",
    ],
)
def test_each_part_may_be_missing(report, missing, monkeypatch):
    monkeypatch.setattr("metrify.report.page.figures", lambda _: {})  # drawn in the other tests, and slow
    default = next(field for field in dataclasses.fields(Report) if field.name == missing)
    empty = default.default if default.default is not dataclasses.MISSING else default.default_factory()
    Outline(render(dataclasses.replace(report, **{missing: empty})))


def test_names_from_outside_stay_text():
    evil = "<script>alert('&1')</script>$x_1$"
    html = render(
        bare(
            facts=Facts(1, 1, dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2), "UTC", evil),
            league=pd.DataFrame({"family": [evil], "role": ["champion"], "wape": [0.3]}),
            importance=pd.DataFrame({"feature": [evil, "b"], "gain": [2.0, 1.0]}),
            settings={evil: evil},
            stages=(Stage(evil, 0.0, evil),),
            links=(Link(evil, "javascript:alert(1)", evil),),
            limits=(evil,),
            quality=Quality(quarantined=pd.DataFrame({"table": ["READING"], "reason": [evil], "rows": [1]})),
        )
    )
    outline = Outline(html)
    assert outline.all("script") == []
    assert "javascript:alert(1)" not in [a.get("href") for a in outline.all("a")]
    assert "".join(outline.text).count(evil) >= 9


def test_a_league_without_baseline_or_champion_still_has_a_best(report):
    league = (
        report.league[report.league["role"] != "baseline"].drop(columns="seconds").assign(role=None, version=np.nan)
    )
    text = " ".join(Outline(render(bare(league=league))).text)
    assert "forecasting/lightgbm has a WAPE of" in text
    assert "baseline," not in text


def test_forecasts_that_have_not_come_true_are_no_error(report):
    rows = report.forecasts[report.forecasts["meter_id"] == "Building_3"].assign(actual=np.nan)
    text = " ".join(Outline(render(bare(forecasts=rows))).text)
    assert "No forecast with what came true was handed in." in text


def test_forecasts_without_their_quantiles_are_refused(report):
    with pytest.raises(MissingColumns, match="q05"):
        render(bare(forecasts=report.forecasts.drop(columns="q05")))


def test_an_answer_with_fewer_quantiles_is_shown(report):
    served = report.served.drop(columns=["q05", "q95", "q25", "q75", "mean"]).assign(reason="seasonal: 3 readings")
    outline = Outline(render(bare(served=served)))
    assert "seasonal: 3 readings" in outline.text
    assert "80 % band" in " ".join(outline.text)
    assert "90 % band" not in " ".join(outline.text)
