from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metrify.errors import BadValue, UnreadableFile
from metrify.models.base import Batch
from metrify.panel import Panel
from metrify.training.journal import Journal, TrialRow, fingerprint
from tests.ridge import batches

FACTS = {"family": "forecasting/ridge", "seed": 1}
ROW = TrialRow(3, "finished", {"rate": 0.1}, {"mae": 0.5}, 7, 1.5)


def test_rows_come_back_in_order_and_drafts_are_not_rows(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.open(FACTS, resume=True)
    journal.write(ROW)
    journal.write(replace(ROW, trial=0, state="failed", error="ValueError: no", metrics={}))
    (tmp_path / "trials" / "00001.draft").write_text('{"trial": ')  # what a kill in mid-write leaves
    again = Journal(tmp_path)
    again.open(dict(FACTS), resume=True)
    assert [row.trial for row in again.rows()] == [0, 3]
    assert again.rows()[1] == ROW


def test_a_folder_of_another_search_is_refused_by_name_of_what_differs(tmp_path: Path):
    Journal(tmp_path).open(FACTS, resume=True)
    with pytest.raises(BadValue, match=r"seed differ.*resume=False.*'seed': 1"):
        Journal(tmp_path).open({**FACTS, "seed": 2}, resume=True)


def test_without_resume_everything_of_the_old_search_goes_and_nothing_else(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.open(FACTS, resume=True)
    journal.write(ROW)
    journal.end(5, "trials")
    (tmp_path / "notes.txt").write_text("mine")
    journal.open({**FACTS, "seed": 2}, resume=False)
    assert journal.rows() == []
    assert journal.ended(1) is None
    assert (tmp_path / "notes.txt").exists()


def test_an_ended_search_goes_on_if_more_trials_are_allowed(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.open(FACTS, resume=True)
    journal.end(5, "seconds")
    assert journal.ended(5) == "seconds"
    assert journal.ended(6) is None


def test_a_damaged_file_is_named(tmp_path: Path):
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(UnreadableFile, match=r"search\.json"):
        Journal(tmp_path).open(FACTS, resume=True)


def test_the_fingerprint_tells_data_apart():
    train, valid = batches()
    same, _ = batches()
    assert fingerprint(train) == fingerprint(same)
    assert fingerprint(train) != fingerprint(valid)
    assert fingerprint(train) != fingerprint(Batch(train.rows.drop(columns="x3")))
    assert fingerprint(train) != fingerprint(Batch(train.rows.iloc[:-1]))
    panel = Panel(np.array(["a"]), np.datetime64(0, "s"), 60, np.ones((1, 5), np.float32))
    other = panel.replace(panel.values * 2)
    assert fingerprint(Batch(train.rows, panel)) != fingerprint(Batch(train.rows, other))
