"""The quality page of the whole fleet."""

from __future__ import annotations

import shlex
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.report import gradeplots, words
from metrify.report.figures import Figure, drawn
from metrify.report.grades import GradeMatrix
from metrify.report.heatmap import NAMED, heat_map
from metrify.report.judgements import Judgements
from metrify.report.qualitytables import (
    by_method,
    by_reason,
    by_rule,
    latest_scores,
    shares_of_intervals,
    worst_days,
)
from metrify.report.templates import fill
from metrify.schema import READING
from metrify.vee.grades.points import GRADES
from metrify.vee.rules import RULES

__all__ = ["fleet_page", "strip"]

_MOST_METERS, _MOST_RULES, _MOST_REASONS, _MOST_SILENT = 20, 8, 12, 12
_NEARER = 40
"""Worst meters that are shown by name where not all are."""
_LIKELY = 0.5
"""Chance of estimation from which a meter is worth a look before it happens."""
_MEANINGS = {rule.name: rule.meaning for rule in RULES}


def fleet_page(found: Judgements, generated_at: datetime) -> str:
    """The page as HTML. Every table may be empty."""
    matrix = GradeMatrix.of(found.grades)
    rules = by_rule(found.findings, len(matrix.meters))
    scores = latest_scores(found.scores)
    content = {
        "title": f"Data quality of {_meters(len(matrix.meters))}" if len(matrix.meters) else "Data quality",
        "generated_at": generated_at,
        "graded": bool(matrix.counts.sum()),
        "matrix": matrix,
        "headline": headline(matrix),
        "parts": strip(matrix.counts),
        "intervals": shares_of_intervals(found.grades),
        "heat": heat_map(matrix) if len(matrix.meters) else None,
        "nearer": heat_map(matrix, _NEARER) if len(matrix.meters) > NAMED else None,
        "figures": _figures(found, matrix, rules),
        "worst": _worst(found, matrix, scores),
        "most_meters": _MOST_METERS,
        "scored": bool(len(scores)),
        "likely": _likely(scores),
        "silent": sorted(found.known - {str(name) for name in matrix.meters})[: _MOST_SILENT + 1],
        "most_silent": _MOST_SILENT,
        "rules": rules.assign(meaning=rules["rule"].map(_MEANINGS).fillna("")).to_dict("records"),
        "readings": found.readings,
        "methods": _methods(found),
        "quarantined": by_reason(found.quarantined).to_dict("records"),
        "most_reasons": _MOST_REASONS,
        "steps": _next_steps(found, matrix),
    }
    return fill("quality.html.j2", content, styles=("quality.css",))


def headline(matrix: GradeMatrix) -> str:
    """The grades in a sentence."""
    if not matrix.counts.sum():
        return "No meter-day has a grade yet: run `metrify vee`."
    good, bad = words.percent(matrix.shares[:2].sum()), words.percent(matrix.shares[3:].sum())
    return f"Of {matrix.meter_days} {matrix.dates}, {good} are graded A or B, {bad} D to F."


def strip(counts: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Grade, share and days of each, from the days of A to F, [6]."""
    shares = counts / max(counts.sum(), 1)
    return [
        {"grade": grade, "share": share, "days": days}
        for grade, share, days in zip(GRADES, shares.tolist(), counts.tolist(), strict=True)
    ]


def _figures(found: Judgements, matrix: GradeMatrix, rules: pd.DataFrame) -> dict[str, Figure]:
    made = {}
    if not matrix.counts.sum():
        return made
    weeks = matrix.weeks()
    text = f"Shares of the grades, {'by day' if len(weeks.edges) == matrix.days + 1 else 'by week from Monday on'}"
    worse = words.percent(1 - matrix.shares[0])
    text = f"{text}; {worse} of all meter-days are worse than A."
    if gradeplots.top(weeks) < 1:
        text += " What the scale leaves out above is graded A too."
    made["weeks"] = drawn("weeks", text, partial(gradeplots.grades_by_week, weeks))
    named = rules["rule"].drop_duplicates().head(_MOST_RULES).tolist()
    if named:
        text = f"Intervals of the rules that found most, by when a finding began; most of all {named[0]}."
        draw = partial(gradeplots.findings_by_week, found.findings, named, weeks.edges)
        made["rules"] = drawn("rules", text, draw)
    return made


def _worst(found: Judgements, matrix: GradeMatrix, scores: pd.DataFrame) -> list[dict[str, Any]]:
    rows = worst_days(found.grades, found.findings, matrix, _MOST_METERS)
    if rows.empty:
        return []
    rows["strip"] = [strip(days) for days in rows["days"]]
    return rows.join(scores[["score", "estimation_risk"]], on="meter_id").to_dict("records")


def _likely(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Meters whose next day probably needs estimation, the likeliest first."""
    found = scores[scores["estimation_risk"] >= _LIKELY].sort_values("estimation_risk", ascending=False)
    return found.head(_MOST_METERS).reset_index(names="meter_id").to_dict("records")


def _methods(found: Judgements) -> list[dict[str, Any]]:
    rows = by_method(found.edits)
    return rows.assign(unit=[READING[name].unit if name in READING.names else "" for name in rows["column"]]).to_dict(
        "records"
    )


def _next_steps(found: Judgements, matrix: GradeMatrix) -> list[tuple[str, str]]:
    """What to do, and the verb."""
    ingest = "metrify ingest readings FILE --mapping MAPPING"
    if not found.readings and not len(matrix.meters):
        return [("The lake holds no readings of this time: load some.", ingest)]
    if not len(matrix.meters):
        return [("Validate the readings and grade their days.", "metrify vee")]
    steps = []
    if shares_of_intervals(found.grades)[2] > 0:
        steps.append(
            ("Put a value by hand where none could be estimated, or load late readings.", "metrify edit apply FILE.csv")
            if len(found.edits)
            else ("Put estimates where readings are missing or wrong.", "metrify impute")
        )
    if matrix.shares[0] < 1:
        look = f"metrify report quality --meter {shlex.quote(str(matrix.meters[0]))}"
        steps.append(("See the worst meter day by day, with its readings, findings and edits.", look))
    if len(found.quarantined):
        steps.append(("Mend the file or mapping of what is in quarantine and load it again.", ingest))
    if found.scores.empty:
        learn = "metrify train quality/score --promote"
        steps.append(("Learn which meters need estimation tomorrow; `metrify score quality` then says so.", learn))
    return [*steps, ("Grade again when readings have come or changed.", "metrify vee")]


def _meters(number: int) -> str:
    return f"{words.count(number)} meter{'s' * (number != 1)}"
