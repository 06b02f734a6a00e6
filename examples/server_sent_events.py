"""A page that shows server-sent events. The stream ends by itself when the server stops.

uvicorn examples.server_sent_events:app
"""

import asyncio
import time

PAGE = b"""<!doctype html>
<title>Server-sent events</title>
<p>The server's clock: <output id="clock"></output></p>
<script>
  const events = new EventSource("/events");
  events.onmessage = (event) => (clock.value = event.data);
  // The browser connects again after a second, to the server that is there by then.
  events.addEventListener("restart", () => (clock.value = "the server restarts"));
</script>
"""

# Seconds between two events. If there is no event, the stream sends a comment, because proxies cut silent streams.
INTERVAL = 1.0


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/events":
        await stream(scope, receive, send)
    else:
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(PAGE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})


async def stream(scope, receive, send):
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
    # The stream ends if the client has disconnected, or if the server stops. Other servers do not announce the second.
    ends = [asyncio.ensure_future(wait_for_disconnect(receive))]
    shutdown = scope.get("extensions", {}).get("uvicorn.shutdown")
    if shutdown is not None:
        ends.append(asyncio.ensure_future(shutdown["event"].wait()))
    try:
        ended = False
        while not ended:
            event = b"data: %s\n\n" % time.strftime("%X").encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
            ended, _ = await asyncio.wait(ends, timeout=INTERVAL, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
    await send({"type": "http.response.body", "body": b"event: restart\ndata:\n\n"})


async def wait_for_disconnect(receive):
    while (await receive())["type"] != "http.disconnect":
        pass
