"""Ports on loopback."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack

__all__ = ["LOOPBACK", "choose", "free_ports", "is_free"]

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


def choose(wanted: Mapping[str, int | None]) -> dict[str, int]:
    """For each name the port that it wants where that is free, else, and for None, any free one."""
    others = dict(zip(wanted, free_ports(len(wanted)), strict=True))
    return {name: port if port and is_free(port) else others[name] for name, port in wanted.items()}


def is_free(port: int) -> bool:
    """Whether nobody listens there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that just ended does not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
