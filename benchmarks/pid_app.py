"""Answers with the id of the process that serves."""

from __future__ import annotations

import os
from typing import Any

BODY = str(os.getpid()).encode()
HEADERS = [(b"content-length", str(len(BODY)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
