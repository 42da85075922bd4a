"""Which model a replica serves, by what the config asks for and what the registry holds."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from importlib import import_module

import pytest

from metrify.errors import BadValue, NoSuchModel
from metrify.registry import Version
from metrify.schema import ESTIMATE
from metrify.serving.args import TASKS, ServeArgs
from metrify.serving.source import SCORERS, RegistrySource, held, registered
from metrify.serving.wanted import Wanted
from tests.serving.fakes import FakeSource

VERSIONS = {
    ("forecasting/lightgbm", "champion"): Version("forecasting/lightgbm", 3, "r3", ("champion",)),
    ("forecasting/lightgbm", "7"): Version("forecasting/lightgbm", 7, "r7"),
    ("forecasting/seasonal", "challenger"): Version("forecasting/seasonal", 2, "r2", ("challenger",)),
}


class FakeRegistry:
    def __init__(self, leader: Version | None = VERSIONS["forecasting/lightgbm", "champion"]):
        self.leader = leader

    def champion(self, task: str) -> Version | None:
        assert task == "forecasting"
        return self.leader

    def version(self, name: str, alias_or_version: str) -> Version:
        return VERSIONS[name, alias_or_version]

    def versions(self) -> list[Version]:
        return list(VERSIONS.values())


def source(wanted: str, registry: FakeRegistry | None = None) -> RegistrySource:
    return RegistrySource("", Wanted.parse("forecasting", wanted), lambda _: registry or FakeRegistry())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("champion", "forecasting/lightgbm:3"),
        ("forecasting/lightgbm@champion", "forecasting/lightgbm:3"),
        ("forecasting/lightgbm:7", "forecasting/lightgbm:7"),
        ("forecasting/seasonal@challenger", "forecasting/seasonal:2"),
    ],
)
def test_config_names_a_model_in_three_ways(wanted, found):
    assert source(wanted).current() == found


def test_a_promotion_is_seen_at_the_next_look():
    registry = FakeRegistry(None)
    asked = source("champion", registry)
    with pytest.raises(NoSuchModel, match=r"holds no forecasting@champion.*forecasting/seasonal:2"):
        asked.current()
    registry.leader = Version("forecasting/seasonal", 5, "r5", ("champion",), created=datetime(2026, 1, 1, tzinfo=UTC))
    assert asked.current() == "forecasting/seasonal:5"


def test_a_family_that_answers_something_else_is_not_served():
    class Imputes:
        produces = ESTIMATE

    registry = FakeRegistry()
    registry.load = lambda name, _: (Imputes(), VERSIONS[name, "champion"])
    with pytest.raises(BadValue, match=r"a family that answers with FORECAST, found .*answers with ESTIMATE"):
        source("champion", registry).load()


def test_it_travels_to_a_replica_before_it_opens_anything(tmp_path):
    home = tmp_path / "home"
    assert pickle.loads(pickle.dumps(RegistrySource(str(home), Wanted("forecasting"))))
    assert not home.exists()


def test_every_task_has_a_scorer_that_can_be_asked():
    assert set(SCORERS) == set(TASKS)
    for path in SCORERS.values():
        module, name = path.split(":")
        scorer = getattr(import_module(module), name)
        assert {"answer", "refresh", "until", "lake_version"} <= set(dir(scorer))


def test_what_the_registry_does_not_hold_is_not_waited_for():
    assert held([FakeSource("a:1"), FakeSource(""), FakeSource("b:2")]) == {"a:1", "b:2"}


def test_every_model_of_a_config_has_a_source():
    args = ServeArgs(home="h", models={"forecasting": ["forecasting/lightgbm:3", "champion"]})
    assert [str(source.wanted) for source in registered(args)] == [
        "forecasting/lightgbm:3",
        "forecasting@champion",
        "anomaly/zscore@champion",
        "anomaly/isolation_forest@champion",
        "maintenance@champion",
        "quality@champion",
    ]
