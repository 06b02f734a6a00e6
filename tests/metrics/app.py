"""An application whose behaviour depends on the path."""

import os
import sys
import time
from typing import Any

from tests.access_format_app import app as other_app


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        while os.path.exists(os.environ.get("TEST_HOLD_STARTUP", "")):
            time.sleep(0.01)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["path"] == "/block":
        print("blocked", file=sys.stderr, flush=True)
        while os.path.exists(os.environ["TEST_HOLD_LOOP"]):
            time.sleep(0.01)
    else:
        await other_app(scope, receive, send)
