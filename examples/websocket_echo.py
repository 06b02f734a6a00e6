"""A page with a WebSocket that sends back what is typed. Plain ASGI, no framework.

uvicorn examples.websocket_echo:app
"""

PAGE = b"""<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Echo</title>
<form><input autofocus placeholder="say something"> <button>send</button></form>
<ul></ul>
<script>
  const socket = new WebSocket(location.href.replace(/^http/, "ws"));
  const input = document.querySelector("input");
  const show = text => {
    const line = document.createElement("li");
    line.textContent = text;
    document.querySelector("ul").append(line);
  };
  socket.onmessage = event => show(event.data);
  socket.onclose = event => show(`closed: ${event.code}`);
  document.querySelector("form").onsubmit = event => {
    event.preventDefault();
    socket.send(input.value);
    input.value = "";
  };
</script>
"""


async def app(scope, receive, send):
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(PAGE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})
    elif scope["type"] == "websocket":
        await echo(receive, send)


async def echo(receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
