"""What every test may ask for: a workspace of its own, the one Ray session of the run, services or a skip."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metrify.settings import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A fresh workspace that no setting of the machine reaches."""
    for name in ("METRIFY_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return Workspace.open(tmp_path / "home")


@pytest.fixture(scope="session")
def ray_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the one Ray session of a test run, with 2 CPUs; `cluster.session` finds and uses it.

    Its workers find what is in the modules of `tests`, wherever pytest was started.
    """
    from metrify.cluster import session, variables

    home = Workspace.open(tmp_path_factory.mktemp("ray"))
    with variables({"PYTHONPATH": str(Path(__file__).parents[1])}), session(home, cpus=2) as address:
        yield address


@pytest.fixture(scope="session")
def require_service() -> Callable[[str, object], None]:
    """`require_service("redis-server", found)`: skip with the reason when it is absent.

    With METRIFY_REQUIRE_SERVICES=1, which `.ci/run` sets, an absent service fails the test.
    """

    def require(name: str, found: object) -> None:
        if found:
            return
        reason = f"{name} is not installed: run `make services`"
        if os.environ.get("METRIFY_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)

    return require
