"""cluster.yaml by Ray's own rules, without a cloud."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def config() -> dict:
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


def prepared(config: dict) -> dict:
    """As `ray up` does before it asks the cloud for anything."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    ready = prepare_config(config)
    validate_config(ready)
    return ready


def test_ray_takes_it(config: dict) -> None:
    ready = prepared(config)
    workers = ready["available_node_types"]["cpu"]
    assert (workers["min_workers"], workers["max_workers"], ready["max_workers"]) == (1, 8, 8)
    assert ready["available_node_types"][ready["head_node_type"]]["resources"] == {"CPU": 0}


def test_ray_refuses_a_misspelt_key(config: dict) -> None:
    from jsonschema import ValidationError

    with pytest.raises(ValidationError, match="idle_minutes"):
        prepared(config | {"idle_minutes": 5})


def test_nodes_run_the_locked_ray_and_python(config: dict) -> None:
    (ray,) = re.findall(r"^ray==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert config["docker"]["image"] == f"rayproject/ray:{ray}-py311-cpu"
    installs = [line for line in config["setup_commands"] if "install" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_the_token_is_asked_for_and_not_in_the_file(config: dict) -> None:
    options = "\n".join(config["docker"]["run_options"])
    (path,) = re.findall(r"RAY_AUTH_TOKEN_PATH=(\S+)", options)
    assert "RAY_AUTH_MODE=token" in options
    assert config["file_mounts"][path] == "~/.ray/auth_token"
    assert not re.search(r"RAY_AUTH_TOKEN=|[0-9a-f]{32}", (ROOT / "cluster.yaml").read_text())
    assert all("--dashboard-host=127.0.0.1" in line for line in config["head_start_ray_commands"] if "--head" in line)


def test_what_is_copied_to_the_nodes_is_there(config: dict) -> None:
    local = [path for path in config["file_mounts"].values() if not path.startswith("~")]
    assert local == ["requirements.txt"]
    assert all((ROOT / path).is_file() for path in local)
