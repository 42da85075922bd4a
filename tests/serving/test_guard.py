"""The guard as plain ASGI: no framework, no server."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from metrify.serving.guard import Guard

LIMIT = 100


class Client:
    """Plays the server's side of ASGI: sends chunks, keeps what comes back."""

    def __init__(
        self, *chunks: bytes, headers: dict[str, str] | None = None, leaves: bool = False, stalls: bool = False
    ):
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/x", "headers": raw}
        self.chunks = list(chunks)
        self.leaves, self.stalls = leaves, stalls
        self.taken = 0
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        if self.taken < len(self.chunks):
            self.taken += 1
            more = self.leaves or self.stalls or self.taken < len(self.chunks)
            return {"type": "http.request", "body": self.chunks[self.taken - 1], "more_body": more}
        if self.stalls:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.sent[1]["body"])


class Echo:
    """The application behind the guard: keeps the body it was given."""

    def __init__(self, fails: Exception | None = None, starts_first: bool = False):
        self.bodies: list[bytes] = []
        self.request_id = ""
        self.fails, self.starts_first = fails, starts_first

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.request_id = scope["state"]["request_id"]
        message = await receive()
        assert message["more_body"] is False
        self.bodies.append(message["body"])
        if self.starts_first or not self.fails:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.fails:
            raise self.fails
        await send({"type": "http.response.body", "body": message["body"]})
        self.afterwards = await receive()


def through(client: Client, app: Any = None, seconds: float = 5.0) -> Client:
    asyncio.run(Guard(app or Echo(), LIMIT, seconds)(client.scope, client.receive, client.send))
    return client


def test_a_body_in_pieces_arrives_whole_and_leaving_is_still_noticed():
    echo = Echo()
    client = through(Client(b"ab", b"", b"cd"), echo)
    assert echo.bodies == [b"abcd"]
    assert echo.afterwards["type"] == "http.disconnect"
    assert client.status == 200


def test_a_declared_body_over_the_limit_is_refused_unread():
    client = through(Client(b"x" * 101, headers={"content-length": "101"}))
    assert (client.status, client.taken, client.error["error"]) == (413, 0, "body_too_large")


def test_an_undeclared_body_is_read_no_further_than_the_limit():
    client = through(Client(*[b"x" * 40] * 1000))
    assert (client.status, client.taken) == (413, 3)


@pytest.mark.parametrize("declared", ["9" * 5000, "-1", "many"])
def test_a_nonsense_length_does_not_lift_the_limit(declared):
    assert through(Client(*[b"x" * 40] * 9, headers={"content-length": declared})).status == 413


def test_a_body_at_the_limit_is_taken():
    assert through(Client(b"x" * LIMIT, headers={"content-length": str(LIMIT)})).status == 200


def test_a_client_that_leaves_in_mid_body_gets_nothing_and_reaches_nothing():
    echo = Echo()
    client = through(Client(b"half", leaves=True), echo)
    assert (client.sent, echo.bodies) == ([], [])


def test_a_body_that_stalls_is_given_up():
    client = through(Client(b"half", stalls=True), seconds=0.05)
    assert (client.status, client.error["error"]) == (408, "body_too_slow")


def test_a_crash_is_answered_without_its_cause_which_the_log_has(caplog):
    with caplog.at_level(logging.ERROR, "ray.serve"):
        client = through(Client(b"{}", headers={"x-request-id": "r-1"}), Echo(ZeroDivisionError("secret")))
    assert (client.status, client.error["error"], client.error["request_id"]) == (500, "internal", "r-1")
    assert "secret" not in str(client.sent)
    assert "r-1" in caplog.text
    assert "secret" in caplog.text


def test_a_crash_in_mid_answer_sends_no_second_head():
    client = through(Client(b"{}"), Echo(ZeroDivisionError("secret"), starts_first=True))
    assert [message["type"] for message in client.sent] == ["http.response.start"]


@pytest.mark.parametrize(("given", "kept"), [("r-1", True), ("a\nforged line", False), ("x" * 129, False), ("", False)])
def test_a_request_id_is_kept_unless_it_could_forge_a_log(given, kept):
    echo = Echo()
    through(Client(b"{}", headers={"x-request-id": given}), echo)
    assert (echo.request_id == given) is kept
    assert echo.request_id


def test_other_protocols_pass_through():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Guard(app, LIMIT, 5.0)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
