"""Asking the deployed graph, as any program would."""

from __future__ import annotations

import time
from typing import Any

from metrify.errors import MetrifyError
from metrify.quickstart.log import Say

__all__ = ["ask"]

PATIENCE = 60.0
"""How long an answer may take [s]."""


def ask(url: str, route: str, body: dict[str, Any], say: Say) -> dict[str, Any]:
    """The graph's answer to a POST. Raises MetrifyError for anything but an answer."""
    import httpx

    started = time.perf_counter()
    answer = httpx.post(f"{url}{route}", json=body, timeout=PATIENCE)
    if answer.status_code != httpx.codes.OK:
        raise MetrifyError(f"The graph answered {answer.status_code} to {route}: {answer.text}")
    found = answer.json()
    if found.get("degraded"):
        raise MetrifyError(f"The graph answered {route} without some of its members: {found['members']}")
    say(f"POST {route} in {(time.perf_counter() - started) * 1000:.0f} ms")
    return found
