"""The quality pages in a real Chromium: they fit every screen, and the heat map has the colours of its grades."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metrify.lake.tables import Lake
from metrify.report.heatmap import grade_colours
from metrify.report.palette import PALETTE
from metrify.report.quality import write_quality
from metrify.settings import Workspace
from tests.report import judged
from tests.report.browser import Browser
from tests.report.test_browser import CUT_OFF, SCREENS, SMALLEST

NAMES_CUT = """[...document.querySelectorAll('.names span, .ticks span, .ranks span')].filter(word => {
  const box = word.getBoundingClientRect(), card = word.closest('section').getBoundingClientRect();
  return box.width && (box.left < card.left || box.right > card.right);
}).map(word => word.textContent)"""
ROWS_OFF = """Math.max(0, ...[...document.querySelectorAll('.names span')].map((name, place, all) => {
  const box = name.getBoundingClientRect(), map = document.querySelector('.picture img').getBoundingClientRect();
  return Math.abs((box.top + box.bottom) / 2 - (map.top + (place + 0.5) * map.height / all.length));
}))"""
OVERLAP = """[...document.querySelectorAll('.ticks')].some(row => {
  const shown = [...row.children].map(tick => tick.getBoundingClientRect()).filter(box => box.width);
  return shown.some((box, place) => place && box.left < shown[place - 1].right);
})"""
MAP = """(({left, top, width, height}) => ({x: left, y: top, width, height, scale: 1}))(
  document.querySelector('.picture').getBoundingClientRect())"""
INKS = """[...new Set([...document.querySelectorAll('h1,h2,h3,p,li,td,th,dt,dd,caption,figcaption,.names,.ticks')].map(
  word => getComputedStyle(word).color))]"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    workspace = Workspace.open(tmp_path_factory.mktemp("quality"))
    judged.fill_lake(Lake(workspace), meters=10, days=360)
    empty = Workspace.open(tmp_path_factory.mktemp("empty"))
    return {
        "fleet": write_quality(workspace).path,
        "meter": write_quality(workspace, meter_id=judged.EVIL).path,
        "empty": write_quality(empty).path,
    }


@SCREENS
@pytest.mark.parametrize("name", ["fleet", "meter", "empty"])
def test_it_fits_the_screen(browser: Browser, pages: dict[str, Path], name: str, width: int, dark: bool):
    browser.open(pages[name], width, dark=dark)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask(CUT_OFF) == []
    assert browser.ask(NAMES_CUT) == []
    assert browser.ask(OVERLAP) is False
    if name != "empty":
        assert browser.ask(SMALLEST) > 0.8, "text in a figure would be too small to read"


def test_nothing_is_asked_for_and_no_name_becomes_code(browser: Browser, pages: dict[str, Path]):
    for path in pages.values():
        browser.open(path)
        asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        assert browser.ask("document.scripts.length") == 0
    browser.open(pages["meter"])
    assert browser.ask("document.querySelector('h1').innerText").endswith(judged.EVIL)


@pytest.mark.parametrize("width", [1280, 390])
def test_names_stand_beside_their_rows(browser: Browser, pages: dict[str, Path], width: int):
    browser.open(pages["fleet"], width)
    assert browser.ask("document.querySelectorAll('.names span').length") == 10
    assert browser.ask(ROWS_OFF) < 3


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_silent_meter_is_a_row_of_f_on_either_ground(browser: Browser, pages: dict[str, Path], dark: bool):
    browser.open(pages["fleet"], dark=dark)
    clip = browser.ask(MAP)
    shot = browser.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")).astype(int)
    row = clip["height"] / 10
    wanted = [int(grade_colours(int(dark))[5][k : k + 2], 16) for k in (1, 3, 5)]
    silent = drawn[int(row * 0.5), 20:-20]
    assert np.abs(silent - wanted).max() <= 3
    best = [int(grade_colours(int(dark))[0][k : k + 2], 16) for k in (1, 3, 5)]
    last = drawn[int(row * 9.5)]
    assert (np.abs(last - best).max(axis=1) <= 3).mean() > 0.8  # the best meter: nearly all A


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_has_a_colour_that_stands_out_from_its_ground(browser: Browser, pages: dict[str, Path], dark: bool):
    """Their contrast is measured in test_plots."""
    roles = [PALETTE[role][int(dark)] for role in ("ink", "muted", "forecast")]
    known = {f"rgb({', '.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))})" for colour in roles}
    for path in pages.values():
        browser.open(path, dark=dark)
        assert set(browser.ask(INKS)) <= known
