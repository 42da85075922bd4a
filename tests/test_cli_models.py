"""The verbs of a data scientist, on sixty days of three meters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from metrify.registry import Registry
from metrify.settings import Workspace
from tests.test_cli import run
from tests.test_console import strict
from tests.training.fleet import put_features

FAMILY = "forecasting/seasonal"


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with features and an empty registry."""
    workspace = Workspace.open(tmp_path_factory.mktemp("taught") / "home")
    put_features(workspace)
    _ = Registry(workspace).client
    return workspace.home


@pytest.fixture
def home(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return shutil.copytree(taught, tmp_path / "home")


def searched(home: Path, until: str) -> None:
    folder = home / "checkpoints" / "search" / "forecasting.seasonal"
    folder.mkdir(parents=True)
    (folder / "best.json").write_text(json.dumps({"settings": {"days": 28}, "wape": 0.4, "until": until}))


def answer(capsys, home: Path, *arguments: str) -> dict:
    code, out, err = run(capsys, "--home", str(home), *arguments, "--json")
    assert code == 0, err
    return strict(out)


def test_train_measures_on_a_holdout_and_models_shows_it(capsys, home: Path) -> None:
    trained = answer(capsys, home, "train", FAMILY)
    assert trained["role"] == "challenger"
    assert trained["answers"] is None
    held = trained["holdout"]
    assert 0 < held["metrics"]["wape"] < 1
    assert held["test_from"] < held["test_until"]
    assert held["seen_by_search"] is False
    (model,) = answer(capsys, home, "models")["models"]
    assert model["metrics"] == held["metrics"]

    assert answer(capsys, home, "train", FAMILY, "--no-measure")["holdout"] is None
    assert answer(capsys, home, "models")["models"][0]["metrics"] == {}


def test_what_is_too_short_to_measure_is_trained_all_the_same(capsys, home: Path) -> None:
    trained = answer(capsys, home, "train", FAMILY, "--until", "2013-03-02")
    assert "at least two moments" in trained["holdout"]["reason"]
    assert trained["version"] == f"{FAMILY}:1"


def test_a_promoted_family_answers_whoever_led_before(capsys, home: Path) -> None:
    first = answer(capsys, home, "train", FAMILY, "--no-measure", "--promote")
    assert first["answers"] == {
        "champion": f"{FAMILY}:1", "task": "forecasting", "table": "FORECAST", "answers": f"{FAMILY}:1", "before": None
    }  # fmt: skip
    quick = ("--set", "n_estimators=5", "--no-measure")
    second = answer(capsys, home, "train", "forecasting/lightgbm", *quick, "--promote")
    assert second["answers"]["before"] == f"{FAMILY}:1"
    registry = Registry(Workspace.open(home))
    assert registry.leader("forecasting") == "forecasting/lightgbm"

    _, out, _ = run(capsys, "--home", str(home), "promote", FAMILY, "1")
    assert "answers for forecasting, in place of forecasting/lightgbm:1" in " ".join(out.split())
    assert registry.leader("forecasting") == FAMILY

    answer(capsys, home, "train", "forecasting/lightgbm", *quick)
    answer(capsys, home, "promote", "forecasting/lightgbm", "2")
    answer(capsys, home, "promote", FAMILY, "1")
    back = answer(capsys, home, "rollback", "forecasting/lightgbm")
    assert back == {"champion": "forecasting/lightgbm:1", "answers": f"{FAMILY}:1"}


def test_a_league_is_strict_json_also_where_a_metric_is_not_defined(capsys, home: Path) -> None:
    league = answer(capsys, home, "backtest", FAMILY)["league"]
    naive = next(row for row in league if row["family"] == "naive last day")
    assert naive["pinball"] is None  # it has no quantiles
    assert all(row["wape"] > 0 for row in league)


def test_a_backtest_is_answered_when_the_registry_is_away(capsys, home: Path) -> None:
    (home / "mlflow.db").write_bytes(b"no database" * 1000)
    code, out, err = run(capsys, "--home", str(home), "backtest", FAMILY, "--json")
    assert code == 0
    assert strict(out)["league"]
    assert "The backtest was not logged" in err


def test_the_setting_decides_how_many_folds_a_backtest_has(capsys, home: Path) -> None:
    (home / "settings.toml").write_text("[forecasting]\nfolds = 3\n")
    _, _, err = run(capsys, "--home", str(home), "backtest", FAMILY, "--json")
    fold = fold_counts(home)
    assert fold == ["3"], err
    answer(capsys, home, "backtest", FAMILY, "--folds", "2")
    assert fold_counts(home) == ["2", "3"]


def fold_counts(home: Path) -> list[str]:
    """Of the logged backtests, newest first."""
    client = Registry(Workspace.open(home)).client
    experiment = client.get_experiment_by_name("forecasting").experiment_id
    return [found.data.params["folds"] for found in client.search_runs([experiment])]


def test_searched_wants_a_search(capsys, home: Path) -> None:
    for verb in ("train", "backtest"):
        code, out, _ = run(capsys, "--home", str(home), verb, FAMILY, "--searched", "--json")
        assert code == 2
        assert f"metrify search {FAMILY}" in strict(out)["message"]


def test_settings_that_were_chosen_inside_the_test_are_not_tested_on_it(capsys, home: Path) -> None:
    searched(home, "2013-04-25T00:00:00")
    arguments = ("backtest", FAMILY, "--searched", "--train-until")
    code, out, _ = run(capsys, "--home", str(home), *arguments, "2013-04-20", "--json")
    assert code == 2
    assert "2013-04-25" in strict(out)["message"]
    assert answer(capsys, home, *arguments, "2013-04-25")["league"]
    assert answer(capsys, home, "train", FAMILY, "--searched")["holdout"]["seen_by_search"] is True


def test_features_of_other_settings_are_neither_taught_nor_tested(capsys, home: Path) -> None:
    (home / "settings.toml").write_text('[forecasting]\nhorizon = "2d"\n')
    for verb in ("train", "backtest"):
        code, out, _ = run(capsys, "--home", str(home), verb, FAMILY, "--json")
        assert code == 2
        assert "metrify features build" in strict(out)["message"]
