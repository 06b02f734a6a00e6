"""Applications that servers in child processes serve."""

import asyncio
import atexit
import ctypes
import json
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

# The name of the variable with the seconds that the application takes to start.
STARTUP = "TEST_STARTUP_SECONDS"
# The name of the variable with the seconds that the import of the module takes.
IMPORT = "TEST_IMPORT_SECONDS"
# If this variable is set, the application fails in its startup.
FAILS = "TEST_LIFESPAN_FAILS"
# The variable names a file. While the file exists, the import of the module fails.
BROKEN = "TEST_BROKEN_FILE"
# The variable names a file. While the file exists, a process that imports the module dies.
DYING = "TEST_DYING_FILE"

if os.path.exists(os.environ.get(BROKEN, "")):
    raise RuntimeError("the application is broken")
if os.path.exists(os.environ.get(DYING, "")):
    os._exit(7)
if IMPORT in os.environ:
    print("importing", file=sys.stderr, flush=True)
    time.sleep(float(os.environ[IMPORT]))


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the process id, and misbehave as the path says."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        await respond(scope, receive, send)


async def lifespan(receive: Any, send: Any) -> None:
    await receive()
    await asyncio.sleep(float(os.environ.get(STARTUP, "0")))
    if FAILS in os.environ:
        await send({"type": "lifespan.startup.failed", "message": "as asked"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def echo(receive: Any, send: Any) -> None:
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event["text"]})
        else:
            return


async def respond(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    if path == "/hold-gil":
        # This acts like an extension module that never releases the GIL: PyDLL keeps it, and signals do not end the
        # loop.
        if sys.implementation.name == "pypy":
            # PyPy has no PyDLL. There, arithmetic with numbers of this size keeps the GIL for minutes.
            _ = 7**10**8
        pause = ctypes.PyDLL(None).sleep
        while True:
            pause(600)
    if path == "/exit":
        os._exit(9)
    if path == "/never":
        print("never", file=sys.stderr, flush=True)
        await asyncio.Event().wait()
    if path == "/stream":
        await stream(send)
        return
    if path == "/slow":
        await asyncio.sleep(1)
    if path == "/block":
        time.sleep(1)
    if path == "/process":
        await answer(send, json.dumps(process()).encode())
        return
    if path.startswith("/at-exit/"):
        atexit.register(Path(path.removeprefix("/at-exit")).write_text, str(os.getpid()))
    await answer(send, str(os.getpid()).encode())


def process() -> dict[str, Any]:
    """Describe this process."""
    parent = multiprocessing.parent_process()
    return {
        "name": multiprocessing.current_process().name,
        "parent": parent and parent.pid,
        "start_method": multiprocessing.get_start_method(),
        "stdin": sys.stdin.fileno(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


async def stream(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    while True:
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await asyncio.sleep(0.05)


async def answer(send: Any, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
