"""`up`, `down` and `status` without starting anything heavy."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from metrify.errors import ServiceFailed, UnreadableFile
from metrify.serving import services
from metrify.serving.launch import health, wait
from metrify.serving.ports import choose, free_ports
from metrify.serving.processes import Started
from metrify.settings import Workspace

NOBODY = Started(pid=2**22 + 1, since=0.0)


def record(workspace: Workspace, temp_dir: Path) -> Path:
    """What an `up` that was killed leaves: a record, processes that are gone, an address that nobody listens at."""
    ports = dict(zip(services.PORTS, free_ports(len(services.PORTS)), strict=True))
    processes = {"ray": {"pid": NOBODY.pid, "since": 0.0}, "mlflow": {"pid": NOBODY.pid, "since": 0.0}}
    mlflow = f"http://127.0.0.1:{ports['mlflow']}"
    content = {"mark": "m", "temp_dir": str(temp_dir), "ports": ports, "mlflow": mlflow, "processes": processes}
    path = workspace.folder(workspace.run) / "services.json"
    path.write_text(json.dumps(content))
    return path


def test_where_nothing_was_started_there_is_nothing_to_list_or_end(workspace):
    assert services.status(workspace) == []
    assert services.down(workspace) is False


def test_services_that_died_are_reported_gone(workspace, tmp_path):
    record(workspace, tmp_path / "ray")
    assert {found.name: found.state for found in services.status(workspace)} == dict.fromkeys(
        ("graph", "mlflow", "dashboard"), "gone"
    )


def test_down_clears_what_a_killed_up_left(workspace, tmp_path):
    path = record(workspace, tmp_path / "ray")
    (tmp_path / "ray" / "session_latest" / "logs").mkdir(parents=True)
    (tmp_path / "ray" / "session_latest" / "logs" / "raylet.out").write_text("why it died")
    (workspace.run / "ray_address").write_text("127.0.0.1:1")
    assert services.down(workspace) is True
    assert not path.exists()
    assert not (tmp_path / "ray").exists()
    assert (workspace.run / "logs" / "ray" / "raylet.out").read_text() == "why it died"
    assert not (workspace.run / "ray_address").exists()


def test_a_damaged_record_is_named(workspace):
    (workspace.folder(workspace.run) / "services.json").write_text('{"mark": "m"}')
    with pytest.raises(UnreadableFile, match=r"services\.json"):
        services.status(workspace)


def test_waiting_ends_with_the_last_words_of_a_process_that_died(tmp_path):
    log = tmp_path / "ray.log"
    log.write_text("starting\nValueError: port taken\n\n")
    with pytest.raises(
        ServiceFailed, match=r"Ray did not come up: its process ended, saying: ValueError: port taken\."
    ):
        wait("Ray", lambda: False, NOBODY, log)


def test_a_wanted_port_is_taken_where_it_is_free_and_another_where_it_is_not():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, (free,) = other.getsockname()[1], free_ports(1)
        found = choose({"api": free, "mlflow": taken, "ray": None})
    assert found["api"] == free
    assert len({taken, *found.values()}) == 4


def test_people_find_the_services_where_they_expect_them():
    assert [services.PORTS[name] for name in ("api", "mlflow", "dashboard")] == [8000, 5000, 8265]


def test_addresses_that_were_told_beforehand_are_those_that_up_will_use(workspace):
    told = services.addresses(workspace)
    assert services.addresses(workspace) == told
    kept = json.loads((workspace.run / "ports.json").read_text())
    assert told["graph"] == f"http://127.0.0.1:{kept['api']}"
    assert services.status(workspace) == []


def test_addresses_are_those_of_what_runs(workspace, tmp_path):
    ports = json.loads(record(workspace, tmp_path).read_text())["ports"]
    assert services.addresses(workspace)["dashboard"] == f"http://127.0.0.1:{ports['dashboard']}"
    assert not (workspace.run / "ports.json").exists()


def test_nobody_at_the_door_is_no_health():
    assert health(f"http://127.0.0.1:{free_ports(1)[0]}") is None
