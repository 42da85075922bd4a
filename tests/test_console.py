"""What a verb shows to programs and to logs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from metrify.cli.console import Console, _Lines


@dataclass
class Report:
    wape: float
    parts: tuple[float, ...]
    path: Path


def strict(text: str) -> dict:
    """As a parser reads it that knows JSON only."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_an_answer_is_strict_json(capsys: pytest.CaptureFixture[str]) -> None:
    league = [{"mape": math.nan, "n": np.int64(3), "wape": np.float32(0.5), "best": True, "release": None}]
    Console(None, True).show({"league": league, "report": Report(math.inf, (1.0, math.nan), Path("x.html")), 1: "one"})
    assert strict(capsys.readouterr().out) == {
        "league": [{"mape": None, "n": 3, "wape": 0.5, "best": True, "release": None}],
        "report": {"wape": None, "parts": [1.0, None], "path": "x.html"},
        "1": "one",
    }


def test_a_warning_is_not_part_of_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(None, True)
    console.show({"done": True})
    console.warn("The registry is away.")
    out, err = capsys.readouterr()
    assert strict(out) == {"done": True}
    assert "The registry is away." in err


def test_a_log_sees_progress_while_a_step_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 1.0, 4.0, 4.0, 5.0, 8.0, 8.0])
    meter = _Lines("Search: trials", lambda: next(clock))
    for done in range(1, 5):
        meter(done, 12, "best 0.4")
    assert capsys.readouterr().err.splitlines() == [
        "Search: trials 2 of 12 best 0.4 (4 s)",
        "Search: trials 4 of 12 best 0.4 (8 s)",
    ]


def test_where_stderr_is_no_terminal_progress_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Console(None, False).progress("Validate: buckets") as meter:
        assert capsys.readouterr().err == "Validate: buckets (0 s)\n"
        meter(16, 16)
    assert capsys.readouterr().err == "Validate: buckets 16 of 16 (0 s)\n"
