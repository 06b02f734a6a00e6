"""The application of the live tests: the path selects what it does."""

import asyncio
from typing import Any
from urllib.parse import parse_qs


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
    elif scope["type"] == "websocket":
        assert (await receive())["type"] == "websocket.connect"
        await ACTIONS[scope["path"]](scope, receive, send)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    subprotocol = scope["subprotocols"][0] if scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": [(b"x-app", b"echo")]})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
    print("disconnect", event["code"], event.get("reason", "without a reason"), flush=True)


async def close(scope: Any, receive: Any, send: Any) -> None:
    query = parse_qs(scope["query_string"].decode())
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": int(query["code"][0]), "reason": query["reason"][0]})


async def deny(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"content-length", b"7")]})
    for part in (b"not ", b"you"):
        await send({"type": "websocket.http.response.body", "body": part, "more_body": True})
    await send({"type": "websocket.http.response.body"})


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close"})


async def fail(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    raise ValueError("on purpose")


async def leave(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})


async def idle(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await asyncio.Event().wait()


async def flood(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    try:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(65536)})
    except OSError as error:
        print("flood ended:", type(error).__name__, flush=True)
        raise


ACTIONS = {
    "/echo": echo,
    "/close": close,
    "/deny": deny,
    "/refuse": refuse,
    "/fail": fail,
    "/leave": leave,
    "/idle": idle,
    "/flood": flood,
}
