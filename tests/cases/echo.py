"""The application for the wire cases: it reads the whole body, records the request and echoes the body.

The records go to the list `seen` of the lifespan state. Without that list, they go to the file that the environment
variable `RECORD` names, as one JSON object per line.
"""

import json
import os
from typing import Any

from tests.cases.outcome import Seen


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await _echo_http(scope, receive, send)
    elif scope["type"] == "websocket":
        await _echo_websocket(receive, send)
    else:
        raise RuntimeError("no lifespan here")


async def _echo_http(scope: Any, receive: Any, send: Any) -> None:
    request = Seen(scope["method"], scope["raw_path"].decode("latin-1"))
    records = scope.get("state", {}).get("seen")
    if records is not None:
        records.append(request)
    request.complete = await _read_body(receive, request)
    if records is None:
        _record(scope, request)
    if not request.complete:
        return
    length = b"%d" % len(request.body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": request.body})


async def _read_body(receive: Any, request: Seen) -> bool:
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return False
        request.body += event["body"]
        if not event["more_body"]:
            return True


def _record(scope: Any, request: Seen) -> None:
    record = {
        "port": scope["client"][1],
        "method": request.method,
        "path": request.path,
        "body": request.body.decode("latin-1"),
        "complete": request.complete,
    }
    # The file is opened for each record, so that the line is in the file before the response is on the wire.
    with open(os.environ["RECORD"], "a") as log:
        log.write(json.dumps(record) + "\n")


async def _echo_websocket(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "bytes": event.get("bytes"), "text": event.get("text")})
