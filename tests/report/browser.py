"""A real Chromium, driven over a pipe by its DevTools protocol: nothing to install but the browser."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PHONE = 700
"""Screens narrower than this are those of phones [px]."""


def _pipe() -> tuple[int, int]:
    """Both ends of a pipe, away from the numbers 3 and 4 at which Chromium wants to find them."""
    low = os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return ends[0], ends[1]


class Browser:
    """A headless Chromium with one open page."""

    def __init__(self, program: str, profile: Path):
        (to_read, self._to), (self._from, to_write) = _pipe(), _pipe()
        quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        command = f"{program} {quiet} --disable-component-update --disable-sync --hide-scrollbars".split()
        command += [f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        start = f"import os, sys; os.dup2({to_read}, 3); os.dup2({to_write}, 4); os.execvp(sys.argv[1], sys.argv[1:])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, *command], pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        self._rest, self._last, self._session, self.events = b"", 0, None, []
        pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        found = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = found["sessionId"]
        self.call("Network.enable")
        self.call("Page.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command; events that come before it are kept in `events`."""
        self._last += 1
        session = {"sessionId": self._session} if self._session else {}
        os.write(
            self._to, json.dumps({"id": self._last, "method": method, "params": params} | session).encode() + b"\0"
        )
        while (message := self._message()).get("id") != self._last:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def open(self, path: Path, width: int = 1280, *, dark: bool = False) -> None:
        """Open a file as on a screen of that width, light or dark, and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < PHONE
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def close(self) -> None:
        self.call("Browser.close")
        self.process.wait(30)
        os.close(self._to)
        os.close(self._from)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = os.read(self._from, 1 << 20)
            assert chunk, "Chromium ended"
            self._rest += chunk
        whole, self._rest = self._rest.split(b"\0", 1)
        return json.loads(whole)
