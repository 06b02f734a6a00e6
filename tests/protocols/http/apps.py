"""Applications that behave badly, each at its own path; `/` is well-behaved."""

import asyncio
from typing import Any

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: dict[str, Any] = {"type": "http.response.body", "body": b"abc"}
LENGTH: dict[str, Any] = {**START, "headers": [(b"content-length", b"3")]}


def _start(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {**START, "headers": list(headers)}


# Path -> the messages that are sent for it.
MESSAGES: dict[str, list[dict[str, Any]]] = {
    "/": [LENGTH, BODY],
    "/returns-early": [],
    "/returns-after-start": [LENGTH],
    "/returns-in-the-middle": [START, {**BODY, "more_body": True}],
    "/wrong-message": [BODY],
    "/unknown-message": [{"type": "http.response.unknown"}],
    "/start-twice": [START, START],
    "/cr-in-value": [_start((b"x", b"a\rb")), BODY],
    "/lf-in-value": [_start((b"x", b"a\nset-cookie: b=c")), BODY],
    "/nul-in-value": [_start((b"x", b"a\0b")), BODY],
    "/crlf-in-name": [_start((b"x: y\r\nz", b"a")), BODY],
    "/too-much": [LENGTH, {**BODY, "body": b"abcd"}],
    "/too-much-later": [LENGTH, {**BODY, "body": b"ab", "more_body": True}, BODY],
    "/too-little": [LENGTH, {**BODY, "body": b"ab"}],
    "/too-little-later": [LENGTH, {**BODY, "body": b"a", "more_body": True}, {**BODY, "body": b"b"}],
    "/bad-status": [{**START, "status": "200"}, BODY],
    "/str-body": [START, {**BODY, "body": "abc"}],
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Send the messages of the path."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    path = scope["path"]
    if path == "/raises":
        raise ValueError("raised on purpose")
    if path == "/raises-in-the-middle":
        await send(START)
        await send({**BODY, "more_body": True})
        raise ValueError("raised on purpose")
    if path == "/cancels-itself":
        raise asyncio.CancelledError
    if path == "/echo":
        await _echo(receive, send)
        return
    for message in MESSAGES[path]:
        await send(message)


async def _echo(receive: Any, send: Any) -> None:
    """Send back each piece of the body as soon as it arrives."""
    await send(START)
    while True:
        event = await receive()
        await send({"type": "http.response.body", "body": event["body"], "more_body": event["more_body"]})
        if not event["more_body"]:
            return
