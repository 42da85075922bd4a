"""Which steps of a chain are done, which are done again, and what is refused before any of them begins."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pyarrow as pa
import pytest

from metrify.errors import (
    BadValue,
    EmptyTable,
    MetrifyError,
    OneClass,
    PipelineBusy,
    UnknownKeys,
    UnreadableFile,
)
from metrify.lake.files import ingest
from metrify.lake.tables import Lake
from metrify.models.catalog import family
from metrify.pipeline import TAUGHT, PipelineReport, Step, _alone, built_in, read, run
from metrify.schema import FINDING, READING
from metrify.settings import Workspace
from tests.features.test_build import readings

VEE, FEATURES, TRAIN = ("vee",), ("features", "build"), ("train", "forecasting/lightgbm", "--promote")


class Verbs:
    """Does steps as the verbs would, as far as a pipeline can see, and keeps a list of what it did."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.done: list[str] = []
        self.failing: dict[str, BaseException] = {}

    def __call__(self, words: Step) -> dict[str, int]:
        self.done.append(words[0])
        if words[0] in self.failing:
            raise self.failing[words[0]]
        if words[0] == "ingest":
            ingest(self.workspace, words[1], [Path(word) for word in words[2:]])
        if words[0] == "vee":
            Lake(self.workspace).upsert(FINDING, finding(len(self.done)))
        return {"number": len(self.done)}

    def again(self, steps: list[Step], **options: bool) -> list[str]:
        """The verbs that a further run of the chain does."""
        self.done.clear()
        self.report = run(self.workspace, steps, run_step=self, **options)
        return list(self.done)


def finding(number: int) -> pa.Table:
    start = readings("m", 60, days=1)["timestamp"].slice(0, 1)
    words = {"meter_id": ["m"], "rule": [f"rule{number}"], "severity": ["info"], "intervals": [1]}
    return pa.table(words | {"timestamp": start, "until": start, "found_at": start})


def csv(path: Path, *days: int) -> str:
    rows = [f"m,2020-01-{day:02d}T00:00:00Z,0.5,0" for day in days]
    path.write_text("\n".join(["meter_id,timestamp,kwh,version", *rows]) + "\n")
    return str(path)


@pytest.fixture
def verbs(workspace: Workspace) -> Verbs:
    Lake(workspace).upsert(READING, readings("m", 60, days=1))
    return Verbs(workspace)


def states(report: PipelineReport) -> list[str]:
    return [step.state for step in report.steps]


def test_a_chain_runs_once_and_then_does_nothing(verbs: Verbs) -> None:
    chain = [VEE, FEATURES, TRAIN]
    assert verbs.again(chain) == ["vee", "features", "train"]
    first = verbs.report
    assert states(first) == ["done"] * 3
    assert verbs.again(chain) == []
    assert states(verbs.report) == ["skipped"] * 3
    assert [step.answer for step in verbs.report.steps] == [{"number": 1}, {"number": 2}, {"number": 3}]
    assert [step.done_at for step in verbs.report.steps] == [step.done_at for step in first.steps]
    assert verbs.again(chain, fresh=True) == ["vee", "features", "train"]


def test_a_chain_that_was_ended_goes_on_with_the_unfinished_step(verbs: Verbs) -> None:
    verbs.failing["features"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        verbs.again([VEE, FEATURES, TRAIN])
    verbs.failing.clear()
    assert verbs.again([VEE, FEATURES, TRAIN]) == ["features", "train"]
    assert states(verbs.report) == ["skipped", "done", "done"]


def test_a_failing_step_ends_the_chain_with_its_own_error(verbs: Verbs) -> None:
    verbs.failing["features"] = OneClass("x", "no failure", "Ingest some.")
    assert verbs.again([VEE, FEATURES, TRAIN]) == ["vee", "features"]
    assert verbs.report.failure is verbs.failing["features"]
    assert states(verbs.report) == ["done", "failed", "not run"]
    verbs.failing.clear()
    assert verbs.again([VEE, FEATURES, TRAIN]) == ["features", "train"]
    assert verbs.report.failure is None


def test_new_readings_redo_what_was_made_from_the_old_ones_but_not_the_loading(verbs: Verbs, tmp_path: Path) -> None:
    chain = [("ingest", "readings", csv(tmp_path / "a.csv", 1, 2)), VEE, FEATURES]
    assert verbs.again(chain) == ["ingest", "vee", "features"]
    assert verbs.again(chain) == []
    Lake(verbs.workspace).upsert(READING, readings("other", 60, days=1))
    assert verbs.again(chain) == ["vee", "features"]
    assert verbs.again(chain) == []
    csv(tmp_path / "a.csv", 1, 2, 3)
    assert verbs.again(chain) == ["ingest", "vee", "features"]


def test_a_file_counts_by_its_content_wherever_a_job_unpacked_it(verbs: Verbs, tmp_path: Path, monkeypatch) -> None:
    chain = [("ingest", "readings", "a.csv"), VEE]
    for folder, done in (("one", ["ingest", "vee"]), ("two", [])):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        csv(tmp_path / folder / "a.csv", 1, 2)
        assert verbs.again(chain) == done


def test_loading_between_two_validations_leaves_both_done(verbs: Verbs, tmp_path: Path) -> None:
    chain = [VEE, ("ingest", "readings", csv(tmp_path / "a.csv", 1)), VEE]
    assert verbs.again(chain) == ["vee", "ingest", "vee"]
    assert verbs.again(chain) == []


def test_readings_that_came_while_a_step_ran_are_not_missed(verbs: Verbs) -> None:
    """They were seen by the steps after it only."""

    def streaming(words: Step) -> dict[str, int]:
        if words == VEE:
            Lake(verbs.workspace).upsert(READING, readings("late", 60, days=1))
        return verbs(words)

    run(verbs.workspace, [VEE, FEATURES], run_step=streaming)
    assert verbs.again([VEE, FEATURES]) == ["vee", "features"]


def test_other_words_redo_that_step_and_those_after_it(verbs: Verbs) -> None:
    verbs.again([VEE, FEATURES, TRAIN])
    assert verbs.again([VEE, FEATURES, (*TRAIN, "--searched")]) == ["train"]
    assert verbs.again([VEE, FEATURES]) == []
    assert verbs.again([VEE, TRAIN, FEATURES]) == ["train", "features"]


def test_settings_that_went_there_and_back_are_no_excuse(verbs: Verbs) -> None:
    def with_settings(text: str) -> list[str]:
        (verbs.workspace.home / "settings.toml").write_text(text)
        verbs.workspace = Workspace.open(verbs.workspace.home)
        return verbs.again([VEE, FEATURES])

    verbs.again([VEE, FEATURES])
    assert with_settings("# a comment changes nothing\n") == []
    assert with_settings("[vee]\nspike_factor = 9.0\n") == ["vee", "features"]
    assert with_settings("") == ["vee", "features"]


def test_a_lost_table_is_made_again(verbs: Verbs) -> None:
    verbs.again([VEE, FEATURES])
    folder = verbs.workspace.lake / FINDING.name
    folder.rename(folder.with_name("elsewhere"))
    assert verbs.again([VEE, FEATURES]) == ["vee", "features"]


def test_a_damaged_record_is_named_and_can_be_forgotten(verbs: Verbs) -> None:
    verbs.again([VEE])
    (verbs.workspace.checkpoints / "pipeline" / "done.json").write_text('[{"words"')
    with pytest.raises(UnreadableFile, match="--fresh"):
        verbs.again([VEE])
    assert verbs.again([VEE], fresh=True) == ["vee"]


def _hold(home: Path, ready, done) -> None:
    with _alone(Workspace.open(home)):
        ready.set()
        done.wait(30)


def test_a_second_pipeline_of_a_workspace_is_refused_a_neighbour_is_not(verbs: Verbs, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Event(), spawn.Event()
    first = spawn.Process(target=_hold, args=(verbs.workspace.home, ready, done))
    first.start()
    assert ready.wait(30)
    with pytest.raises(PipelineBusy, match=rf"process {first.pid} on .*nothing was started"):
        verbs.again([VEE])
    assert verbs.done == []
    neighbour = Workspace.open(tmp_path / "neighbour")
    assert states(run(neighbour, [VEE], run_step=len)) == ["done"]
    first.kill()
    first.join()
    assert verbs.again([VEE]) == ["vee"]


def test_a_file_names_steps_as_lines_or_lists(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.csv", "a.csv", "a b.csv"):
        (tmp_path / name).touch()
    path = tmp_path / "chain.toml"
    path.write_text(
        """steps = ["ingest readings *.csv --mapping 'my map.toml'", ["features", "build"], "train x --set a=[1]"]"""
    )
    assert read(path) == [
        ["ingest", "readings", "a b.csv", "a.csv", "b.csv", "--mapping", "my map.toml"],
        ["features", "build"],
        ["train", "x", "--set", "a=[1]"],
    ]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("steps = [", UnreadableFile, "TOML pipeline"),
        ("stepps = []", UnknownKeys, "Did you mean steps"),
        ("steps = []", BadValue, "a list of verbs"),
        ("steps = ['vee', 3]", BadValue, "step 2"),
        ("""steps = ["ingest 'a.csv"]""", BadValue, "words as a shell takes them"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, error: type[MetrifyError], said: str) -> None:
    path = tmp_path / "chain.toml"
    path.write_text(text)
    with pytest.raises(error, match=said):
        read(path)


def test_the_built_in_chain_does_what_there_is_data_for(workspace: Workspace) -> None:
    with pytest.raises(EmptyTable, match="metrify ingest readings"):
        built_in(workspace)
    Lake(workspace).upsert(READING, readings("m", 60, days=1))
    steps = [" ".join(words) for words in built_in(workspace)]
    assert steps[:4] == ["vee", "features build", "train forecasting/lightgbm --promote", "score forecasting"]
    assert "score anomaly" in steps
    assert "score maintenance" not in steps


def test_the_built_in_chain_names_families_that_there_are() -> None:
    assert all(family(name).family.startswith(f"{task}/") for task, names in TAUGHT.items() for name in names)


def test_the_example_is_a_chain_whose_files_ship() -> None:
    root = Path(__file__).parents[1]
    steps = read(root / "examples" / "pipeline.toml")
    loaded = [root / word for step in steps if step[0] == "ingest" for word in step if "." in word]
    assert len(loaded) == 8
    assert all(path.is_file() for path in loaded)
