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
    with pytest.raises(BadValue, match=r"seed differ.*--fresh.*resume=False.*'seed': 1"):
        Journal(tmp_path).open({**FACTS, "seed": 2}, resume=True)


def test_without_resume_everything_of_the_old_search_goes_and_nothing_else(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.open(FACTS, resume=True)
    journal.write(ROW)
    journal.end(5, 60)
    (tmp_path / "notes.txt").write_text("mine")
    journal.open({**FACTS, "seed": 2}, resume=False)
    assert journal.rows() == []
    assert journal.ended(1, 60) is None
    assert (tmp_path / "notes.txt").exists()


def test_an_ended_search_goes_on_if_more_trials_or_seconds_are_allowed(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.open(FACTS, resume=True)
    journal.write(ROW)
    journal.end(5, 60)
    assert journal.ended(5, 60) == journal.ended(4, 30) == "seconds"
    assert journal.ended(6, 60) is None
    assert journal.ended(5, 61) is None


def test_as_many_trials_as_are_done_or_fewer_are_used_up_however_the_search_ended(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.open(FACTS, resume=True)
    journal.write(ROW)
    journal.write(replace(ROW, trial=4))
    assert journal.ended(2, 60) == journal.ended(1, 600) == "trials"
    assert journal.ended(3, 60) is None


def test_a_trial_that_ran_out_of_time_is_tried_again(tmp_path: Path):
    journal = Journal(tmp_path)
    journal.open(FACTS, resume=True)
    journal.write(ROW)
    journal.write(replace(ROW, trial=4, state="out of time"))
    journal.end(2, 60)
    assert journal.ended(2, 60) == "seconds"
    assert journal.ended(2, 90) is None
    journal.go_on()
    assert journal.rows() == [ROW]


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
