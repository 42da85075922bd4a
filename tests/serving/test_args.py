"""The files in serve_configs/, and what they may say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from ray.serve.schema import ServeDeploySchema

from metrify.errors import BadValue, UnknownName
from metrify.serving.args import MODELS, NAME, TASKS, ServeArgs
from metrify.serving.launch import config
from metrify.settings import Workspace

CONFIGS = Path(__file__).resolve().parents[2] / "serve_configs"


def read(name: str) -> dict:
    return yaml.safe_load((CONFIGS / name).read_text())


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_config_is_one_that_serve_and_the_builder_take(path):
    content = read(path.name)
    ServeDeploySchema.model_validate(content)
    (application,) = content["applications"]
    assert (application["name"], application["import_path"]) == (NAME, "metrify.serving.app:build")
    assert ServeArgs.model_validate(application["args"]).models == MODELS


def test_local_yaml_is_what_up_runs(workspace: Workspace, tmp_path: Path):
    local, ran = read("local.yaml"), config(workspace, 8000, ServeArgs(), tmp_path)
    assert ran.pop("logging_config") == {"logs_dir": str(tmp_path / "serve")}
    assert ran["applications"][0]["args"].pop("home") == str(workspace.home)
    assert local["applications"][0]["args"].pop("home") == ""
    assert ran == local


def test_only_local_yaml_needs_no_firewall():
    assert read("local.yaml")["http_options"]["host"] == "127.0.0.1"


@pytest.mark.parametrize(
    "args",
    [
        {"replica": 2},
        {"limits": {"max_meter": 1}},
        {"replicas": 0},
        {"replicas": "2"},
        {"limits": {"answer_seconds": 0}},
        {"models": {"anomaly": 7}},
    ],
)
def test_misspelt_and_impossible_arguments_are_refused(args):
    with pytest.raises(ValidationError):
        ServeArgs.model_validate(args)


def test_an_unknown_task_is_named():
    with pytest.raises(UnknownName, match=r"There is no task 'forcasting'\. Did you mean forecasting\?"):
        ServeArgs.model_validate({"models": {"forcasting": "champion"}})


def test_a_task_that_a_config_leaves_out_keeps_its_models():
    args = ServeArgs.model_validate({"models": {"forecasting": ["forecasting/lightgbm:3", "champion"]}})
    assert set(args.models) == set(TASKS)
    assert [str(wanted) for wanted in args.wanted["forecasting"]] == ["forecasting/lightgbm:3", "forecasting@champion"]
    assert [str(wanted) for wanted in args.wanted["quality"]] == ["quality@champion"]


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"forecasting": "challenger"}, r"models\.forecasting: wanted champion, family@alias or family:version"),
        ({"forecasting": "anomaly/zscore@champion"}, r"models\.forecasting: wanted a family of forecasting"),
        ({"quality": []}, r"models\.quality: wanted one model or more, each once"),
        ({"quality": ["champion", "champion"]}, r"models\.quality: wanted one model or more, each once"),
    ],
)
def test_models_that_cannot_be_meant_are_refused(models, said):
    with pytest.raises(BadValue, match=said):
        ServeArgs.model_validate({"models": models})


def test_a_member_may_not_take_longer_than_the_answer():
    with pytest.raises(BadValue, match=r"limits\.member_seconds: wanted at most answer_seconds \(5\.0\)"):
        ServeArgs.model_validate({"limits": {"answer_seconds": 5.0}})
