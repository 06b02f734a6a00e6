"""The application of the browser test: a page, its WebSocket, and a path to which the page sends its report."""

from typing import Any

PAGE = b"""<!doctype html>
<title>WebSocket</title>
<script>
const steps = [];
const base = location.origin.replace("http", "ws");
const socket = new WebSocket(`${base}/socket`, ["one", "two"]);
socket.binaryType = "arraybuffer";
const text = "Gr\\u00fc\\u00dfe \\ud83d\\ude00 ".repeat(20000);
const binary = Uint8Array.from({length: 100000}, (_, place) => place % 251);
socket.onopen = () => {
  steps.push(socket.protocol, socket.extensions.split(";")[0]);
  socket.send(text);
  socket.send(binary);
  socket.send("close");
};
socket.onmessage = (event) => {
  if (typeof event.data === "string") {
    steps.push(event.data === text ? "text" : "wrong text");
    return;
  }
  const echoed = new Uint8Array(event.data);
  const same = echoed.length === binary.length && echoed.every((byte, place) => byte === binary[place]);
  steps.push(same ? "binary" : "wrong binary");
};
socket.onclose = (event) => {
  steps.push(event.code, event.reason, event.wasClean);
  const second = new WebSocket(`${base}/socket`);
  second.onopen = () => second.close(4321, "by the page");
  second.onclose = (event) => {
    steps.push(event.code, event.reason, event.wasClean);
    const third = new WebSocket(`${base}/refused`);
    third.onclose = (event) => {
      steps.push(event.code);
      fetch("/report", {method: "POST", body: JSON.stringify(steps)});
    };
  };
};
</script>
"""


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await converse(scope, receive, send)
        return
    assert scope["type"] == "http"
    if scope["path"] == "/report":
        body = b""
        more = True
        while more:
            event = await receive()
            body += event["body"]
            more = event["more_body"]
        print("report:", body.decode(), flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": PAGE})


async def converse(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    print("over HTTP:", scope["http_version"], flush=True)
    if scope["path"] == "/refused":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") == "close":
            await send({"type": "websocket.close", "code": 4123, "reason": "by the app \u00fc"})
            return
        await send({**event, "type": "websocket.send"})
    print("disconnect:", event["code"], event["reason"], flush=True)
