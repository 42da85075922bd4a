"""What the flags of all rules are used for: estimates, models, findings."""

from __future__ import annotations

import numpy as np

from metrify.panel import Panel
from metrify.vee.evidence import Flags
from metrify.vee.findings import findings
from metrify.vee.rules import flagged, to_estimate, trusted, validate
from tests.vee.evidence import SETTINGS, a_panel, evidence, ordinary


def judged(panel: Panel, **known) -> Flags:
    return validate(evidence(panel, **known), SETTINGS)


def test_ordinary_load_has_no_finding() -> None:
    assert not judged(a_panel(ordinary(24 * 60, meters=20))).any()


def test_trusted_leaves_out_errors_and_keeps_the_rest() -> None:
    values = ordinary(48)
    values[0, 7], values[0, 9] = -1.0, np.nan
    panel = a_panel(values)
    kept = trusted(panel, judged(panel))
    assert np.flatnonzero(np.isnan(kept.values[0])).tolist() == [7, 9]


def test_a_model_does_not_learn_from_what_looks_interpolated_and_a_bill_uses_it() -> None:
    values = ordinary(96)
    values[0, 20:40] = np.linspace(1, 2, 20)
    panel = a_panel(values)
    flags = judged(panel)
    assert np.flatnonzero(np.isnan(trusted(panel, flags).values[0])).tolist() == list(range(20, 40))
    assert not to_estimate(flags).any()


def test_findings_are_one_row_a_run_with_its_end() -> None:
    values = ordinary(100)
    values[0, 50:58] = 0.42
    values[0, 70] = -1
    panel = a_panel(values)
    rows = findings(evidence(panel), judged(panel), SETTINGS).set_index("rule")
    assert rows.loc["stuck", ["intervals", "severity"]].tolist() == [8, "error"]
    assert rows.loc["stuck", "timestamp"] == np.datetime64("2020-01-03T02:00")
    assert rows.loc["stuck", "until"] == np.datetime64("2020-01-03T10:00")
    assert rows.loc["negative", "intervals"] == 1


def test_a_duplicate_is_flagged_and_used() -> None:
    panel = a_panel(ordinary(48))
    repeated = np.zeros(panel.values.shape, np.int64)
    end = panel.times.astype(np.int64) + 3600
    repeated[0, 7], repeated[0, 9] = end[7], end[9] + 1
    known = evidence(panel, repeated=repeated)
    later, at_once = (validate(known, SETTINGS, hindsight=hindsight) for hindsight in (True, False))
    assert np.flatnonzero(flagged(later, "duplicate")[0]).tolist() == [7, 9]
    assert np.flatnonzero(flagged(at_once, "duplicate")[0]).tolist() == [7]
    assert not to_estimate(later).any()
    np.testing.assert_array_equal(trusted(panel, later).values, panel.values)
    assert findings(known, later, SETTINGS)["severity"].tolist() == ["warning", "warning"]


def test_what_is_to_be_estimated_is_gaps_and_errors() -> None:
    values = ordinary(48)
    values[0, 7], values[0, 9] = -1.0, np.nan
    assert np.flatnonzero(to_estimate(judged(a_panel(values)))[0]).tolist() == [7, 9]
