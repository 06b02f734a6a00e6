"""One call of an ASGI application, which a test drives."""

import asyncio
from typing import Any


class Conversation:
    """The server's side of one call: events wait in a queue, messages are collected.

    After `events` have been received, `receive` waits for `feed` and `disconnect`.
    """

    def __init__(self, *events: dict[str, Any]) -> None:
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for event in events:
            self._events.put_nowait(event)
        self.sent: list[dict[str, Any]] = []
        self.received = 0

    def feed(self, body: bytes, more_body: bool) -> None:
        self._events.put_nowait({"type": "http.request", "body": body, "more_body": more_body})

    def disconnect(self) -> None:
        self._events.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> Any:
        event = await self._events.get()
        self.received += 1
        return event

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        start = self.sent[0]
        assert start["type"] == "http.response.start"
        return int(start["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        """Return the body of the response, which must be complete."""
        assert [message["type"] for message in self.sent[1:]] == ["http.response.body"] * (len(self.sent) - 1)
        assert [message.get("more_body", False) for message in self.sent[1:]] == [True] * (len(self.sent) - 2) + [False]
        return b"".join(message["body"] for message in self.sent[1:])


def http_scope(**changes: Any) -> dict[str, Any]:
    """Make the scope of a `GET /`."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"example.org")],
        "client": ("127.0.0.1", 54321),
        "server": ("127.0.0.1", 8000),
    }
    return {**scope, **changes}
