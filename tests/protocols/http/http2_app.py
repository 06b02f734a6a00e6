"""The application for the live tests of HTTP/2."""

import asyncio
import functools
import itertools
import json
from typing import Any

from tests.processes import PATIENCE

# More requests than a browser opens connections to one server over HTTP/1.1.
TOGETHER = 20

PAGE = (
    b"""<!doctype html>
<title>HTTP/2</title>
<script>
async function load() {
  const together = Array.from({length: %d}, async () => (await fetch("/together")).status);
  const report = {together: await Promise.all(together)};
  const upload = new Uint8Array(1000000).fill(7);
  const echoed = new Uint8Array(await (await fetch("/echo", {method: "POST", body: upload})).arrayBuffer());
  report.upload = echoed.length === upload.length && echoed.every((byte) => byte === 7);
  report.download = (await (await fetch("/large")).arrayBuffer()).byteLength;
  const abort = new AbortController();
  const left = await fetch("/until-gone", {signal: abort.signal});
  abort.abort();
  report.left = await left.text().catch((error) => error.name);
  const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  report.protocols = [...new Set(entries.map((entry) => entry.nextHopProtocol))];
  await fetch("/report", {method: "POST", body: JSON.stringify(report)});
}
load().catch((error) => fetch("/report", {method: "POST", body: JSON.stringify(String(error))}));
</script>
"""
    % TOGETHER
)


_arrivals = itertools.count(1)


@functools.cache
def all_arrived() -> asyncio.Event:
    """Whether all requests of the page are being served at the same time."""
    return asyncio.Event()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await echo(scope, receive, send)
    if scope["type"] != "http":
        return
    path = scope["path"]
    if path in ("/begun", "/until-gone"):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
    if path in ("/busy", "/begun"):
        # It does not look for a disconnect, and it still runs when the last request of a test has arrived.
        await asyncio.sleep(PATIENCE / 10)
    if path == "/together":
        if next(_arrivals) == TOGETHER:
            all_arrived().set()
        await all_arrived().wait()
    body = await read_body(receive)
    if path == "/until-gone":
        print((await receive())["type"], flush=True)
        return
    if path == "/report":
        print("report:", body.decode(), flush=True)
    answer = {"/": b"Hello, world!", "/large": b"x" * 5_000_000, "/page": PAGE, "/scope": describe(scope)}.get(
        path, body
    )
    headers = [(b"content-length", b"%d" % len(answer))]
    if path == "/page":
        headers.append((b"content-type", b"text/html"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})
    print("closed:", event["code"], "over HTTP", scope["http_version"], flush=True)


def describe(scope: Any) -> bytes:
    """What the server knows about a request."""
    return json.dumps({name: scope[name] for name in ("http_version", "scheme", "client")}).encode()


async def read_body(receive: Any) -> bytes:
    body = bytearray()
    more_body = True
    while more_body:
        message = await receive()
        body += message.get("body", b"")
        more_body = message.get("more_body", False)
    return bytes(body)
