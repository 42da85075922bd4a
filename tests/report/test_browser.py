"""The report in a real Chromium: it shows itself, asks for nothing, and fits every screen in light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.browser import Browser

SCREENS = pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (1280, True), (900, False), (800, False), (390, False), (360, True)]
)

CUT_OFF = """[...document.querySelectorAll('svg')].flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return box.width ? [...svg.querySelectorAll('text')].filter(text => {
    const word = text.getBoundingClientRect();
    return word.left < box.left - 1 || word.right > box.right + 1
        || word.top < box.top - 1 || word.bottom > box.bottom + 1;
  }).map(text => text.textContent) : [];
})"""
SMALLEST = """Math.min(...[...document.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width).map(
  svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))"""
MUTED = "getComputedStyle(document.querySelector('svg text')).fill"


@pytest.fixture(scope="module")
def page(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def test_headings_and_figures_are_shown_and_nothing_is_asked_for(browser: Browser, page: Path):
    browser.open(page)
    headings = browser.ask("[...document.querySelectorAll('h1, h2')].map(heading => heading.innerText)")
    assert headings[0] == "Day-ahead forecasts of 17 homes"
    assert {"League", "Forecasts against what came true", "Errors", "The run"} <= set(headings)
    shown = "[...document.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().height > 100).length"
    assert browser.ask(shown) == 10  # of each figure the one for this width
    asked = [
        event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked == [page.as_uri()]
    assert browser.ask("performance.getEntriesByType('resource').length") == 0


@SCREENS
def test_it_fits_the_screen(browser: Browser, page: Path, width: int, dark: bool):
    browser.open(page, width, dark=dark)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask(CUT_OFF) == []
    assert browser.ask(SMALLEST) > 0.8, "text in a figure would be too small to read"


def test_figures_follow_light_and_dark(browser: Browser, page: Path):
    browser.open(page)
    on_light = browser.ask(MUTED)
    browser.open(page, dark=True)
    assert (on_light, browser.ask(MUTED)) == ("rgb(86, 101, 113)", "rgb(160, 177, 189)")
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(14, 21, 27)"
