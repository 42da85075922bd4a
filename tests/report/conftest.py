"""A report as a run makes it, and a real Chromium to open it in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from metrify.report import Report
from metrify.report.page import render
from tests.report.browser import Browser
from tests.report.fleet import make_report


@pytest.fixture(scope="session")
def report() -> Report:
    return make_report()


@pytest.fixture(scope="session")
def html(report: Report) -> str:
    """The report as its page; drawing takes seconds, so it is drawn once."""
    return render(report)


@pytest.fixture(scope="session")
def browser(
    require_service: Callable[[str, object], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    require_service("chromium", program)
    opened = Browser(str(program), tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
